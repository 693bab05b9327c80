//! Long work on shards, as an operator starts it and sees it. The calls are on [`AdminClient`].
//!
//! Whatever changes something is judged only, if the client is a [`dry run`](AdminClient::dry_run): its answer then
//! names no operation.

mod call;
mod convert;
mod simulate;
#[cfg(test)]
mod tests;

use platform_model::{CellId, Generation, HomeId, NodeId, ReplicaId, ShardId};

pub use convert::{InvalidOperation, WORDS_MAX};
pub use simulate::{HeadRoom, Lose, SimulatedShard, Simulation};

#[cfg(doc)]
use crate::admin::AdminClient;

/// Where a shard is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoveTo {
    Node(NodeId),
    /// The node of it that has the most room.
    Cell(CellId),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveShard {
    pub shard: ShardId,
    pub to: MoveTo,
    /// How long the old copy is kept for a way back.
    pub window_ms: u64,
    /// `None`: the controllers' own.
    pub deadline_ms: Option<u64>,
    /// Generation of the shard's configuration that the caller has seen; `None`: whatever it is.
    pub expected: Option<Generation>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailoverShard {
    pub shard: ShardId,
    /// `None`: the one with the longest log.
    pub to: Option<ReplicaId>,
    pub expected: Option<Generation>,
    pub force: Option<Force>,
}

/// Lets a copy lead that may lack what was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Force {
    /// A person's word that the old primary is stopped and stays so.
    pub old_primary_is_dead: bool,
    pub loss_entries_max: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetSurvival {
    pub home: HomeId,
    /// `none`, `zone` or `region`.
    pub goal: String,
    pub expected: Option<Generation>,
}

/// What may be asked of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Pause,
    Resume,
    /// Up to the point of no return.
    Cancel,
    /// Within the window of a move.
    Reverse,
    /// Ends the window of a move before its time, or the wait for a node that will never say that it has erased its copy.
    Finish,
}

impl Change {
    pub const ALL: [Self; 5] = [
        Self::Pause,
        Self::Resume,
        Self::Cancel,
        Self::Reverse,
        Self::Finish,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Reverse => "reverse",
            Self::Finish => "finish",
        }
    }
}

/// A command about operations was taken and applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// Number of the decision; 0 if it was so already.
    pub sequence: u64,
    /// Generation of the routing table after it.
    pub generation: Generation,
    /// What was started or changed; `None`: it was only judged, or there is nothing to follow.
    pub operation: Option<u64>,
}

/// One operation, as the leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationView {
    pub id: u64,
    pub generation: Generation,
    /// `move`, `failover`, `verify` or `repair`.
    pub kind: String,
    pub shard: ShardId,
    /// All steps of this kind, in order.
    pub steps: Vec<String>,
    pub step: String,
    pub state: RunState,
    /// SPIFFE id, or the name of what started it by itself.
    pub by: String,
    pub reason: String,
    /// Milliseconds since 1970, as all times here.
    pub started_ms: u64,
    pub step_since_ms: u64,
    pub deadline_ms: Option<u64>,
    pub ended_ms: Option<u64>,
    pub from: Option<NodeId>,
    pub to: Option<NodeId>,
    /// The copy that is made.
    pub replica: Option<ReplicaId>,
    /// The one that it is made from.
    pub source: Option<ReplicaId>,
    pub window_until_ms: Option<u64>,
    /// What was verified, in words.
    pub certificate: Option<String>,
    /// What was erased, in words.
    pub receipt: Option<String>,
    pub plan_hash: Vec<u8>,
    /// What may be asked of it now.
    pub allowed: Vec<Change>,
    /// From the leader's memory of reports: `None` right after it has changed.
    pub progress: Option<Progress>,
    pub blockers: Vec<Blocker>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    Running,
    Paused,
    Cancelling,
    Reversing,
    Done,
    Cancelled,
    Reversed,
    Failed(String),
}

impl RunState {
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelling => "cancelling",
            Self::Reversing => "reversing",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Reversed => "reversed",
            Self::Failed(_) => "failed",
        }
    }

    /// Whether nothing will change any more.
    pub fn is_over(&self) -> bool {
        matches!(
            self,
            Self::Done | Self::Cancelled | Self::Reversed | Self::Failed(_)
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub bytes_done: u64,
    /// Estimate.
    pub bytes_left: u64,
    pub bytes_per_second: u64,
    pub seconds_left: Option<u64>,
    /// Entries that the copy is behind its primary.
    pub lag_entries: u64,
    pub chunks_done: u32,
    pub chunks: u32,
}

/// Why a step waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// A short word for programs: `target-silent`, `paused` ...
    pub code: String,
    pub what: String,
    /// Node, cell or person that it waits for.
    pub who: String,
    pub since_ms: u64,
    /// `None`: it is looked at all the time.
    pub next_retry_ms: Option<u64>,
    /// A command that may help.
    pub fix: Option<String>,
}
