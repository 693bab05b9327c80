//! What people ask of an operation that is under way: to wait, to go on, to turn back, to end.

use platform_model::{Generation, ReplicaId, ShardId};

use super::record::{OperationId, OperationKind, OperationRecord, OperationState};
use super::refusal::OperationRefusal;
use super::step::Step;
use super::supersede::may_count_again;
use crate::changes::Changes;
use crate::command::{Author, Envelope};
use crate::limits::TEXT_BYTES_MAX;
use crate::refusal::{Refusal, Text};
use crate::rules::{shard as rules, text};
use crate::shard_config::{ConfigPhase, ConfigRefusal};
use crate::state::State;

/// The operation, if it is under way and as the caller has seen it.
pub(super) fn at(state: &State, id: OperationId, expected: Generation) -> Result<&OperationRecord, Refusal> {
    let record = state.operations.records.get(&id);
    let record = record.ok_or(OperationRefusal::UnknownOperation(id))?;
    if record.generation != expected {
        return Err(Refusal::GenerationMismatch {
            record: format!("operation {id}"),
            have: record.generation,
            expected,
        });
    }
    if !record.state.is_active() {
        return Err(not_now(id, record));
    }
    Ok(record)
}

pub(super) fn not_now(operation: OperationId, record: &OperationRecord) -> Refusal {
    let state = format!("{}, at `{}`", record.state.as_str(), record.step);
    OperationRefusal::NotNow { operation, state }.into()
}

/// Changes the record, which [`at`] has found.
pub(super) fn change(state: &mut State, id: OperationId, change: impl FnOnce(&mut OperationRecord)) {
    if let Some(record) = state.operations.records.get_mut(&id) {
        change(record);
        record.generation = record.generation.next();
    }
    state.operations.trim();
}

fn turn(state: &mut State, id: OperationId, to: OperationState) {
    change(state, id, |record| record.state = to);
}

pub(super) fn pause(state: &mut State, id: OperationId, expected: Generation) -> Result<(), Refusal> {
    let record = at(state, id, expected)?;
    if record.state != OperationState::Running {
        return Err(not_now(id, record));
    }
    turn(state, id, OperationState::Paused);
    Ok(())
}

pub(super) fn resume(state: &mut State, id: OperationId, expected: Generation) -> Result<(), Refusal> {
    let record = at(state, id, expected)?;
    let config = rules::served(state, &record.shard)?;
    // Who was to be given the shard back does not come: the new one may keep it.
    let stays = record.state == OperationState::Reversing && record.replica == Some(config.primary.replica);
    if record.state != OperationState::Paused && !stays {
        return Err(not_now(id, record));
    }
    turn(state, id, OperationState::Running);
    Ok(())
}

/// What was made is taken back. One that made nothing has ended.
pub(super) fn cancel(state: &mut State, id: OperationId, expected: Generation) -> Result<(), Refusal> {
    let record = at(state, id, expected)?;
    if record.step >= Step::Erase {
        return Err(OperationRefusal::PointOfNoReturn(id).into());
    }
    if record.may_reverse() {
        return Err(OperationRefusal::ReverseInstead(id).into());
    }
    if !record.may_cancel() {
        return Err(not_now(id, record));
    }
    let config = rules::served(state, &record.shard)?;
    if matches!(record.kind, OperationKind::Failover { .. }) && config.phase != ConfigPhase::Steady {
        return Err(ConfigRefusal::UnderWay.into());
    }
    let (made, now_ms) = (record.replica.is_some(), state.time_ms);
    change(state, id, |record| {
        record.state = OperationState::Cancelling;
        if !made {
            (record.state, record.ended_ms) = (OperationState::Cancelled, Some(now_ms));
        }
    });
    Ok(())
}

/// The old primary is to lead again; if it was retired meanwhile, it may come back in sync.
pub(super) fn reverse(
    state: &mut State,
    envelope: &Envelope,
    id: OperationId,
    expected: Generation,
) -> Result<Changes, Refusal> {
    let record = at(state, id, expected)?;
    if record.step >= Step::Erase {
        return Err(OperationRefusal::PointOfNoReturn(id).into());
    }
    if !record.may_reverse() {
        return Err(not_now(id, record));
    }
    let config = rules::served(state, &record.shard)?;
    if let Some(source) = record.source.filter(|source| !config.names(*source)) {
        return Err(OperationRefusal::NoWayBack(source).into());
    }
    let (shard, own) = (record.shard.clone(), [record.source, record.replica]);
    turn(state, id, OperationState::Reversing);
    Ok(stays(state, envelope, &shard, own))
}

/// A window ends at once; an erasure without a receipt is left to the order that stands in the table. Of a repair the
/// controllers may say that themselves: what it replaces is often on a node that never answers.
pub(super) fn finish(
    state: &mut State,
    author: &Author,
    id: OperationId,
    expected: Generation,
) -> Result<(), Refusal> {
    let record = at(state, id, expected)?;
    let unasked = matches!(author, Author::Controller { .. });
    if unasked && !matches!(record.kind, OperationKind::Repair { .. }) {
        return Err(Refusal::NotYours {
            author: author.to_string(),
            subject: format!("operation {id}"),
        });
    }
    if record.state != OperationState::Running {
        return Err(not_now(id, record));
    }
    let now_ms = state.time_ms;
    match (&record.kind, record.step) {
        (OperationKind::Move { .. }, Step::Window) => change(state, id, |record| {
            record.window_until_ms = Some(now_ms);
        }),
        (_, Step::Erase) => {
            super::advance::is_ordered(state, record)?;
            change(state, id, |record| end(record, OperationState::Done, now_ms));
        }
        _ => return Err(not_now(id, record)),
    }
    Ok(())
}

/// It cannot come to its end. Past the point of no return nothing fails: it waits.
pub(super) fn fail(
    state: &mut State,
    envelope: &Envelope,
    id: OperationId,
    expected: Generation,
    why: &str,
) -> Result<Changes, Refusal> {
    text(Text::Reason, why, 1, TEXT_BYTES_MAX)?;
    let record = at(state, id, expected)?;
    if record.step >= Step::Erase {
        return Err(OperationRefusal::PointOfNoReturn(id).into());
    }
    let (shard, own) = (record.shard.clone(), [record.source, record.replica]);
    let (why, now_ms) = (why.to_owned(), state.time_ms);
    change(state, id, |record| {
        end(record, OperationState::Failed { why }, now_ms)
    });
    Ok(stays(state, envelope, &shard, own))
}

/// Nobody takes its copies out now. Up to version 1 what was retired stayed so.
fn stays(state: &mut State, envelope: &Envelope, shard: &ShardId, own: [Option<ReplicaId>; 2]) -> Changes {
    let mut changes = Changes {
        hidden: true,
        ..Changes::default()
    };
    if envelope.version >= 2 {
        may_count_again(state, shard, own, &mut changes);
    }
    changes
}

/// It has ended so.
pub(super) fn end(record: &mut OperationRecord, how: OperationState, now_ms: u64) {
    if how == OperationState::Done {
        (record.step, record.step_since_ms) = (Step::Done, now_ms);
    }
    (record.state, record.ended_ms) = (how, Some(now_ms));
}
