//! What a recovery makes of a state that was kept.

use control_plane_ledger::{Digest, Entry, Head, Record, Verdict};
use platform_model::{Epoch, Generation};

use crate::ledger::Ledger;
use crate::state::State;

/// Numbers of one incarnation: far more than a world ever gives out, and few enough that a later incarnation's fit into what any
/// reader of JSON keeps exact.
const NUMBERS: u32 = 32;
/// Incarnations are told apart by the time at which they begin: two recoveries from one backup have not one number.
const BEGINS_MS: u64 = 1_767_225_600_000; // 2026-01-01
const STEP_MS: u64 = 600_000;
/// 40 years of them.
const INCARNATION_MAX: u64 = 1 << 21;

/// Who recovers it, when, from what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovering {
    pub now_ms: u64,
    /// SPIFFE id.
    pub by: String,
    pub reason: String,
    /// Of what was recovered from.
    pub backup: Digest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRecoverable {
    #[error("the state is of no world that was made")]
    NoWorld,
    #[error("the clock says {now_ms}: the state is of {state_ms}")]
    Clock { now_ms: u64, state_ms: u64 },
    #[error("there is no incarnation after {0}")]
    Incarnations(u64),
}

/// The incarnation that begins at a time, if `before` was the last.
///
/// # Errors
/// When the numbers are used up.
pub fn incarnation_at(now_ms: u64, before: u64) -> Result<u64, NotRecoverable> {
    let by_time = now_ms.saturating_sub(BEGINS_MS) / STEP_MS;
    let incarnation = by_time.max(before + 1);
    if incarnation < INCARNATION_MAX {
        Ok(incarnation)
    } else {
        Err(NotRecoverable::Incarnations(before))
    }
}

/// The lowest number of an incarnation.
pub(super) fn floor(incarnation: u64) -> u64 {
    incarnation << NUMBERS
}

/// The number that stands for one of before in a later incarnation.
pub(super) fn raised(incarnation: u64, number: u64) -> u64 {
    floor(incarnation) + (number & (floor(1) - 1))
}

impl State {
    /// Of the incarnation that holds.
    pub(super) fn raised(&self, number: u64) -> u64 {
        raised(self.recovery.incarnation, number)
    }
}

/// Begins the next incarnation of a world with a state that was kept; with the decision that stands first in its ledger.
/// Pure: the same state and the same words give the same.
///
/// # Errors
/// [`NotRecoverable`].
pub fn recover(mut state: State, how: &Recovering) -> Result<(State, Entry), NotRecoverable> {
    if state.made.is_none() {
        return Err(NotRecoverable::NoWorld);
    }
    if how.now_ms < state.time_ms {
        let (now_ms, state_ms) = (how.now_ms, state.time_ms);
        return Err(NotRecoverable::Clock { now_ms, state_ms });
    }
    let incarnation = incarnation_at(how.now_ms, state.recovery.incarnation)?;
    state.time_ms = how.now_ms;
    state.recovery.incarnation = incarnation;
    state.recovery.silent.clear();
    let served = state.shards.iter().filter(|(_, record)| record.config.is_some());
    state.recovery.unsure = served.map(|(shard, _)| shard.clone()).collect();
    state.table_generation = Generation(raised(incarnation, state.table_generation.0));
    // Numbers of decisions of before may have been given to others since: none is given twice. The chain goes on.
    let head = state.ledger.head();
    state.ledger = Ledger::after(Head {
        sequence: floor(incarnation),
        hash: head.hash,
    });
    let entry = state.ledger.accept(Record {
        time_ms: state.time_ms,
        actor: how.by.clone(),
        command: "recover-world".to_owned(),
        subject: "world".to_owned(),
        command_digest: how.backup,
        inputs_digest: head.hash,
        verdict: Verdict::Accepted {
            table: state.table_generation.0,
        },
        reason: how.reason.clone(),
        count: 1,
        repeats: 0,
    });
    Ok((state, entry))
}

impl State {
    /// The lowest epoch that may be given out now.
    pub(super) fn epochs_from(&self) -> Epoch {
        Epoch(floor(self.recovery.incarnation))
    }
}
