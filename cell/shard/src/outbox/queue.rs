//! The events of a term on their way from the committer to whoever relays them: a short cut past the outbox, bounded. What
//! does not fit is passed over, and said so: it lies in the outbox.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use platform_model::{Position, RootRef};

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
    full: AtomicBool,
    /// Full of what takes back, too.
    over: AtomicBool,
    /// Roots of which as much waits as may, and whether as much of what takes back too.
    full_roots: RwLock<BTreeMap<RootRef, bool>>,
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
        let of_root = root.and_then(|root| self.full_roots.read().get(&root).copied());
        if of_root.is_some_and(|over| over || !takes_back) {
            return true;
        }
        let full = if takes_back { &self.over } else { &self.full };
        full.load(Ordering::Relaxed)
    }

    pub(crate) fn set_full_of(&self, root: RootRef, full: bool, over: bool) {
        let mut roots = self.full_roots.write();
        if full {
            roots.insert(root, over);
        } else {
            roots.remove(&root);
        }
    }

    pub(crate) fn set_over(&self, over: bool) {
        self.over.store(over, Ordering::Relaxed);
    }

    pub(crate) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }
}
