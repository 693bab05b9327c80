//! What a shard is at one position, read out whole ([`Frozen`]); and a copy made of that on a disk that holds none
//! ([`Restore`]); what came to it afterwards, entry by entry ([`TailEntry`]); a digest of either ([`StateDigest`]).
//!
//! Invariants, each a test:
//! - rows of one position, and what the entries behind it wrote, are the state after the last of them;
//! - no entry is given out that is not committed, nor one behind an entry that this log never had;
//! - what is read out is the state after exactly one entry, committed, whatever is written meanwhile;
//! - what is restored is there whole and under its new name, or is nothing: until the last batch it opens as nothing;
//! - nothing is restored over a copy that lies on the disk.
//!
//! Not here: how rows travel and are kept, who may read them, what must be left out of them (`cell-backup`).

mod digest;
mod frozen;
mod restore;
mod tail;
#[cfg(test)]
mod tests;

pub use digest::{StateDigest, state_of};
pub use frozen::{FreezeError, Frozen, FrozenPage, Origin};
pub(crate) use restore::is_restoring;
pub use restore::{Restore, RestoreError};
pub use tail::TailEntry;
