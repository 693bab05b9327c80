//! What a copy tells the control plane, and how it stands. All of it may be lost: it is told again until it is of no
//! use any more.

use cell_replica::action::Proposal;
use cell_replica::report::Unusable;
use platform_model::{Epoch, Generation, NodeId, Position, ReplicaId, Term};

/// One thing told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The primary asks for a change of the configuration.
    Proposed(Proposal),
    /// A candidate has promised to follow nothing below the epoch.
    Prepared {
        epoch: Epoch,
        replica: ReplicaId,
        last_epoch: Epoch,
        last_position: Position,
    },
    /// The target of a handover has everything.
    Confirmed {
        generation: Generation,
        epoch: Epoch,
        replica: ReplicaId,
        position: Position,
    },
    /// The copy is not what the configuration says: it must be made anew under another name.
    Unusable { replica: ReplicaId, why: Unusable },
    /// Entries that were not committed were cut off, and kept in a file.
    CutOff {
        replica: ReplicaId,
        fork: Position,
        end: Position,
    },
    /// Primary and standby disagree about a chunk.
    Mismatch {
        replica: ReplicaId,
        chunk: u32,
        position: Position,
    },
    /// So many chunks of the standby were found equal, of so many in all; `of` is 0 until that is known.
    Certified {
        replica: ReplicaId,
        term: Term,
        chunks: u32,
        of: u32,
    },
    /// The copy that an order named is gone from the disk.
    Erased {
        replica: ReplicaId,
        order: u64,
        bytes: u64,
        keys: u64,
    },
}

/// What the door of a shard answers on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It serves: [`super::Copy::shard`] has the handle.
    Serving,
    /// It hands over to another node, or its lease has lapsed for a moment: what comes is held.
    Moving,
    /// It is about to serve: a term opens.
    Opening,
    /// Another node serves, as far as is known here.
    Elsewhere { node: Option<NodeId>, epoch: Epoch },
    /// The store failed: only opening the copy again helps.
    Failed,
}

/// How a copy stands, as its node reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyStatus {
    pub replica: ReplicaId,
    pub generation: Generation,
    pub term: Term,
    pub last: Position,
    pub chain: u64,
    pub committed: Position,
    pub leads: bool,
    pub serves: bool,
    /// Since a serving primary was heard, for one that follows.
    pub silent_micros: u64,
    /// In the words of the protocol: `serving`, `standby`, `copying`.
    pub state: &'static str,
    /// Of a copy that is being made here.
    pub copied_bytes: u64,
    pub copy_bytes_per_second: u64,
    /// An estimate.
    pub copy_left_bytes: u64,
    pub commits_per_second: u32,
    /// Of the store's commits of late.
    pub p99_micros: u32,
    /// How long the commit that is under way has been.
    pub stalled_micros: u64,
    /// What it takes on disk, about, as it was measured last; 0: not yet, or the engine cannot tell.
    pub bytes: u64,
}
