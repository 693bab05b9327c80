//! Following: which primary is heard, entries taken in order, acknowledgements.
//!
//! A follower keeps the highest term durably and hears nothing lower. It accepts only the entry that follows its
//! own and whose chain fits; what it has acknowledged it has durably.

use platform_model::{Generation, Term};

use crate::action::Write;
use crate::config::Member;
use crate::entry::{Body, Content, Entry, Head};
use crate::frame::{Ask, Frame, Message, Promise, Status};
use crate::limits::PENDING_BATCHES_MAX;
use crate::meta::Upkeep;
use crate::moment::Moment;
use crate::persist::Done;
use crate::plant::Plant;
use crate::refusal::Refusal;
use crate::replica::{Out, Replica, Role};
use crate::switchover::{Early, Release};

/// What a follower holds beside what is durable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Follower {
    /// Whom it follows, and in which term.
    pub(crate) leader: Option<(Member, Term)>,
    pub(crate) release: Option<Release>,
    /// A release of a handover that was not read here yet.
    pub(crate) early: Option<Early>,
    /// When it last asked for what it needs to become whole.
    pub(crate) worked: Moment,
    /// The handover that it has confirmed durably.
    pub(crate) confirmed: Option<Generation>,
}

impl<C: Content> Replica<C> {
    pub(crate) fn is_whole(&self) -> bool {
        self.meta.upkeep == Upkeep::Whole
    }

