//! What nodes tell the control plane beside proposals. Reports never enter its log.

use platform_model::{Generation, Position, ReplicaId, Term};

use crate::entry::Head;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Report {
    /// This copy is not what the configuration says; it must be made anew under another name.
    Unusable { replica: ReplicaId, why: Unusable },
    /// Entries that were not committed were cut off here, and exported.
    CutOff {
        replica: ReplicaId,
        fork: Position,
        end: Position,
    },
    /// The primary and the standby disagree about a chunk.
    Mismatch {
        replica: ReplicaId,
        chunk: u32,
        position: Position,
    },
    /// Every chunk that was asked for agrees on this standby, as of these terms.
    Certified {
        replica: ReplicaId,
        term: Term,
        chunks: u32,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unusable {
    /// Another name on disk, or less than was acknowledged under this one.
    Amnesia,
    /// What it lacks is trimmed, or what it has too much begins below what is kept.
    Trimmed,
    /// Its log cannot be made to fit.
    Misfit,
    /// Its data disagrees with the primary's.
    Mismatch,
}

/// How a replica stands, as its node reports it every 250 ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeReport {
    pub replica: ReplicaId,
    pub generation: Generation,
    pub term: Term,
    pub last: Head,
    pub leads: bool,
    pub serves: bool,
    /// Microseconds since a serving primary was heard, for one that follows.
    pub silent_micros: u64,
}
