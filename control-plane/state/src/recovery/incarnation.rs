//! What a recovery makes of a state that was kept.

use std::collections::BTreeSet;

use control_plane_ledger::{Digest, Head};
use platform_model::{Epoch, Generation};

use super::{Origin, Recovery};
use crate::ledger::Ledger;
use crate::operation::{OperationId, OperationState, Operations};
use crate::rules::law::withdraw;
use crate::state::State;
use crate::trust::Trust;

/// Numbers of one incarnation: far more than a world ever gives out, and few enough that a later incarnation's fit into what any
/// reader of JSON keeps exact.
const NUMBERS: u32 = 32;
/// Incarnations are told apart by the time at which they begin: two recoveries from one backup have not one number.
const BEGINS_MS: u64 = 1_767_225_600_000; // 2026-01-01
const STEP_MS: u64 = 600_000;
/// Numbers between those of two recoveries of one step, at least: more than either gives out before somebody sees the other.
const APART: u32 = 16;
/// 40 years of them.
const INCARNATION_MAX: u64 = 1 << 21;

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

/// Below every number of an incarnation.
pub(super) fn floor(incarnation: u64) -> u64 {
    incarnation << NUMBERS
}

/// The number that stands for one of before where `from` is the first that is given out. The upper half of an incarnation's numbers
/// is room for those to come.
fn raised(from: u64, number: u64) -> u64 {
    let half = floor(1) / 2 - 1;
    let (above, own) = (from & !(floor(1) - 1), from & half);
    above + (own + (number & half)) % (half + 1)
}

/// Begins the next incarnation of a world with a state that was kept. Pure: the same state and the same words give the same.
///
/// # Errors
/// [`NotRecoverable`].
pub fn recover(mut state: State, how: &Origin) -> Result<State, NotRecoverable> {
    if state.made.is_none() {
        return Err(NotRecoverable::NoWorld);
    }
    if how.at_ms < state.time_ms {
        let (now_ms, state_ms) = (how.at_ms, state.time_ms);
        return Err(NotRecoverable::Clock { now_ms, state_ms });
    }
    let incarnation = incarnation_at(how.at_ms, state.recovery.incarnation)?;
    // Those that nobody serves may be served since.
    let unsure = state.shards.keys().cloned().collect();
    // Two recoveries that begin within one step are of one incarnation: they give out other numbers all the same.
    let from = floor(incarnation) + how.apart();
    state.time_ms = how.at_ms;
    state.table_generation = Generation(raised(from, state.table_generation.0)).next();
    // Numbers of decisions of before may have been given to others since: none is given twice. The hash binds what goes on to what
    // was, and to who said so.
    state.ledger = Ledger::after(Head {
        sequence: from,
        hash: how.binds(&state.ledger.head()),
    });
    let law_kept = keep_law(&mut state, from);
    end(&mut state.operations, from, how);
    close(&mut state.trust, from);
    state.recovery = Recovery {
        incarnation,
        from,
        unsure,
        silent: BTreeSet::new(),
        missed: BTreeSet::new(),
        law_kept,
        law_told: 0,
        list_may_lack: true,
        origin: Some(how.clone()),
    };
    Ok(state)
}

/// Who proposed or approved a law may have withdrawn it since: what does not hold yet is not taken up. Answers the revision that it had.
fn keep_law(state: &mut State, from: u64) -> u64 {
    let proposed = state.law.proposed.as_ref().map(|law| law.version);
    let waiting = state.law.waiting().map(|law| law.law.version);
    for version in proposed.into_iter().chain(waiting) {
        let withdrawn = withdraw(state, version);
        withdrawn.expect("a law that waits can be withdrawn");
    }
    let book = &mut state.law;
    book.generation = Generation(raised(from, book.generation.0));
    let Some(law) = &mut book.in_force else { return 0 };
    let kept = law.revision;
    law.revision = raised(from, kept);
    kept
}

/// What was under way has gone on, or has ended, since: whoever wants it asks for it again. No number comes twice.
fn end(operations: &mut Operations, from: u64, how: &Origin) {
    operations.last = OperationId(raised(from, operations.last.0));
    let active = operations.records.values_mut();
    for record in active.filter(|record| record.state.is_active()) {
        record.state = OperationState::Failed {
            why: "the world was recovered from a backup".to_owned(),
        };
        record.ended_ms = Some(how.at_ms);
        record.generation = record.generation.next();
    }
}

/// A token that was used since would be good for a second key; a window that was closed since would be open again.
fn close(trust: &mut Trust, from: u64) {
    let unused = trust
        .join_tokens
        .values_mut()
        .filter(|token| token.bound.is_none());
    unused.for_each(|token| token.revoked = true);
    trust.break_glass.clear();
    trust.break_glass_last = raised(from, trust.break_glass_last);
}

impl Origin {
    /// Where among the numbers of its incarnation a recovery begins: who says so, when and why is never the same twice.
    fn apart(&self) -> u64 {
        let drawn = self.binds(&Head::genesis("apart"));
        let [first, second, ..] = *drawn.as_bytes();
        u64::from(u16::from_be_bytes([first, second]) >> 1) << APART
    }

    fn binds(&self, before: &Head) -> Digest {
        let mut bytes = Vec::new();
        let at = self.at_ms.to_be_bytes();
        for part in [
            before.hash.as_bytes().as_slice(),
            self.backup.as_bytes(),
            self.by.as_bytes(),
            self.reason.as_bytes(),
            &at,
        ] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        Digest::of("meridian recovered world", &bytes)
    }
}

impl State {
    /// Of the incarnation that holds.
    pub(super) fn raised(&self, number: u64) -> u64 {
        raised(self.recovery.from, number)
    }

    /// Whether it is known of every shard who holds it, and nobody goes by a later law: the table may be given out.
    pub fn is_recovered(&self) -> bool {
        self.recovery.is_over() && !self.law_is_behind()
    }

    /// Whether nodes go by a later law than the backup had, and nobody has approved one since.
    pub fn law_is_behind(&self) -> bool {
        let recovery = &self.recovery;
        let since_ms = recovery.origin.as_ref().map_or(0, |origin| origin.at_ms);
        let anew = self
            .law
            .approved
            .as_ref()
            .is_some_and(|law| law.approved_ms >= since_ms);
        recovery.law_told > recovery.law_kept && !anew
    }

    /// Whether a number may have been given out before the incarnation that holds.
    pub(super) fn is_of_before(&self, number: u64) -> bool {
        number < floor(self.recovery.incarnation)
    }

    /// Above every epoch of before: no shard is led in one of them again.
    pub(super) fn epochs_from(&self) -> Epoch {
        Epoch(self.recovery.from)
    }

    /// Of a shard that is served for the first time. One of its name may have been in a world whose end nobody knows.
    pub(crate) fn first_epoch(&self) -> Epoch {
        self.epochs_from().next()
    }

    /// Of the record of a shard that is new, for the same reason.
    pub(crate) fn first_generation(&self) -> Generation {
        Generation(self.recovery.from).next()
    }
}
