//! An operation as people see it: its record, how far it is, and what it waits for.

use control_plane_state::State;
use control_plane_state::operation::{
    OperationId, OperationKind, OperationRecord, OperationState, Receipt, Step,
};
use control_plane_state::shard_config::ShardConfig;
use platform_wire::operation::{Blocker, Change, OperationView, Progress, RunState};

use super::leader::{Leader, config_of};
use super::next::{Blocked, Next};
use super::watched::Watched;

/// When somebody looks, by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// By the clock that reports are timed with.
    pub now_micros: u64,
    /// Since 1970.
    pub now_ms: u64,
}

impl Leader {
    pub fn view(
        &self,
        state: &State,
        id: OperationId,
        record: &OperationRecord,
        at: Moment,
    ) -> OperationView {
        let active = record.state.is_active();
        let config = config_of(state, &record.shard).filter(|_| active);
        let progress = config.and_then(|config| self.progress(record, config));
        let next = self.next_of(at.now_micros, at.now_ms, state, id, record);
        let blocked = match next {
            Some(Next::Blocked(blocked)) if active => Some(blocked),
            _ => None,
        };
        let blockers = blocked.map(|blocked| self.blocker(id, record, blocked));
        OperationView {
            id: id.0,
            generation: record.generation,
            kind: record.kind.name().to_owned(),
            shard: record.shard.clone(),
            steps: record.kind.steps().iter().map(ToString::to_string).collect(),
            step: record.step.to_string(),
            state: run_state(&record.state),
            by: record.by.clone(),
            reason: record.reason.clone(),
            started_ms: record.started_ms,
            step_since_ms: record.step_since_ms,
            deadline_ms: record.deadline_ms,
            ended_ms: record.ended_ms,
            from: Some(record.from.clone()),
            to: record.kind.target().cloned(),
            replica: record.replica,
            source: record.source,
            window_until_ms: record.window_until_ms,
            certificate: certificate(record),
            receipt: record.receipt.map(receipt),
            plan_hash: record
                .plan
                .map(|plan| plan.as_bytes().to_vec())
                .unwrap_or_default(),
            allowed: allowed(record),
            progress,
            blockers: blockers.into_iter().collect(),
        }
    }

    fn blocker(&self, id: OperationId, record: &OperationRecord, blocked: Blocked) -> Blocker {
        let since_ms = self
            .blocked_since_ms(id, &blocked)
            .unwrap_or(record.step_since_ms);
        Blocker {
            code: blocked.code.to_owned(),
            what: blocked.what,
            who: blocked.who,
            since_ms,
            next_retry_ms: blocked.until_ms,
            fix: blocked.fix,
        }
    }

    /// From what was reported: nothing of it right after the leader has changed.
    fn progress(&self, record: &OperationRecord, config: &ShardConfig) -> Option<Progress> {
        let watched = self.shards.get(&record.shard)?;
        match record.step {
            Step::AddStandby | Step::Copy | Step::CatchUp => copying(watched, record, config),
            Step::Verify => comparing(watched, record, config),
            _ => None,
        }
    }
}

fn copying(watched: &Watched, record: &OperationRecord, config: &ShardConfig) -> Option<Progress> {
    let copy = &watched.copy(record.replica?)?.report;
    let head = watched
        .copy(config.primary.replica)
        .map(|seen| seen.report.last.0);
    let (left, rate) = (copy.copy_left_bytes, copy.copy_bytes_per_second);
    Some(Progress {
        bytes_done: copy.copied_bytes,
        bytes_left: left,
        bytes_per_second: rate,
        seconds_left: if left == 0 {
            Some(0)
        } else {
            left.checked_div(rate)
        },
        lag_entries: head.unwrap_or(copy.last.0).saturating_sub(copy.last.0),
        chunks_done: 0,
        chunks: 0,
    })
}

fn comparing(watched: &Watched, record: &OperationRecord, config: &ShardConfig) -> Option<Progress> {
    let compared = config.candidates().skip(1).map(|copy| copy.replica);
    let compared = compared.filter(|replica| record.replica.is_none_or(|own| own == *replica));
    let known: Vec<_> = compared
        .filter_map(|replica| watched.certified(replica))
        .collect();
    if known.is_empty() {
        return None;
    }
    Some(Progress {
        bytes_done: 0,
        bytes_left: 0,
        bytes_per_second: 0,
        seconds_left: None,
        lag_entries: 0,
        chunks_done: known.iter().map(|known| known.chunks).sum(),
        chunks: known.iter().map(|known| known.of).sum(),
    })
}

fn run_state(state: &OperationState) -> RunState {
    match state {
        OperationState::Running => RunState::Running,
        OperationState::Paused => RunState::Paused,
        OperationState::Cancelling => RunState::Cancelling,
        OperationState::Reversing => RunState::Reversing,
        OperationState::Done => RunState::Done,
        OperationState::Cancelled => RunState::Cancelled,
        OperationState::Reversed => RunState::Reversed,
        OperationState::Failed { why } => RunState::Failed(why.clone()),
    }
}

/// What may be asked of it now.
fn allowed(record: &OperationRecord) -> Vec<Change> {
    let running = record.state == OperationState::Running;
    let waits = matches!(
        (&record.kind, record.step),
        (OperationKind::Move { .. }, Step::Window) | (_, Step::Erase)
    );
    let all = [
        (Change::Pause, running),
        (Change::Resume, record.state == OperationState::Paused),
        (Change::Cancel, record.may_cancel()),
        (Change::Reverse, record.may_reverse()),
        (Change::Finish, running && waits),
    ];
    all.into_iter()
        .filter(|(_, may)| *may)
        .map(|(change, _)| change)
        .collect()
}

fn certificate(record: &OperationRecord) -> Option<String> {
    let certificates = record.certificates.iter();
    let lines: Vec<String> = certificates
        .map(|one| format!("{} chunks of {} equal in {}", one.chunks, one.replica, one.epoch))
        .collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

fn receipt(receipt: Receipt) -> String {
    let Receipt {
        replica,
        order,
        bytes,
        keys,
        ..
    } = receipt;
    format!("{replica}: {keys} keys, {bytes} bytes erased by order {order}")
}
