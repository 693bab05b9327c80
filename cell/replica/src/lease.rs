//! Promises. A standby promises with every answer not to become primary for `d`; the primary serves only while it
//! holds unexpired promises of the whole effective set. One withheld promise stops it, so who is promoted waits for
//! its own promise only.
//!
//! The primary counts d(1-r) from its own *send*, the standby d(1+r) from its answer, r = 1 %, both by a clock that
//! counts suspend.

use crate::entry::Content;
use crate::frame::{Ask, Promise};
use crate::moment::{Moment, counted, kept};
use crate::persist::Done;
use crate::plant::Plant;
use crate::primary::Stage;
use crate::replica::{Out, Replica, Role};

impl<C: Content> Replica<C> {
    /// Promises, as a standby. Never for longer than what is durably known to have been promised.
    pub(crate) fn promise(&mut self, now: Moment, ask: Ask) -> Promise {
        let micros = ask.lease_micros.min(self.meta.lease_micros_max);
        self.own_promise = self.own_promise.max(now.plus(kept(micros)));
        Promise {
            echo: ask.sent,
            micros,
        }
    }

    /// Once it serves and what it promised to those before it has run out, or was given back, it forgets durably that it
    /// ever promised: a restart then waits for nothing. While it leads it promises nothing, and whoever it follows later
    /// asks anew, which is durable before it is answered.
    pub(crate) fn let_the_promise_go(&mut self, now: Moment, out: &mut Out<C>) {
        let Role::Primary(primary) = &self.role else {
            return;
        };
        let is_over = now >= self.own_promise || primary.released_to_me;
        if primary.stage == Stage::Serving && is_over && self.meta.lease_micros_max > 0 {
            self.meta.lease_micros_max = 0;
            self.persist_meta(Done::Nothing, out);
        }
    }

    /// Until when a promise counts for the primary that asked.
    pub(crate) fn counts_until(promise: Promise) -> Moment {
        promise.echo.plus(counted(promise.micros))
    }

    /// Whether the primary holds what it needs to serve at `now`: every promise, or nobody who could be promoted.
    pub(crate) fn leased(&self, now: Moment) -> bool {
        let Role::Primary(primary) = &self.role else {
            return false;
        };
        if self.plants.has(Plant::ServeWithoutLease) {
            return true;
        }
        if self.meta.promised > primary.term.epoch || (now < self.own_promise && !primary.released_to_me) {
            return false;
        }
        self.meta.effective.iter().all(|member| {
            primary
                .peer(*member)
                .is_some_and(|peer| now < peer.promised_until)
        })
    }

    /// Until when [`Replica::may_answer`] goes on saying yes if nothing else happens: for hosts whose readers ask without
    /// the machine. None if it says no at `now`; the end of time where no lease is needed.
    pub fn answers_until(&self, now: Moment) -> Option<Moment> {
        if !self.may_answer(now) {
            return None;
        }
        let Role::Primary(primary) = &self.role else {
            return None;
        };
        let never = Moment(u64::MAX);
        if self.plants.has(Plant::ServeWithoutLease) {
            return Some(never);
        }
        let promised =
            |member: &platform_model::ReplicaId| primary.peer(*member).map(|peer| peer.promised_until);
        Some(
            self.meta
                .effective
                .iter()
                .filter_map(promised)
                .min()
                .unwrap_or(never),
        )
    }
}
