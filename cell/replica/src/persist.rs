//! What waits for the disk. Batches become durable in order, so one queue is enough.

use platform_model::{Generation, Position, Term};

use crate::action::{Action, Write};
use crate::config::Member;
use crate::entry::{Content, Head};
use crate::frame::Ask;
use crate::log::Log;
use crate::meta::Upkeep;
use crate::moment::Moment;
use crate::names::Ticket;
use crate::refusal::Refusal;
use crate::replica::{Out, Replica};

/// A batch under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Pending {
    pub ticket: Ticket,
    /// End of the log, and what the copy is, once this batch is durable.
    pub end: Position,
    pub upkeep: Upkeep,
    pub done: Done,
}

/// What is done once a batch is durable.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Done {
    Nothing,
    /// The first batch of a copy, or of the first primary.
    Formed,
    /// Entries of a primary were taken.
    Taken {
        term: Term,
        to: Member,
        ask: Ask,
    },
    /// A term was noted: answer how this copy stands.
    Queried {
        term: Term,
        to: Member,
        ask: Ask,
    },
    /// An own entry.
    Own,
    Raised(Term),
    /// The set is durable with a member that is to be added.
    Joined,
    Prepared,
    Released(Generation),
    Confirmed(Generation),
    Rewinding,
    Restored,
    Based,
    Paged,
}

impl<C: Content> Replica<C> {
    /// Writes a batch; `done` follows when it is durable.
    pub(crate) fn persist(&mut self, writes: Vec<Write<C>>, done: Done, out: &mut Out<C>) {
        let ticket = self.next_ticket;
        self.next_ticket = Ticket(ticket.0 + 1);
        self.pending.push_back(Pending {
            ticket,
            end: self.log.end(),
            upkeep: self.meta.upkeep,
            done,
        });
        out.push(Action::Persist { ticket, writes });
    }

    pub(crate) fn persist_meta(&mut self, done: Done, out: &mut Out<C>) {
        let meta = self.meta_write();
        self.persist(vec![meta], done, out);
    }

    pub(crate) fn meta_write(&self) -> Write<C> {
        Write::Meta(Box::new(self.meta.clone()))
    }

    /// Takes back what is past `end`: of what remains no more is durable, whatever is under way.
    pub(crate) fn cut_log(&mut self, end: Position) {
        self.log.truncate(end);
        self.durable = self.durable.min(end);
        for pending in &mut self.pending {
            pending.end = pending.end.min(end);
        }
    }

    /// Begins another log: none of the one before is any part of it.
    pub(crate) fn reset_log(&mut self, base: Head) {
        self.log = Log::from_base(base);
        self.durable = base.position;
        for pending in &mut self.pending {
            pending.end = base.position;
        }
    }

    pub(crate) fn persisted(&mut self, now: Moment, ticket: Ticket, out: &mut Out<C>) -> Result<(), Refusal> {
        let known = |pending: &Pending| pending.ticket <= ticket;
        if ticket >= self.next_ticket || !self.pending.front().is_some_and(known) {
            return Err(Refusal::UnknownTicket);
        }
        while self.pending.front().is_some_and(known) {
            let Some(pending) = self.pending.pop_front() else {
                break;
            };
            self.durable = pending.end;
            self.durable_upkeep = pending.upkeep;
            self.done(now, pending.done, out);
        }
        Ok(())
    }

    fn done(&mut self, now: Moment, done: Done, out: &mut Out<C>) {
        match done {
            Done::Nothing => {}
            Done::Formed => self.settle(now, out),
            Done::Taken { term, to, ask } => self.acknowledge(now, term, to, ask, out),
            Done::Queried { term, to, ask } => self.answer_query(now, term, to, ask, out),
            Done::Own => self.own_durable(now, out),
            Done::Raised(term) => self.raised(now, term, out),
            Done::Joined => self.tend(now, out),
            Done::Prepared => self.prepare_stored(now, out),
            Done::Released(generation) => self.release_stored(generation, out),
            Done::Confirmed(generation) => self.confirm(generation, out),
            Done::Rewinding | Done::Based => self.take_up_work(now, out),
            Done::Restored | Done::Paged => self.step_of_copy_done(now, out),
        }
    }
}
