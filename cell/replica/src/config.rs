//! The configuration of a shard, as the control plane committed it. It comes from there and nowhere else.

use platform_model::{Epoch, Generation, ReplicaId};

use crate::names::NodeKey;

/// One copy of the shard: which, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Member {
    pub node: NodeKey,
    pub replica: ReplicaId,
}

/// How far a standby is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StandbyState {
    /// Its data was found to differ from its primary's: nothing brings it back, it is made anew under another name.
    Damaged,
    /// A prefix of nothing: no flag promotes it.
    Copying,
    /// A consistent prefix.
    CatchingUp,
    /// Has everything that was ever acknowledged as sync.
    InSync,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Standby {
    pub member: Member,
    pub state: StandbyState,
}

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    Steady,
    /// A primary of `epoch` is being chosen; nobody is one until a later configuration says so.
    Promoting {
        epoch: Epoch,
    },
    /// The primary hands over to `target`, which will be the primary of `epoch`.
    Handover {
        target: ReplicaId,
        epoch: Epoch,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Configuration {
    /// Grows with each change. Of two configurations the higher one holds.
    pub generation: Generation,
    pub epoch: Epoch,
    pub primary: Member,
    pub standbys: Vec<Standby>,
    /// How long a promise of a standby lasts, in microseconds.
    pub lease_micros: u64,
    pub phase: Phase,
    /// The shard has never been served: its first primary may start on an empty disk. It serves only once a later
    /// configuration says that it has formed, so that an empty disk never passes for a new shard again.
    pub unborn: bool,
}

impl Configuration {
    pub fn standby(&self, replica: ReplicaId) -> Option<&Standby> {
        self.standbys
            .iter()
            .find(|standby| standby.member.replica == replica)
    }

    /// The standbys that could be promoted.
    pub fn in_sync(&self) -> impl Iterator<Item = ReplicaId> + '_ {
        let in_sync = |standby: &&Standby| standby.state == StandbyState::InSync;
        self.standbys
            .iter()
            .filter(in_sync)
            .map(|standby| standby.member.replica)
    }

    /// Whether the copy is named, in whatever state.
    pub fn names(&self, replica: ReplicaId) -> bool {
        self.primary.replica == replica || self.standby(replica).is_some()
    }

    /// The copy that a node is meant to hold.
    pub fn at(&self, node: NodeKey) -> Option<ReplicaId> {
        if self.primary.node == node {
            return Some(self.primary.replica);
        }
        self.standbys
            .iter()
            .find(|standby| standby.member.node == node)
            .map(|standby| standby.member.replica)
    }

    /// Where a copy is.
    pub fn node_of(&self, replica: ReplicaId) -> Option<NodeKey> {
        if self.primary.replica == replica {
            return Some(self.primary.node);
        }
        self.standby(replica).map(|standby| standby.member.node)
    }
}
