//! A data directory that begins with a state from elsewhere, of which its controller is the only member. For a world whose
//! members are lost. Starts nothing; who opens the directory next leads alone, and adds the others.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use openraft::alias::LeaderIdOf;
use openraft::vote::RaftLeaderIdExt;
use openraft::{BasicNode, Membership};
use platform_model::WorldId;

use crate::apply::stored;
use crate::log::{Disk, OpenError, Owner, Write};
use crate::machine::Machine;
use crate::snapshot::SnapshotStore;
use crate::types::{LogId, Snapshot, SnapshotMeta, StoredMembership, Types, Vote};

/// What stands before everything.
const INDEX: u64 = 1;

/// Whose directory it is to be.
#[derive(Debug, Clone)]
pub struct Alone<'a> {
    pub world: &'a WorldId,
    pub node_id: u64,
    pub address: &'a str,
    /// Above every term of the world that is lost: whoever is left of it and is let in once more unseats nobody.
    pub term: u64,
}

/// Why it does not begin so.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// What it holds may be all that is left of a world.
    #[error("this controller has taken part in a world already")]
    HasBegun,
    #[error("the log belongs to controller {node_id} of world {world}")]
    Foreign { world: WorldId, node_id: u64 },
    #[error("the data directory cannot be written: {0}")]
    Storage(String),
}

/// Writes `state` into `dir`, durable when it returns. Blocks. Safe to repeat with the same state: what broke off goes on, what
/// was done stays as it is.
///
/// # Errors
/// [`BeginError::HasBegun`] where anything else was ever voted, logged or folded into a snapshot; nothing is changed then.
pub fn begin_with<M: Machine>(dir: &Path, alone: &Alone<'_>, state: &M::State) -> Result<(), BeginError> {
    std::fs::create_dir_all(dir)?;
    let owner = Owner {
        world: alone.world.clone(),
        node_id: alone.node_id,
    };
    let (disk, view) = Disk::open(&dir.join("raft.redb"), &owner)?;
    let snapshots = SnapshotStore::open(dir.join("snapshots"))?;
    let (state, has_run) = (
        stored::<M>(state)?,
        view.vote.is_some() || view.last_log_id().is_some(),
    );
    let same = snapshots
        .load()?
        .map(|Snapshot { snapshot, .. }| snapshot == state);
    match (same, has_run) {
        (Some(true), true) => return Ok(()),
        (None | Some(true), false) => {}
        (Some(false), _) | (None, true) => return Err(BeginError::HasBegun),
    }
    let leader = LeaderIdOf::<Types>::new_committed(alone.term, alone.node_id);
    let last = LogId::new(leader, INDEX);
    let nodes = BTreeMap::from([(alone.node_id, BasicNode::new(alone.address))]);
    let members = Membership::new(vec![BTreeSet::from([alone.node_id])], nodes);
    let members = members.map_err(|error| BeginError::Storage(error.to_string()))?;
    let meta = SnapshotMeta {
        last_log_id: Some(last),
        last_membership: StoredMembership::new(Some(last), members),
    };
    // The snapshot first: a log that says it was folded into one that is not there would not open.
    snapshots.save(&meta, &state)?;
    let vote = Vote::new(alone.term, alone.node_id);
    disk.commit(&[
        Write::Vote(vote),
        Write::Purge { upto: last },
        Write::Committed(last),
    ])?;
    Ok(())
}

impl From<io::Error> for BeginError {
    fn from(error: io::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

impl From<OpenError> for BeginError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::ForeignOwner { found } => Self::Foreign {
                world: found.world,
                node_id: found.node_id,
            },
            other => Self::Storage(other.to_string()),
        }
    }
}
