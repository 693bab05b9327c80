//! When a step is done: what the shard's configuration, the certificates and the time must show.

use platform_model::{CopyState, Generation, ReplicaId};

use super::change::{at, change, end, not_now};
use super::record::{Certified, OperationId, OperationKind, OperationRecord, OperationState};
use super::refusal::{OperationRefusal, Waits};
use super::step::Step;
use super::{Planted, planted};
use crate::limits::CERTIFICATES_MAX;
use crate::refusal::{Counted, Refusal};
use crate::rules::{count, shard as rules};
use crate::shard_config::{ConfigPhase, ShardConfig};
use crate::state::State;

/// Leaves a step for the one that follows; an operation that turns back ends when it has arrived.
pub(super) fn advance(
    state: &mut State,
    id: OperationId,
    expected: Generation,
    to: Step,
    certificates: &[Certified],
) -> Result<(), Refusal> {
    count(Counted::Certificates, certificates.len(), CERTIFICATES_MAX)?;
    let record = at(state, id, expected)?;
    let config = rules::served(state, &record.shard)?;
    let now_ms = state.time_ms;
    match record.state {
        OperationState::Running => {}
        OperationState::Cancelling | OperationState::Reversing if to == Step::Done => {
            let ended = taken_back(record, config)?;
            change(state, id, |record| end(record, ended, now_ms));
            return Ok(());
        }
        _ => return Err(not_now(id, record)),
    }
    let next = record.kind.after(record.step);
    if next != Some(to) {
        let (at, given) = (record.step, to);
        return Err(OperationRefusal::WrongStep { at, next, given }.into());
    }
    if !planted(Planted::StepNotLookedAt) {
        is_done(record, config, certificates, now_ms)?;
    }
    change(state, id, |record| enter(record, to, certificates, now_ms));
    Ok(())
}

/// Puts the operation at `step`.
pub(super) fn enter(record: &mut OperationRecord, step: Step, certificates: &[Certified], now_ms: u64) {
    if record.step == Step::Verify {
        record.certificates = certificates.to_vec();
    }
    if let (OperationKind::Move { window_ms, .. }, Step::Window) = (&record.kind, step) {
        record.window_until_ms = Some(now_ms.saturating_add(*window_ms));
    }
    (record.step, record.step_since_ms) = (step, now_ms);
    if step == Step::Done {
        end(record, OperationState::Done, now_ms);
    }
}

fn waits(step: Step, waits: Waits) -> Refusal {
    OperationRefusal::NotDone { step, waits }.into()
}

fn is_done(
    record: &OperationRecord,
    config: &ShardConfig,
    certificates: &[Certified],
    now_ms: u64,
) -> Result<(), Refusal> {
    let step = record.step;
    let made = record.replica.and_then(|replica| config.standby(replica));
    let at_least = |state| made.is_some_and(|copy| copy.state >= state);
    let source_named = record.source.is_some_and(|source| config.names(source));
    let waited = match step {
        Step::AddStandby => made.is_none().then_some(Waits::NotAdded),
        Step::Copy => (!at_least(CopyState::CatchingUp)).then_some(Waits::NotWhole),
        Step::CatchUp => (!at_least(CopyState::InSync)).then_some(Waits::NotInSync),
        Step::Verify => uncertified(record, config, certificates),
        Step::Promote | Step::Switchover if config.phase != ConfigPhase::Steady => {
            Some(Waits::ChangeUnderWay)
        }
        Step::Promote => (config.epoch <= record.epoch).then_some(Waits::NotLeading),
        Step::Switchover => (Some(config.primary.replica) != record.replica).then_some(Waits::NotLeading),
        Step::Window => {
            let until_ms = record.window_until_ms.unwrap_or(now_ms);
            (now_ms < until_ms).then_some(Waits::WindowOpen { until_ms })
        }
        Step::RemoveStandby => source_named.then_some(Waits::StillNamed),
        Step::Erase => unreceipted(record, config),
        Step::Done => None,
    };
    waited.map_or(Ok(()), |waited| Err(waits(step, waited)))
}

/// Every copy that is compared needs a certificate of the epoch that is served.
fn uncertified(record: &OperationRecord, config: &ShardConfig, given: &[Certified]) -> Option<Waits> {
    let epoch = config.epoch;
    let certified = |replica: ReplicaId| {
        let mut all = given.iter();
        all.any(|certified| certified.replica == replica && certified.epoch == epoch)
    };
    let missing = match record.replica {
        Some(replica) => !certified(replica),
        None => config.candidates().skip(1).any(|copy| !certified(copy.replica)),
    };
    missing.then_some(Waits::NoCertificate { epoch })
}

fn unreceipted(record: &OperationRecord, config: &ShardConfig) -> Option<Waits> {
    let source = record.source?;
    if !config.erased.contains(&source) {
        return Some(Waits::NotErased);
    }
    config.erasing.contains_key(&source).then_some(Waits::NoReceipt)
}

/// That it was ordered that the old copy be erased, whether or not its node has answered.
pub(super) fn is_ordered(state: &State, record: &OperationRecord) -> Result<(), Refusal> {
    let config = rules::served(state, &record.shard)?;
    match unreceipted(record, config) {
        Some(waited @ Waits::NotErased) => Err(waits(record.step, waited)),
        _ => Ok(()),
    }
}

/// How an operation that turned back has ended: the copy that it made is out and its erasure ordered, and if it is
/// reversed, the old primary leads.
fn taken_back(record: &OperationRecord, config: &ShardConfig) -> Result<OperationState, Refusal> {
    let reversed = record.state == OperationState::Reversing;
    if reversed && record.source != Some(config.primary.replica) {
        return Err(waits(record.step, Waits::NotLeading));
    }
    if let Some(replica) = record.replica {
        if config.names(replica) {
            return Err(waits(record.step, Waits::StillNamed));
        }
        if config.left.contains_key(&replica) {
            return Err(waits(record.step, Waits::NotErased));
        }
    }
    Ok(if reversed {
        OperationState::Reversed
    } else {
        OperationState::Cancelled
    })
}
