//! Who holds a shard, beside who serves it: its copies, how far each is, and the change of primary that is under way.
//!
//! Orders of the controllers travel here too. A node that is named as a candidate of [`SetPhase::Promoting`] has been
//! told to prepare, one that holds a copy of [`ReplicaSet::erased`] has been told to erase it: whoever follows the
//! table has heard them, as often as he likes to ask.

use serde::{Deserialize, Serialize};

use crate::place::NodeId;
use crate::version::{Epoch, Generation, ReplicaId};

/// How long a standby promises that it will not become primary, unless the shard's configuration says otherwise.
pub const LEASE_MICROS: u64 = 700_000;

/// How long whoever holds a shard in a store that nodes share may read after it proved that it holds it, at most: the
/// shard's lease, if that is shorter. Whoever takes it waits so long.
pub const SHARED_LEASE_MICROS: u64 = 500_000;
/// Async writes wait once the slowest member lags by more entries: the bound of what a failover may lose.
pub const ASYNC_LAG_ENTRIES: u64 = 24;
/// The same in bytes of entries,
pub const ASYNC_LAG_BYTES: u64 = 8 << 20;
/// and by how long the oldest of them has waited.
pub const ASYNC_LAG_MICROS: u64 = 1_000_000;

/// How far a standby is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyState {
    /// Its data was found to differ from its primary's: nothing brings it back, it is made anew under another name.
    Damaged,
    /// A prefix of nothing: no flag promotes it.
    Copying,
    /// A consistent prefix.
    CatchingUp,
    /// Has everything that was ever acknowledged as sync.
    InSync,
}

/// One standby and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyRoute {
    pub node: NodeId,
    pub replica: ReplicaId,
    pub state: CopyState,
}

/// The change of primary that is under way. `order` is the number of the decision that began it: it only grows, and a
/// node refuses an order lower than one that it has kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetPhase {
    Steady,
    /// A primary of this epoch is being chosen; until then the route names the old one.
    Promoting {
        epoch: Epoch,
        order: u64,
    },
    /// The primary gives everything to `target`, which then leads this epoch.
    Handover {
        target: ReplicaId,
        epoch: Epoch,
        order: u64,
    },
}

/// A copy that is to be erased, until whoever holds it has said that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedCopy {
    pub node: NodeId,
    pub replica: ReplicaId,
    pub order: u64,
}

/// The copies of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaSet {
    pub generation: Generation,
    /// Name of the copy on the node that serves.
    pub primary: ReplicaId,
    pub standbys: Vec<CopyRoute>,
    pub lease_micros: u64,
    pub phase: SetPhase,
    /// The first primary has not formed yet.
    pub unborn: bool,
    pub erased: Vec<ErasedCopy>,
}

impl ReplicaSet {
    /// One copy, formed long ago.
    pub fn single(replica: ReplicaId) -> Self {
        Self {
            generation: Generation(1),
            primary: replica,
            standbys: Vec::new(),
            lease_micros: LEASE_MICROS,
            phase: SetPhase::Steady,
            unborn: false,
            erased: Vec::new(),
        }
    }

    /// What a controller says that knew of one copy only and had no name for it: of generation 0, older than every
    /// other.
    pub fn unnamed() -> Self {
        Self {
            generation: Generation(0),
            ..Self::single(ReplicaId(0))
        }
    }

    /// Whether this is what [`Self::unnamed`] made.
    pub fn is_unnamed(&self) -> bool {
        self.primary == ReplicaId(0)
    }

    pub fn standby(&self, replica: ReplicaId) -> Option<&CopyRoute> {
        self.standbys.iter().find(|copy| copy.replica == replica)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_without_a_name_is_older_than_every_other() {
        assert!(ReplicaSet::unnamed().is_unnamed());
        let named = ReplicaSet::single(ReplicaId(7));
        assert!(!named.is_unnamed());
        assert!(ReplicaSet::unnamed().generation < named.generation);
    }

    #[test]
    fn only_a_copy_in_sync_is_the_greatest() {
        let states = [CopyState::Damaged, CopyState::Copying, CopyState::CatchingUp];
        assert!(states.is_sorted());
        assert!(states.iter().all(|state| *state < CopyState::InSync));
    }
}
