//! The stream: entries leave in order, after they are durable here; an acknowledgement counts only if it equals the
//! own entry. Committed is the highest position durable here and acknowledged by the whole effective set.

use platform_model::Position;

use crate::action::{Action, Write};
use crate::entry::{Body, Content, Entry, Head};
use crate::frame::{Frame, Message, Promise};
use crate::limits::{LEAVING_LEASES, MESSAGE_ENTRIES, PENDING_ENTRIES_MAX, WINDOW_ENTRIES};
use crate::moment::Moment;
use crate::peer::PeerPhase;
use crate::persist::Done;
use crate::plant::Plant;
use crate::primary::Stage;
use crate::refusal::Refusal;
use crate::replica::{Out, Replica, Role};
use crate::report::Unusable;

impl<C: Content> Replica<C> {
    /// The host sealed an entry at the tail.
    pub(crate) fn sealed(&mut self, entry: Entry<C>, out: &mut Out<C>) -> Result<(), Refusal> {
        let Role::Primary(primary) = &self.role else {
            return Err(self.not_now());
        };
        let (term, head, last) = (primary.term, entry.head, self.log.last());
        if head.term != term {
            return Err(Refusal::UnknownTerm { term: head.term });
        }
        if head.position != last.position.next() {
            let (position, end) = (head.position, last.position);
            return Err(Refusal::Gap { position, end });
        }
        if entry.before != last.chain {
            let position = head.position;
            return Err(Refusal::ChainMisfit { position });
        }
        let opens = matches!(entry.body, Body::Term) && primary.start == Position(0);
        let planted = self.plants.has(Plant::ReadBeforeAllHaveIt);
        match (&entry.body, primary.stage) {
            (Body::Term, Stage::Opening) if opens => {}
            (Body::Term, _) if planted => {}
            (Body::Data(_) | Body::Trim(_) | Body::Barrier { .. }, Stage::Serving) => {}
            (Body::Data(_), Stage::Draining | Stage::Released) => return Err(Refusal::Moving),
            _ => return Err(self.not_now()),
        }
        if last.position.0 - self.durable.0 >= PENDING_ENTRIES_MAX {
            return Err(Refusal::Busy);
        }
        self.take_own(entry, out);
        Ok(())
    }

    fn take_own(&mut self, entry: Entry<C>, out: &mut Out<C>) {
        let position = entry.head.position;
        self.log.push(entry.clone());
        if let Role::Primary(primary) = &mut self.role {
            match entry.body {
                Body::Term => primary.start = position,
                Body::Barrier { chunk } => primary.await_digest(chunk, position),
                Body::Trim(_) | Body::Data(_) => {}
            }
        }
        if let Body::Trim(upto) = entry.body {
            self.log.trim(upto);
        }
        self.persist(vec![Write::Entry { entry, apply: true }], Done::Own, out);
    }

    pub(crate) fn own_durable(&mut self, now: Moment, out: &mut Out<C>) {
        let Role::Primary(primary) = &self.role else {
            return;
        };
        out.push(Action::Durable(self.durable));
        for index in 0..primary.peers.len() {
            self.pump(now, index, out);
        }
        self.advance(out);
        self.drain(now, out);
    }

    /// From here on the standby is sent what it lacks.
    pub(crate) fn stream_from(&mut self, now: Moment, index: usize, at: Position, out: &mut Out<C>) {
        let Role::Primary(primary) = &mut self.role else {
            return;
        };
        let Some(peer) = primary.peers.get_mut(index) else {
            return;
        };
        peer.acked = peer.acked.max(at);
        if peer.phase != PeerPhase::Streaming {
            peer.phase = PeerPhase::Streaming;
            peer.sent = peer.acked;
            (peer.progressed, peer.advanced) = (now, now);
        }
        peer.sent = peer.sent.max(peer.acked);
        self.pump(now, index, out);
    }

    /// Sends what fits into the window.
    pub(crate) fn pump(&mut self, now: Moment, index: usize, out: &mut Out<C>) {
        let early = self.plants.has(Plant::TwoContentsAtOnePosition);
        loop {
            let Role::Primary(primary) = &mut self.role else {
                return;
            };
            let Some(peer) = primary.peers.get_mut(index) else {
                return;
            };
            let full = peer.sent.0.saturating_sub(peer.acked.0) >= WINDOW_ENTRIES;
            let ready = if early { self.log.end() } else { self.durable };
            if peer.phase != PeerPhase::Streaming || peer.sent >= ready || full {
                return;
            }
            if peer.sent < self.log.base().position {
                self.give_up(index, Unusable::Trimmed, out);
                return;
            }
            let more = self.log.after(peer.sent);
            let durable = |entry: &&Entry<C>| entry.head.position <= ready;
            let entries: Vec<Entry<C>> = more.take_while(durable).take(MESSAGE_ENTRIES).cloned().collect();
            let Some(last) = entries.last() else { return };
            if peer.sent == peer.acked {
                peer.progressed = now;
            }
            peer.sent = last.head.position;
            let Some((member, term, ask)) = self.ask(now, index) else {
                return;
            };
            self.send(member, term, Message::Append { ask, entries }, out);
        }
    }

