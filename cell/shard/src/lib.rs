//! The shard, running: strictly serializable transactions over an ordered store, committed in groups, each group one batch
//! and one entry of the change log, which other copies of the shard follow.
//!
//! - [`Copy`] is one copy on this node, whatever its role: it runs the protocol of `cell-replica`, and while it leads gives
//!   out a [`Shard`]. What it says to other nodes goes through [`Peers`], to the control plane through [`Control`].
//! - [`Shard`] opens, reads, writes, closes; [`Tx`] is what a transaction's closure sees.
//! - `opening` is how transactions come to the version that they read: shared, as far as nobody sees less for it.
//! - `committer` is the one task that writes: it validates (`window`), builds the entry (`entry`), commits it
//!   under the fence (`fence`) and, when the store does not know what happened, finds out (`settle`).
//! - `outbox` holds the events for roots elsewhere, from the batch of their cause until they are delivered.
//! - `gate` keeps every answer until what it observed is committed.
//! - `backup` reads a shard out at one position ([`Frozen`]), and its log from there on ([`Shard::tail`]), and makes a copy
//!   of that elsewhere ([`Restore`]).
//! - [`copies()`] says which shards lie in a store.
//! - [`LogEntry`] is one entry of the log, as every reader of it sees it.
//!
//! It never knows what a row means (that is `cell-layers`), who may ask for it (`cell-node`), or another shard.

mod applied;
mod backup;
mod buffer;
mod committer;
mod copies;
mod copy;
mod entry;
mod error;
mod fence;
mod gate;
mod group;
mod history;
mod keys;
mod limits;
mod log;
mod meter;
mod open;
mod opening;
mod outbox;
mod people;
mod plant;
mod request;
mod run;
mod scan;
mod settle;
mod shard;
mod submission;
mod time;
mod trim;
mod turn;
mod tx;
mod walk;
mod window;

#[cfg(test)]
mod tests;

pub use backup::{
    FreezeError, Frozen, FrozenPage, Origin, Restore, RestoreError, StateDigest, TailEntry, state_of,
};
pub use copies::{CopiesError, Unclaimed, copies, copies_of, unclaimed};
pub use copy::{
    Change, Control, Copy, CopySettings, CopyStatus, FRAME_BYTES_MAX, FrameError, FrameKind, Peers, Planted,
    Proposal, Standing, Taking, Told, Unusable, cut_off_files, frame_of_record, read_cut_off, read_frame,
};
pub use entry::{EntryKind, Event, LogEntry, LoggedTransaction};
pub use error::{LogError, OpenError, TxError, WriteError};
pub use keys::{keys_of, root_of, shared_key};
pub use limits::{LogKept, ShardLimits};
pub use outbox::{
    ASIDE_PER_ROOT_MAX, Aside, BridgeMark, BridgePage, Found, OutboxError, OutboxKey, OutboxRow, OutboxWalk,
    SetAside, Taken,
};
pub use request::{Answer, Mode, Ownership, Request, Scope, ShardStatus};
pub use shard::Shard;
pub use tx::Tx;

pub use cell_store::{KeyRange, Mutation, Page};
