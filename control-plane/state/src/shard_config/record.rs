//! What is known of a shard's replica set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use platform_model::CopyState;
use platform_model::{
    CopyRoute, Epoch, ErasedCopy, Generation, NodeId, ReplicaId, ReplicaSet, SetPhase, ShardRoute,
};
use serde::{Deserialize, Serialize};

/// One copy and where it is. For the primary the state has no meaning and stands at `InSync`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ShardCopy {
    pub node: NodeId,
    pub replica: ReplicaId,
    pub state: CopyState,
}

/// What is under way. `index` is the log index of the command that began it: orders name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigPhase {
    Steady,
    Promoting {
        epoch: Epoch,
        index: u64,
        /// The one copy that may win, outside the in-sync set: a forced promotion, and what it may lose.
        forced: Option<Forced>,
    },
    Handover {
        target: ReplicaId,
        epoch: Epoch,
        index: u64,
    },
}

impl ConfigPhase {
    fn route(&self) -> SetPhase {
        match *self {
            Self::Steady => SetPhase::Steady,
            Self::Promoting { epoch, index, .. } => SetPhase::Promoting { epoch, order: index },
            Self::Handover { target, epoch, index } => SetPhase::Handover {
                target,
                epoch,
                order: index,
            },
        }
    }
}

/// A promotion of a copy that is not in-sync.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Forced {
    pub target: ReplicaId,
    /// Entries that whoever asked said may be lost.
    pub loss_entries_max: u64,
}

/// The replica set of one shard.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ShardConfig {
    pub generation: Generation,
    pub epoch: Epoch,
    /// The highest epoch ever given out, to whomever.
    pub epoch_max: Epoch,
    pub primary: ShardCopy,
    pub standbys: Vec<ShardCopy>,
    pub lease_micros: u64,
    pub phase: ConfigPhase,
    /// The first primary has not formed yet.
    pub unborn: bool,
    /// Copies whose erasure was ordered: a point of no return. Of those that are gone only so many are known.
    pub erased: BTreeSet<ReplicaId>,
    /// Standbys that are to leave: nothing makes them in-sync again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub retiring: BTreeSet<ReplicaId>,
    /// Copies that were taken out and lie on their nodes still: nobody has ordered yet that they be erased.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<ReplicaId, NodeId>,
    /// Of [`Self::erased`], those whose nodes have not said yet that it is done.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub erasing: BTreeMap<ReplicaId, Erasing>,
}

/// An order to erase a copy that was not answered yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Erasing {
    pub node: NodeId,
    /// The log index of the order.
    pub index: u64,
}

impl ShardConfig {
    /// A shard that was never served: one copy, to be formed on an empty disk.
    pub fn new(primary: NodeId, replica: ReplicaId, lease_micros: u64) -> Self {
        Self {
            generation: Generation(1),
            epoch: Epoch(1),
            epoch_max: Epoch(1),
            primary: ShardCopy {
                node: primary,
                replica,
                state: CopyState::InSync,
            },
            standbys: Vec::new(),
            lease_micros,
            phase: ConfigPhase::Steady,
            unborn: true,
            erased: BTreeSet::new(),
            retiring: BTreeSet::new(),
            left: BTreeMap::new(),
            erasing: BTreeMap::new(),
        }
    }

    /// As the routing table says it.
    pub fn route(&self) -> ShardRoute {
        let standby = |copy: &ShardCopy| CopyRoute {
            node: copy.node.clone(),
            replica: copy.replica,
            state: copy.state,
        };
        let erased = |(replica, erasing): (&ReplicaId, &Erasing)| ErasedCopy {
            node: erasing.node.clone(),
            replica: *replica,
            order: erasing.index,
        };
        let set = ReplicaSet {
            generation: self.generation,
            primary: self.primary.replica,
            standbys: self.standbys.iter().map(standby).collect(),
            lease_micros: self.lease_micros,
            phase: self.phase.route(),
            unborn: self.unborn,
            erased: self.erasing.iter().map(erased).collect(),
        };
        ShardRoute {
            node: self.primary.node.clone(),
            epoch: self.epoch,
            set: Arc::new(set),
        }
    }

    pub fn standby(&self, replica: ReplicaId) -> Option<&ShardCopy> {
        self.standbys.iter().find(|copy| copy.replica == replica)
    }

    /// Whether the copy is named, in whatever state.
    pub fn names(&self, replica: ReplicaId) -> bool {
        self.primary.replica == replica || self.standby(replica).is_some()
    }

    /// Who could be promoted without loss: the in-sync standbys and the primary itself.
    pub fn candidates(&self) -> impl Iterator<Item = &ShardCopy> {
        let in_sync = |copy: &&ShardCopy| copy.state == CopyState::InSync;
        std::iter::once(&self.primary).chain(self.standbys.iter().filter(in_sync))
    }

    pub fn is_candidate(&self, replica: ReplicaId) -> bool {
        self.candidates().any(|copy| copy.replica == replica)
    }

    /// All copies, the primary first.
    pub fn copies(&self) -> impl Iterator<Item = &ShardCopy> {
        std::iter::once(&self.primary).chain(&self.standbys)
    }
}
