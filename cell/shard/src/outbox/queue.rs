//! The events of a term on their way from the committer to whoever relays them: a short cut past the outbox, bounded. What
//! does not fit is passed over, and said so: it lies in the outbox.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use platform_model::{Position, RootRef};

use super::closed::Closed;
use super::row::OutboxRow;

/// Rows and bytes that wait here at most.
const ROWS_MAX: usize = 8_192;
const BYTES_MAX: usize = 8 << 20;

/// What was told since it was last asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// All of it, in the order in which it was told.
    Rows(Vec<OutboxRow>),
    /// Some of it, all committed by now, was passed over: the outbox has it. What was told since is taken next.
    PassedOver,
}

#[derive(Debug, Default)]
pub(crate) struct Emissions {
    rows: Mutex<Rows>,
    /// Some event up to here is in no queue.
    passed_over: AtomicU64,
    /// Of what waits for its delivery.
    pub(crate) outbox: Closed,
    /// Of what waits for a broker.
    pub(crate) bridge: Closed,
    /// The last position with something for a broker.
    bridged_at: AtomicU64,
}

#[derive(Debug, Default)]
struct Rows {
    queue: VecDeque<OutboxRow>,
    bytes: usize,
}

impl Emissions {
    /// Sealed, and not committed yet; positions never fall.
    pub(crate) fn push(&self, posted: Vec<OutboxRow>) {
        let Some(last) = posted.last() else { return };
        let position = last.key.at.position;
        let added: usize = posted.iter().map(OutboxRow::bytes).sum();
        let mut rows = self.rows.lock();
        let fits = rows.queue.len() + posted.len() <= ROWS_MAX && rows.bytes + added <= BYTES_MAX;
        if fits {
            rows.bytes += added;
            rows.queue.extend(posted);
        } else {
            // All of it: what is read from the outbox must not be overtaken by what stayed here.
            rows.queue.clear();
            rows.bytes = 0;
            self.passed_over.fetch_max(position.0, Ordering::AcqRel);
        }
    }

    /// Something at `position` is not handed over.
    pub(crate) fn passed_over(&self, position: Position, any: bool) {
        if any {
            self.passed_over.fetch_max(position.0, Ordering::AcqRel);
        }
    }

    pub(crate) fn is_ready(&self, committed: Position) -> bool {
        let missed = self.passed_over.load(Ordering::Acquire);
        if missed > 0 {
            return missed <= committed.0;
        }
        let rows = self.rows.lock();
        rows.queue
            .front()
            .is_some_and(|row| row.key.at.position <= committed)
    }

    pub(crate) fn take(&self, committed: Position) -> Taken {
        let mut rows = self.rows.lock();
        let missed = self.passed_over.load(Ordering::Acquire);
        if missed > 0 {
            // What waits behind it may only be taken once the outbox was read up to it.
            if missed > committed.0 {
                return Taken::Rows(Vec::new());
            }
            // Another may have been noted since it was read: that one is taken next.
            let _ = self
                .passed_over
                .compare_exchange(missed, 0, Ordering::AcqRel, Ordering::Acquire);
            return Taken::PassedOver;
        }
        let mut taken = Vec::new();
        while let Some(row) = rows.queue.pop_front_if(|row| row.key.at.position <= committed) {
            rows.bytes -= row.bytes();
            taken.push(row);
        }
        Taken::Rows(taken)
    }

    /// For what `root` tells. `takes_back`: for what takes something back there is room beside.
    pub(crate) fn is_full(&self, root: Option<RootRef>, takes_back: bool) -> bool {
        self.outbox.is_closed(root, takes_back) || self.bridge.is_closed(root, takes_back)
    }

    /// Something for a broker is in the batch at `position`; whether it is written is not known yet.
    pub(crate) fn bridged(&self, position: Position) {
        self.bridged_at.fetch_max(position.0, Ordering::AcqRel);
    }

    /// Whether something for a broker may have been committed behind `seen`.
    pub(crate) fn is_bridged_behind(&self, seen: Position, committed: Position) -> bool {
        committed > seen && self.bridged_at.load(Ordering::Acquire) > seen.0
    }
}