    pub(crate) fn follower_state(&self) -> &'static str {
        match self.meta.upkeep {
            Upkeep::Copying { .. } => "copying",
            Upkeep::Rewinding { .. } => "rewinding",
            Upkeep::Mending { .. } => "mending",
            Upkeep::Whole if self.prepared.is_some() => "prepared",
            Upkeep::Whole => "standby",
        }
    }

    pub(crate) fn hear_primary(
        &mut self,
        now: Moment,
        frame: Frame<C>,
        out: &mut Out<C>,
    ) -> Result<(), Refusal> {
        self.may_follow(&frame)?;
        let (from, term) = (frame.from, frame.term);
        match frame.message {
            Message::Query(ask) | Message::Append { ask, .. } | Message::KeepAlive { ask, .. }
                if ask.known > self.durable && !self.plants.has(Plant::EmptyDiskUnderAnOldName) =>
            {
                self.lost_what_was_acknowledged(now, from, term, out);
                Ok(())
            }
            Message::Query(ask) => {
                self.query(from, term, ask, out);
                Ok(())
            }
            Message::Append { ask, entries } => self.append(now, from, term, ask, entries, out),
            Message::KeepAlive { ask, serves } => {
                self.keep_alive(now, from, term, ask, serves, out);
                Ok(())
            }
            Message::Rewind { fork, end } => self.rewind(now, fork, end, out),
            Message::Restored { fork, stamp, page } => self.restored(fork, stamp, page, out),
            Message::CopyBase { base } => self.copy_base(base, out),
            Message::Page {
                chunk,
                stamp,
                page,
                last,
            } => self.page(chunk, stamp, page, last, out),
            Message::Release {
                generation,
                epoch,
                last,
            } => self.release(generation, epoch, last, out),
            _ => Err(self.not_now()),
        }
    }

    /// Whether the sender is the primary of a term that is not over here.
    fn may_follow(&self, frame: &Frame<C>) -> Result<(), Refusal> {
        let term = frame.term;
        let begins = matches!(frame.message, Message::Query(_));
        if let Role::Primary(primary) = &self.role
            && (primary.term.epoch >= term.epoch || !begins)
        {
            let highest = primary.term;
            return Err(Refusal::TermTooLow { term, highest });
        }
        if term < self.meta.term {
            let highest = self.meta.term;
            return Err(Refusal::TermTooLow { term, highest });
        }
        if term.epoch < self.meta.promised {
            return Err(Refusal::Promised {
                promised: self.meta.promised,
            });
        }
        if let Some(config) = &self.meta.config {
            if term.epoch < config.epoch {
                let highest = Term {
                    epoch: config.epoch,
                    ..Term::default()
                };
                return Err(Refusal::TermTooLow { term, highest });
            }
            if term.epoch == config.epoch && config.primary.replica != frame.from.replica {
                let from = frame.from.replica;
                return Err(Refusal::NotPrimary { from, term });
            }
        }
        if term > self.meta.term && !begins {
            return Err(Refusal::UnknownTerm { term });
        }
        Ok(())
    }

    /// The primary knows of more than is here: the disk is not the one that acknowledged it.
    fn lost_what_was_acknowledged(&mut self, now: Moment, from: Member, term: Term, out: &mut Out<C>) {
        let Some(asked) = self.meta.replica else { return };
        let have = self.meta.replica;
        let refusal = Refusal::Amnesia { asked, have };
        self.send(from, term, Message::Refused(refusal), out);
        self.forgot(now, out);
    }

    fn query(&mut self, from: Member, term: Term, ask: Ask, out: &mut Out<C>) {
        self.follow(out);
        self.meta.term = term;
        self.meta.lease_micros_max = self.meta.lease_micros_max.max(ask.lease_micros);
        if let Role::Follower(follower) = &mut self.role {
            follower.leader = Some((from, term));
            follower.early.take_if(|early| early.term != term);
            if follower.release.as_ref().is_some_and(|held| held.term != term) {
                follower.release = None;
                follower.confirmed = None;
            }
        }
        self.persist_meta(Done::Queried { term, to: from, ask }, out);
    }

    pub(crate) fn answer_query(&mut self, now: Moment, term: Term, to: Member, ask: Ask, out: &mut Out<C>) {
        if self.heeds(term) {
            let promise = self.promise(now, ask);
            self.send_status(to, term, promise, out);
        }
    }

    /// Tells how it stands, durably. Entries that are not durable yet are left out.
    pub(crate) fn send_status(&self, to: Member, term: Term, promise: Promise, out: &mut Out<C>) {
        // Where what is durable is trimmed already, more is about to be.
        let Some(last) = self.log.head(self.durable) else {
            return;
        };
        let mut ends = self.log.ends().to_vec();
        ends.retain(|end| end.epoch <= last.term.epoch);
        if let Some(end) = ends.last_mut() {
            end.end = end.end.min(last.position);
        }
        let status = Status {
            last,
            upkeep: if self.plants.has(Plant::StatusBeforeDurable) {
                self.meta.upkeep
            } else {
                self.durable_upkeep
            },
            ends,
            promise,
        };
        self.send(to, term, Message::Status(status), out);
    }

    /// Tells its leader how it stands now, promising nothing.
    pub(crate) fn tell_status(&self, out: &mut Out<C>) {
        if let Role::Follower(Follower {
            leader: Some((leader, term)),
            ..
        }) = &self.role
            && self.heeds(*term)
        {
            let promise = Promise {
                echo: Moment::default(),
                micros: 0,
            };
            self.send_status(*leader, *term, promise, out);
        }
    }

    fn append(
        &mut self,
        now: Moment,
        from: Member,
        term: Term,
        ask: Ask,
        entries: Vec<Entry<C>>,
        out: &mut Out<C>,
    ) -> Result<(), Refusal> {
        let fresh = self.fresh(&entries)?;
        if self.pending.len() >= PENDING_BATCHES_MAX {
            return Err(Refusal::Busy);
        }
        self.heard = now;
        let apply =
            !matches!(self.meta.upkeep, Upkeep::Copying { .. }) || self.plants.has(Plant::PageAfterLog);
        let mut writes = Vec::with_capacity(entries.len() - fresh + 1);
        let mut mended = false;
        for entry in entries.into_iter().skip(fresh) {
            self.log.push(entry.clone());
            mended |= self.meta.upkeep == Upkeep::Mending { until: entry.head };
            if apply && let Body::Trim(upto) = entry.body {
                self.log.trim(upto);
            }
            writes.push(Write::Entry { entry, apply });
        }
        if mended {
            self.meta.upkeep = Upkeep::Whole;
            writes.push(self.meta_write());
        }
        self.persist(writes, Done::Taken { term, to: from, ask }, out);
        if self.plants.has(Plant::AckBeforeDurable) {
            let (last, promise) = (self.log.last(), self.promise(now, ask));
            self.send(from, term, Message::Ack { last, promise }, out);
        }
        Ok(())
    }

    /// How many of the entries are here already, if the rest follows.
    fn fresh(&self, entries: &[Entry<C>]) -> Result<usize, Refusal> {
        if matches!(
            self.meta.upkeep,
            Upkeep::Rewinding { .. } | Upkeep::Copying { base: None, .. }
        ) {
            return Err(self.not_now());
        }
        let last = self.log.last();
        let end = last.position;
        let (Some(first), Some(newest)) = (entries.first(), entries.last()) else {
            return Err(Refusal::Repeat { position: end, end });
        };
        let position = first.head.position;
        if position > end.next() {
            return Err(Refusal::Gap { position, end });
        }
        if newest.head.position <= end {
            let position = newest.head.position;
            let own = self.log.head(position);
            if own.is_some_and(|own| own.chain != newest.head.chain) {
                return Err(Refusal::ChainMisfit { position });
            }
            return Err(Refusal::Repeat { position, end });
        }
        let skip = usize::try_from(end.next().0 - position.0).unwrap_or(usize::MAX);
        let mut before = last;
        for (index, entry) in entries.iter().enumerate().skip(skip.saturating_sub(1)) {
            if index + 1 == skip {
                // The last that is here already.
                if entry.head.chain != last.chain {
                    return Err(Refusal::ChainMisfit { position: end });
                }
                continue;
            }
            follows(entry, before)?;
            before = entry.head;
        }
        Ok(skip)
    }

    /// A batch of entries is durable: say so, unless the term is over here.
    pub(crate) fn acknowledge(&mut self, now: Moment, term: Term, to: Member, ask: Ask, out: &mut Out<C>) {
        if !self.heeds(term) {
            return;
        }
        if let Some(last) = self.log.head(self.durable) {
            let promise = self.promise(now, ask);
            self.send(to, term, Message::Ack { last, promise }, out);
        }
    }

    fn keep_alive(
        &mut self,
        now: Moment,
        from: Member,
        term: Term,
        ask: Ask,
        serves: bool,
        out: &mut Out<C>,
    ) {
        if serves {
            self.heard = now;
        }
        if let Role::Follower(follower) = &mut self.role {
            follower.leader = Some((from, term));
        }
        self.acknowledge(now, term, from, ask, out);
    }

    /// Whether it follows the term and no promise forbids to answer to it.
    pub(crate) fn heeds(&self, term: Term) -> bool {
        if !matches!(self.role, Role::Follower(_)) {
            return false;
        }
        term == self.meta.term && term.epoch >= self.meta.promised
    }

    /// Its process is about to stop on purpose: it asks to be dropped first.
    pub(crate) fn leave(&mut self, out: &mut Out<C>) -> Result<(), Refusal> {
        let Role::Follower(Follower {
            leader: Some((leader, term)),
            ..
        }) = &self.role
        else {
            return Err(self.not_now());
        };
        self.send(*leader, *term, Message::Leaving, out);
        Ok(())
    }

    /// Prepared answers, confirmations and requests for pages that may have been lost.
    pub(crate) fn follower_tick(&mut self, now: Moment, out: &mut Out<C>) {
        self.answer_prepare(now, out);
        let retry = self.retry_micros();
        let Role::Follower(follower) = &mut self.role else {
            return;
        };
        if now.since(follower.worked) < retry {
            return;
        }
        follower.worked = now;
        let confirmed = follower.confirmed;
        self.take_up_work(now, out);
        if let Some(generation) = confirmed {
            self.confirm(generation, out);
        }
    }
}

fn follows<C: Content>(entry: &Entry<C>, before: Head) -> Result<(), Refusal> {
    let position = entry.head.position;
    if position != before.position.next() {
        let end = before.position;
        return Err(Refusal::Gap { position, end });
    }
    if entry.before != before.chain || entry.head.term < before.term {
        return Err(Refusal::ChainMisfit { position });
    }
    Ok(())
}
