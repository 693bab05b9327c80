//! What is known of an operation.

use std::collections::BTreeMap;
use std::fmt;

use control_plane_ledger::Digest;
use platform_model::{Epoch, Generation, NodeId, ReplicaId, ShardId};
use serde::{Deserialize, Serialize};

use super::step::Step;
use crate::limits::OPERATIONS_KEPT_MAX;

/// Number of an operation: given when it starts, never twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperationId(pub u64);

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// All operations: those under way, and the newest that have ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operations {
    /// The last number given.
    pub last: OperationId,
    pub records: BTreeMap<OperationId, OperationRecord>,
}

/// What is to be done with a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationKind {
    /// A copy is made on `to`, compared, and leads; the old one is kept for the window, then erased.
    Move { to: NodeId, window_ms: u64 },
    /// Another copy leads, now: `to`, or the one with the longest log.
    Failover {
        to: Option<ReplicaId>,
        force: Option<Force>,
    },
    /// Every in-sync standby is compared with the primary.
    Verify,
    /// A standby is made on `add`, then `remove` is taken out and erased.
    Repair {
        add: Option<NodeId>,
        remove: Option<ReplicaId>,
    },
}

/// That a copy may lead which may lack what was acknowledged. The reason of the operation is the person's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Force {
    /// A person says that the old primary is stopped and stays so.
    pub old_primary_is_dead: bool,
    pub loss_entries_max: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationState {
    Running,
    /// Nothing new is begun; what is under way ends.
    Paused,
    /// The copy that was made is taken back.
    Cancelling,
    /// The old primary leads again, then the copy that was made is taken back.
    Reversing,
    Done,
    Cancelled,
    Reversed,
    Failed {
        why: String,
    },
}

/// Every chunk of this copy was found equal to the primary's, in this epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certified {
    pub replica: ReplicaId,
    pub epoch: Epoch,
    pub chunks: u32,
}

/// What the node said that erased a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub replica: ReplicaId,
    pub order: u64,
    pub bytes: u64,
    pub keys: u64,
    pub time_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationRecord {
    pub generation: Generation,
    pub shard: ShardId,
    pub kind: OperationKind,
    pub step: Step,
    pub state: OperationState,
    /// SPIFFE id of who started it.
    pub by: String,
    pub reason: String,
    pub started_ms: u64,
    pub step_since_ms: u64,
    /// When whoever leads cancels it; `None`: never.
    pub deadline_ms: Option<u64>,
    pub ended_ms: Option<u64>,
    /// Who led when it started, and where and since when.
    pub from: NodeId,
    pub epoch: Epoch,
    /// The copy that is taken out at the end: of a move, the one that led.
    pub source: Option<ReplicaId>,
    /// The copy that is made.
    pub replica: Option<ReplicaId>,
    pub certificates: Vec<Certified>,
    pub window_until_ms: Option<u64>,
    pub receipt: Option<Receipt>,
    /// Of the plan that was approved.
    pub plan: Option<Digest>,
}

impl Operations {
    /// The operation under way on a shard.
    pub fn active_on(&self, shard: &ShardId) -> Option<(OperationId, &OperationRecord)> {
        self.active().find(|(_, record)| record.shard == *shard)
    }

    /// Those under way, oldest first.
    pub fn active(&self) -> impl Iterator<Item = (OperationId, &OperationRecord)> {
        let active = self.records.iter().filter(|(_, record)| record.state.is_active());
        active.map(|(id, record)| (*id, record))
    }

    /// Forgets the oldest that have ended, so that no more than so many are kept.
    pub(super) fn trim(&mut self) {
        let ended = |record: &OperationRecord| !record.state.is_active();
        let surplus = self.records.values().filter(|record| ended(record)).count();
        let surplus = surplus.saturating_sub(OPERATIONS_KEPT_MAX);
        let oldest = self.records.iter().filter(|(_, record)| ended(record));
        let oldest: Vec<OperationId> = oldest.map(|(id, _)| *id).take(surplus).collect();
        for id in oldest {
            self.records.remove(&id);
        }
    }
}

impl OperationState {
    /// Whether it has not ended.
    pub fn is_active(&self) -> bool {
        matches!(
            self,
            Self::Running | Self::Paused | Self::Cancelling | Self::Reversing
        )
    }

    /// Its name, as people see it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelling => "cancelling",
            Self::Reversing => "reversing",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Reversed => "reversed",
            Self::Failed { .. } => "failed",
        }
    }
}

impl OperationKind {
    /// Its name, as people see it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Move { .. } => "move",
            Self::Failover { .. } => "failover",
            Self::Verify => "verify",
            Self::Repair { .. } => "repair",
        }
    }

    /// Where a copy is made.
    pub fn target(&self) -> Option<&NodeId> {
        match self {
            Self::Move { to, .. } => Some(to),
            Self::Repair { add, .. } => add.as_ref(),
            Self::Failover { .. } | Self::Verify => None,
        }
    }
}

impl OperationRecord {
    /// The certificate of the copy that is made, of this epoch.
    pub fn certificate(&self, epoch: Epoch) -> Option<&Certified> {
        let fits = |known: &&Certified| Some(known.replica) == self.replica && known.epoch == epoch;
        self.certificates.iter().find(fits)
    }

    /// Whether it can still be taken back.
    pub fn may_cancel(&self) -> bool {
        use OperationState::{Paused, Running};
        let before = match self.kind {
            OperationKind::Move { .. } => self.step <= Step::Switchover,
            // Until the change of primary has begun: that one ends in a primary.
            OperationKind::Failover { .. } | OperationKind::Verify => self.step < Step::Done,
            // A copy that was taken out stays out.
            OperationKind::Repair { .. } => self.step <= Step::CatchUp,
        };
        before && matches!(self.state, Running | Paused)
    }

    /// Whether the old primary can be given the shard back.
    pub fn may_reverse(&self) -> bool {
        use OperationState::{Paused, Running};
        let back = matches!(self.step, Step::Window | Step::RemoveStandby);
        matches!(self.kind, OperationKind::Move { .. }) && back && matches!(self.state, Running | Paused)
    }
}
