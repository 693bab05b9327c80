//! Operations, written and read.

use platform_model::{Generation, InvalidId};

use super::{Blocker, Change, OperationView, Progress, RunState};
use crate::pb;
use crate::replicas::{InvalidReplicas, read_replica, replica_bytes};

/// Bytes of a word: a kind, a step, a code.
pub(super) const WORD_MAX: usize = 64;
/// Words of one list, and blockers of one operation.
pub const WORDS_MAX: usize = 64;
/// Shards of one simulation.
pub(super) const SHARDS_MAX: usize = 200_000;
/// Operations of one list.
pub(super) const OPERATIONS_MAX: usize = 16_384;

/// An answer about operations that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOperation {
    #[error(transparent)]
    Id(#[from] InvalidId),
    #[error(transparent)]
    Replica(#[from] InvalidReplicas),
    #[error("`{0}` is no word")]
    Word(&'static str),
    #[error("no operation is `{0}`")]
    State(String),
    #[error("nothing can be asked that is called `{0}`")]
    Change(String),
    #[error("there are at most {max} {what}")]
    TooMany { what: &'static str, max: usize },
    #[error("there is no `{0}`")]
    Missing(&'static str),
}

impl From<&OperationView> for pb::Operation {
    fn from(view: &OperationView) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let failure = match &view.state {
            RunState::Failed(why) => why.clone(),
            _ => String::new(),
        };
        Self {
            id: view.id,
            generation: view.generation.0,
            kind: view.kind.clone(),
            shard: view.shard.to_string(),
            steps: view.steps.clone(),
            step: view.step.clone(),
            state: view.state.as_str().to_owned(),
            failure,
            by: view.by.clone(),
            reason: view.reason.clone(),
            started_ms: view.started_ms,
            step_since_ms: view.step_since_ms,
            deadline_ms: view.deadline_ms.unwrap_or_default(),
            ended_ms: view.ended_ms.unwrap_or_default(),
            from_node: view.from.as_ref().map(ToString::to_string).unwrap_or_default(),
            to_node: view.to.as_ref().map(ToString::to_string).unwrap_or_default(),
            replica: view.replica.map(replica_bytes).unwrap_or_default(),
            source: view.source.map(replica_bytes).unwrap_or_default(),
            window_until_ms: view.window_until_ms.unwrap_or_default(),
            certificate: text(&view.certificate),
            receipt: text(&view.receipt),
            plan_hash: view.plan_hash.clone(),
            allowed: view
                .allowed
                .iter()
                .map(|change| change.as_str().to_owned())
                .collect(),
            progress: view.progress.as_ref().map(Into::into),
            blockers: view.blockers.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<pb::Operation> for OperationView {
    type Error = InvalidOperation;

    fn try_from(wire: pb::Operation) -> Result<Self, InvalidOperation> {
        few("blockers", wire.blockers.len(), WORDS_MAX)?;
        let node = |text: String| said(text).map(|node| node.parse()).transpose();
        let replica = |bytes: &[u8]| match bytes {
            [] => Ok(None),
            bytes => read_replica(bytes).map(Some),
        };
        let allowed = words("allowed", wire.allowed)?.into_iter().map(change);
        Ok(Self {
            id: wire.id,
            generation: Generation(wire.generation),
            kind: word("kind", wire.kind)?,
            shard: wire.shard.parse()?,
            steps: words("steps", wire.steps)?,
            step: word("step", wire.step)?,
            state: state(&wire.state, wire.failure)?,
            by: wire.by,
            reason: wire.reason,
            started_ms: wire.started_ms,
            step_since_ms: wire.step_since_ms,
            deadline_ms: given(wire.deadline_ms),
            ended_ms: given(wire.ended_ms),
            from: node(wire.from_node)?,
            to: node(wire.to_node)?,
            replica: replica(&wire.replica)?,
            source: replica(&wire.source)?,
            window_until_ms: given(wire.window_until_ms),
            certificate: said(wire.certificate),
            receipt: said(wire.receipt),
            plan_hash: wire.plan_hash,
            allowed: allowed.collect::<Result<_, _>>()?,
            progress: wire.progress.map(Into::into),
            blockers: wire
                .blockers
                .into_iter()
                .map(Blocker::try_from)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl From<&Progress> for pb::Progress {
    fn from(progress: &Progress) -> Self {
        Self {
            bytes_done: progress.bytes_done,
            bytes_left: progress.bytes_left,
            bytes_per_second: progress.bytes_per_second,
            seconds_left: progress.seconds_left,
            lag_entries: progress.lag_entries,
            chunks_done: progress.chunks_done,
            chunks: progress.chunks,
        }
    }
}

impl From<pb::Progress> for Progress {
    fn from(wire: pb::Progress) -> Self {
        Self {
            bytes_done: wire.bytes_done,
            bytes_left: wire.bytes_left,
            bytes_per_second: wire.bytes_per_second,
            seconds_left: wire.seconds_left,
            lag_entries: wire.lag_entries,
            chunks_done: wire.chunks_done,
            chunks: wire.chunks,
        }
    }
}

impl From<&Blocker> for pb::Blocker {
    fn from(blocker: &Blocker) -> Self {
        Self {
            code: blocker.code.clone(),
            what: blocker.what.clone(),
            who: blocker.who.clone(),
            since_ms: blocker.since_ms,
            next_retry_ms: blocker.next_retry_ms.unwrap_or_default(),
            fix: blocker.fix.clone().unwrap_or_default(),
        }
    }
}

impl TryFrom<pb::Blocker> for Blocker {
    type Error = InvalidOperation;

    fn try_from(wire: pb::Blocker) -> Result<Self, InvalidOperation> {
        Ok(Self {
            code: word("code", wire.code)?,
            what: wire.what,
            who: wire.who,
            since_ms: wire.since_ms,
            next_retry_ms: given(wire.next_retry_ms),
            fix: said(wire.fix),
        })
    }
}

fn state(word: &str, failure: String) -> Result<RunState, InvalidOperation> {
    Ok(match word {
        "running" => RunState::Running,
        "paused" => RunState::Paused,
        "cancelling" => RunState::Cancelling,
        "reversing" => RunState::Reversing,
        "done" => RunState::Done,
        "cancelled" => RunState::Cancelled,
        "reversed" => RunState::Reversed,
        "failed" => RunState::Failed(failure),
        other => return Err(InvalidOperation::State(other.chars().take(WORD_MAX).collect())),
    })
}

fn change(word: String) -> Result<Change, InvalidOperation> {
    let known = Change::ALL.into_iter().find(|change| change.as_str() == word);
    known.ok_or(InvalidOperation::Change(word))
}

pub(super) fn few(what: &'static str, len: usize, max: usize) -> Result<(), InvalidOperation> {
    if len > max {
        return Err(InvalidOperation::TooMany { what, max });
    }
    Ok(())
}

pub(super) fn word(what: &'static str, text: String) -> Result<String, InvalidOperation> {
    if text.is_empty() || text.len() > WORD_MAX {
        return Err(InvalidOperation::Word(what));
    }
    Ok(text)
}

pub(super) fn words(what: &'static str, texts: Vec<String>) -> Result<Vec<String>, InvalidOperation> {
    few(what, texts.len(), WORDS_MAX)?;
    texts.into_iter().map(|text| word(what, text)).collect()
}

/// Empty: nothing was said.
pub(super) fn said(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// 0: none was given.
pub(super) fn given(number: u64) -> Option<u64> {
    Some(number).filter(|number| *number != 0)
}
