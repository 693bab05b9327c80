//! What waits for the disk. Batches become durable in order, so one queue is enough.

use platform_model::{Generation, Position, Term};

use crate::action::{Action, Write};
use crate::config::Member;
use crate::entry::Content;
use crate::frame::Ask;
use crate::moment::Moment;
use crate::names::Ticket;
use crate::refusal::Refusal;
use crate::replica::{Out, Replica};

/// A batch under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Pending {
    pub ticket: Ticket,
    /// End of the log once this batch is durable.
    pub end: Position,
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
