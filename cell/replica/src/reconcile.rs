//! A new term begins with reconciliation: the primary serves nothing until it knows how every member of the
//! effective set stands, has sent what they lack, and has a `term` entry acknowledged by all. Otherwise it could show
//! what only it has, and be lost with it.

use platform_model::Position;

use crate::action::Action;
use crate::entry::{Body, Content, Head};
use crate::frame::{Ask, Message, Status};
use crate::meta::Upkeep;
use crate::moment::Moment;
use crate::peer::PeerPhase;
use crate::plant::Plant;
use crate::primary::Stage;
use crate::replica::{Out, Replica, Role};
use crate::report::{Report, Unusable};

impl<C: Content> Replica<C> {
    pub(crate) fn query_all(&mut self, now: Moment, out: &mut Out<C>) {
        let Role::Primary(primary) = &self.role else {
            return;
        };
        for index in 0..primary.peers.len() {
            self.query_peer(now, index, out);
        }
    }

    pub(crate) fn query_peer(&mut self, now: Moment, index: usize, out: &mut Out<C>) {
        let Some((member, term, ask)) = self.ask(now, index) else {
            return;
        };
        if let Role::Primary(primary) = &mut self.role {
            primary.peers[index].queried = now;
        }
        self.send(member, term, Message::Query(ask), out);
    }

    /// What goes with everything that a primary asks of a standby.
    pub(crate) fn ask(
        &mut self,
        now: Moment,
        index: usize,
    ) -> Option<(crate::config::Member, platform_model::Term, Ask)> {
        let lease_micros = self.lease_micros();
        let Role::Primary(primary) = &mut self.role else {
            return None;
        };
        let peer = primary.peers.get_mut(index)?;
        peer.asked = now;
        let ask = Ask {
            sent: now,
            lease_micros,
            known: peer.acked,
        };
        Some((peer.member, primary.term, ask))
    }

    /// A standby told how it stands. Only the answer to the newest question counts: an older one may tell of a log that
    /// has been taken back since. What was told without being asked makes the primary ask.
    pub(crate) fn status(&mut self, now: Moment, index: usize, status: &Status, out: &mut Out<C>) {
        let retry = self.retry_micros();
        let Role::Primary(primary) = &mut self.role else {
            return;
        };
        let (term, serves) = (
            primary.term,
            matches!(primary.stage, Stage::Serving | Stage::Draining),
        );
        let committed = primary.committed;
        let Some(peer) = primary.peers.get_mut(index) else {
            return;
        };
        peer.heard = now;
        peer.promised_until = peer.promised_until.max(Self::counts_until(status.promise));
        if peer.phase == PeerPhase::Unusable {
            // Asking it again would keep the control plane from being told again that it is of no use.
            return;
        }
        if status.promise.echo != peer.queried {
            if now.since(peer.queried) >= retry / 4 {
                self.query_peer(now, index, out);
            }
            return;
        }
        peer.whole = status.upkeep == Upkeep::Whole;
        let member = peer.member;
        let loose = self.plants.has(Plant::TwoContentsAtOnePosition);
        if status.last.position > self.log.end() && status.last.term.epoch == term.epoch && !loose {
            // It has of this epoch what this primary does not: this disk is not the one that sent it.
            self.forgot(now, out);
            return;
        }
        if let Upkeep::Copying { base: None, .. } = status.upkeep {
            if serves && let Some(base) = self.log.head(committed) {
                self.send(member, term, Message::CopyBase { base }, out);
            }
            return;
        }
        self.compare(now, index, status, serves, out);
    }

    /// Finds where the standby's log forks from the own one. One whose rows show an entry that it has yet to get, and
    /// that is not in this log, has nothing to undo in its log, but its rows are of another history.
    fn compare(&mut self, now: Moment, index: usize, status: &Status, serves: bool, out: &mut Out<C>) {
        let loose = self.plants.has(Plant::TwoContentsAtOnePosition);
        let rewinds = matches!(status.upkeep, Upkeep::Rewinding { .. });
        let Some(fork) = self.log.fork(&status.ends) else {
            self.give_up(index, Unusable::Trimmed, out);
            return;
        };
        let is_end = fork.position == status.last.position;
        let shown = match status.upkeep {
            Upkeep::Copying { stamp, .. } | Upkeep::Mending { until: stamp } => stamp,
            Upkeep::Whole | Upkeep::Rewinding { .. } => status.last,
        };
        let strange = shown.position > status.last.position && !self.shows(shown);
        let fits = fork.chain == status.last.chain;
        if (is_end && fits && !rewinds && !strange) || loose {
            self.stream_from(now, index, status.last.position.min(self.log.end()), out);
        } else if is_end && !fits && !rewinds {
            self.give_up(index, Unusable::Misfit, out);
        } else {
            self.ask_to_rewind(index, fork, status.last, serves, out);
        }
        self.reconciled(out);
        self.advance(out);
    }

    fn ask_to_rewind(&mut self, index: usize, fork: Head, end: Head, serves: bool, out: &mut Out<C>) {
        let Role::Primary(primary) = &mut self.role else {
            return;
        };
        let term = primary.term;
        let Some(peer) = primary.peers.get_mut(index) else {
            return;
        };
        let member = peer.member;
        if self.meta.effective.contains(&member.replica) {
            // What a member has beyond the primary was never acknowledged by it, and it is no prefix any more.
            self.give_up(index, Unusable::Misfit, out);
            return;
        }
        peer.phase = PeerPhase::Rewinding;
        peer.verified.clear();
        peer.acked = Position(0);
        if serves {
            self.send(member, term, Message::Rewind { fork, end }, out);
        }
    }

    /// The standby cannot be brought up. If it is a member it is dropped; then it is copied anew.
    pub(crate) fn give_up(&mut self, index: usize, why: Unusable, out: &mut Out<C>) {
        let Role::Primary(primary) = &mut self.role else {
            return;
        };
        let Some(peer) = primary.peers.get_mut(index) else {
            return;
        };
        peer.phase = PeerPhase::Unusable;
        peer.why = Some(why);
        peer.promised_until = peer.promised_until.min(peer.heard);
        let replica = peer.replica();
        out.push(Action::Report(Report::Unusable { replica, why }));
    }

    /// Once every member is known to be a prefix, the term's first entry goes out. With no member to ask, the control
    /// plane is asked: it must have said since this process started that the configuration is the newest.
    pub(crate) fn reconciled(&mut self, out: &mut Out<C>) {
        let plant = self.plants.has(Plant::ReadBeforeAllHaveIt);
        let durable = self.durable;
        let Role::Primary(primary) = &mut self.role else {
            return;
        };
        let known = |member: &platform_model::ReplicaId| {
            primary
                .peer(*member)
                .is_some_and(|peer| peer.phase == PeerPhase::Streaming)
        };
        let alone = self.meta.effective.is_empty() && !self.plants.has(Plant::AloneWithoutAsking);
        if alone && !self.confirmed {
            // Nobody could tell it that it was replaced: what is on its disk may be an image of long ago.
            return;
        }
        if primary.stage != Stage::Reconciling || !(plant || self.meta.effective.iter().all(known)) {
            return;
        }
        primary.stage = Stage::Opening;
        if plant {
            primary.committed = durable;
            primary.start = durable;
            primary.stage = Stage::Serving;
            out.push(Action::Serving(primary.term));
        }
        out.push(Action::Seal(Body::Term));
    }
}