    pub(crate) fn hear_standby(
        &mut self,
        now: Moment,
        frame: Frame<C>,
        out: &mut Out<C>,
    ) -> Result<(), Refusal> {
        let Role::Primary(primary) = &self.role else {
            return Err(self.not_now());
        };
        let (term, highest) = (frame.term, primary.term);
        if term < highest {
            return Err(Refusal::TermTooLow { term, highest });
        }
        if term > highest || primary.stage == Stage::Raising {
            return Err(Refusal::UnknownTerm { term });
        }
        let from = frame.from.replica;
        let index = primary.peer_index(from);
        let speaks = |index: &usize| primary.peers[*index].member == frame.from;
        let Some(index) = index.filter(speaks) else {
            return Err(Refusal::ForeignReplica { from });
        };
        match frame.message {
            Message::Status(status) => {
                self.status(now, index, &status, out);
                Ok(())
            }
            Message::Ack { last, promise } => self.acknowledged(now, index, last, promise, out),
            Message::FetchKeys { fork, keys } => self.fetch_keys(from, fork, keys, out),
            Message::FetchPage { chunk } => self.fetch_page(from, chunk, out),
            Message::Digest {
                chunk,
                position,
                digest,
            } => self.digest_of(index, chunk, position, digest, out),
            Message::Leaving => {
                let until = now.plus(self.lease_micros() * LEAVING_LEASES);
                if let Role::Primary(primary) = &mut self.role {
                    primary.peers[index].leaving_until = until;
                    primary.proposed = Moment::default();
                }
                self.tend(now, out);
                Ok(())
            }
            Message::Refused(refusal) => {
                self.refused_by(now, index, &refusal, out);
                Ok(())
            }
            _ => Err(self.not_now()),
        }
    }

    fn acknowledged(
        &mut self,
        now: Moment,
        index: usize,
        last: Head,
        promise: Promise,
        out: &mut Out<C>,
    ) -> Result<(), Refusal> {
        let position = last.position;
        let loose = self.plants.has(Plant::TwoContentsAtOnePosition);
        let own = self.log.head(position);
        let differs = own.is_some_and(|own| own != last) && !loose;
        if position > self.durable || differs {
            return Err(Refusal::AckMisfit { position });
        }
        let Role::Primary(primary) = &mut self.role else {
            return Err(self.not_now());
        };
        let peer = &mut primary.peers[index];
        if peer.phase == PeerPhase::Unusable {
            return Ok(());
        }
        peer.heard = now;
        peer.promised_until = peer.promised_until.max(Self::counts_until(promise));
        if peer.phase == PeerPhase::Streaming && position > peer.acked {
            peer.acked = position;
            peer.sent = peer.sent.max(position);
            (peer.progressed, peer.advanced) = (now, now);
            self.advance(out);
            self.pump(now, index, out);
            self.drain(now, out);
        }
        Ok(())
    }

    /// Moves `committed`, and lets out what waited for it.
    pub(crate) fn advance(&mut self, out: &mut Out<C>) {
        let unborn = self.meta.config.as_ref().is_some_and(|config| config.unborn);
        let alone = self.plants.has(Plant::AcknowledgeBeforeTheStandby);
        let Role::Primary(primary) = &mut self.role else {
            return;
        };
        if primary.stage < Stage::Opening || primary.start == Position(0) {
            return;
        }
        let acked = |member: &platform_model::ReplicaId| {
            let streaming = |peer: &&crate::peer::Peer| peer.phase == PeerPhase::Streaming;
            primary
                .peer(*member)
                .filter(streaming)
                .map_or(Position(0), |peer| peer.acked)
        };
        let slowest = self.meta.effective.iter().map(acked).min();
        let position = match slowest {
            Some(slowest) if !alone => slowest.min(self.durable),
            _ => self.durable,
        };
        if position >= primary.start && position > primary.committed {
            primary.committed = position;
            out.push(Action::Committed(position));
        }
        if primary.stage == Stage::Opening && primary.committed >= primary.start && !unborn {
            primary.stage = Stage::Serving;
            out.push(Action::Serving(primary.term));
        }
        self.let_out_pages(out);
    }

    fn refused_by(&mut self, now: Moment, index: usize, refusal: &Refusal, out: &mut Out<C>) {
        let copying = self.is_copying(index);
        let retry = self.retry_micros();
        let Role::Primary(primary) = &mut self.role else {
            return;
        };
        let term = primary.term;
        let peer = &mut primary.peers[index];
        match refusal {
            Refusal::Gap { end, .. }
                if peer.phase == PeerPhase::Streaming && now.since(peer.went_back) >= retry =>
            {
                peer.went_back = now;
                peer.sent = peer.sent.min((*end).max(peer.acked));
                self.pump(now, index, out);
            }
            Refusal::Repeat { .. } => {
                if let Some((member, _, ask)) = self.ask(now, index) {
                    self.send(member, term, Message::KeepAlive { ask, serves: false }, out);
                }
            }
            Refusal::Amnesia { .. } if !copying && peer.phase != PeerPhase::Unusable => {
                self.give_up(index, Unusable::Amnesia, out);
                self.tend(now, out);
            }
            Refusal::UnknownTerm { .. }
                if peer.phase != PeerPhase::Unusable && now.since(peer.queried) >= retry / 4 =>
            {
                self.query_peer(now, index, out);
            }
            Refusal::ChainMisfit { .. } if peer.phase == PeerPhase::Streaming => {
                peer.phase = PeerPhase::Asking;
                self.query_peer(now, index, out);
            }
            // Its promise runs out, or it is asked again when its time comes.
            _ => {}
        }
    }
}
