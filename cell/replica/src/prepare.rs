//! Promote, the replica's part. `Prepare(n)` is queued behind the entries that were taken; from then on nothing below
//! `n` is acknowledged or promised, durably; the own promise is waited out; then the answer says how long the log is.

use platform_model::Epoch;

use crate::action::Action;
use crate::entry::Content;
use crate::meta::Upkeep;
use crate::moment::Moment;
use crate::names::OrderIndex;
use crate::persist::Done;
use crate::refusal::Refusal;
use crate::replica::{Out, Replica, Role};

/// A candidacy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Prepared {
    pub(crate) epoch: Epoch,
    /// The promise to follow nothing below is durable.
    pub(crate) stored: bool,
    /// When it last answered; never before.
    pub(crate) answered: Option<Moment>,
}

impl<C: Content> Replica<C> {
    pub(crate) fn prepare(
        &mut self,
        now: Moment,
        order: OrderIndex,
        epoch: Epoch,
        out: &mut Out<C>,
    ) -> Result<(), Refusal> {
        self.may_prepare(order, epoch)?;
        if let Some(prepared) = &mut self.prepared
            && prepared.epoch == epoch
        {
            prepared.answered = None;
            self.answer_prepare(now, out);
            return Ok(());
        }
        self.end_term(out);
        self.meta.order = order;
        if let Upkeep::Rewinding { .. } = self.meta.upkeep {
            // Nothing is undone before the one batch that undoes all: what is here is a consistent prefix still. Only
            // force asks such a copy, and whoever told it to rewind may be gone for good.
            self.meta.upkeep = Upkeep::Whole;
        }
        self.meta.promised = epoch;
        self.meta.candidate = epoch;
        self.prepared = Some(Prepared {
            epoch,
            stored: false,
            answered: None,
        });
        self.persist_meta(Done::Prepared, out);
        Ok(())
    }

    fn may_prepare(&self, order: OrderIndex, epoch: Epoch) -> Result<(), Refusal> {
        if matches!(self.role, Role::Vacant | Role::Amnesiac) {
            return Err(self.not_now());
        }
        if order < self.meta.order {
            return Err(Refusal::LateOrder {
                given: order,
                highest: self.meta.order,
            });
        }
        let begun = self
            .meta
            .config
            .as_ref()
            .is_some_and(|config| config.epoch >= epoch);
        if begun || self.meta.term.epoch >= epoch {
            return Err(Refusal::EpochBegun { epoch });
        }
        if epoch < self.meta.promised {
            return Err(Refusal::Promised {
                promised: self.meta.promised,
            });
        }
        if !self.is_whole() && !matches!(self.meta.upkeep, Upkeep::Rewinding { .. }) {
            return Err(Refusal::NotWhole);
        }
        Ok(())
    }

    pub(crate) fn prepare_stored(&mut self, now: Moment, out: &mut Out<C>) {
        let promised = self.meta.candidate;
        if let Some(prepared) = &mut self.prepared {
            prepared.stored |= prepared.epoch <= promised;
        }
        self.answer_prepare(now, out);
    }

    /// Answers once the promise to the primary before has run out, and again from time to time.
    pub(crate) fn answer_prepare(&mut self, now: Moment, out: &mut Out<C>) {
        let retry = self.retry_micros();
        let (Some(replica), Some(last)) = (self.meta.replica, self.log.head(self.durable)) else {
            return;
        };
        let Some(prepared) = &mut self.prepared else {
            return;
        };
        let again = prepared.answered.is_none_or(|at| now.since(at) >= retry);
        if prepared.stored && now >= self.own_promise && again {
            prepared.answered = Some(now);
            let epoch = prepared.epoch;
            out.push(Action::Prepared { epoch, replica, last });
        }
    }
}
