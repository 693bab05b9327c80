//! A world whose controllers lost their majority, or all their disks, and go on from a backup of their state.
//!
//! What was decided after the backup is not known, and orders of then may still be on their way. So a recovery begins a new
//! *incarnation* of the world: the high part of the table's generation, of every number on record, and of every generation and
//! epoch that is given out from then on. Nothing of before is ever taken for newer.
//!
//! Which copies a shard has may have changed since the backup, and whether it has any. A shard is *unsure* until every node that
//! the state knows, or any configuration of the shard that was told, has told the table that it goes by; then the configuration
//! with the highest generation holds. While any shard is unsure nothing is promoted, moved, placed or restored anywhere, and no
//! table is given out: nodes and routers go on by the one that they have.
//!
//! The law is not adopted: it is two persons' word. While nodes go by a later one than the backup has, all that waits goes on waiting
//! until a law was proposed and approved anew. Who was revoked since stays so, whoever tells.
//!
//! What must hold, and which test fails where it does not, stands in `docs/recovery.md`.

mod apply;
mod command;
mod incarnation;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub(crate) use apply::apply;
pub use apply::{is_news, may_adopt, permits};
pub use command::{RecoveryCommand, RecoveryRefusal, Stands};
use control_plane_ledger::Digest;
pub use incarnation::{NotRecoverable, incarnation_at, recover};
use platform_model::{NodeId, ShardId};
use serde::{Deserialize, Serialize};

/// How often a world was recovered, and what is not known since.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// 0: never. Grows with each; otherwise it says nothing.
    pub incarnation: u64,
    /// Epochs and decisions since are above this one; no number of before is as high.
    pub from: u64,
    /// Shards whose configuration may not be the newest.
    pub unsure: BTreeSet<ShardId>,
    /// Nodes that will never answer, by somebody's word.
    pub silent: BTreeSet<NodeId>,
    /// Shards that nobody serves who told, while a node that may have is given up: a person places them.
    pub missed: BTreeSet<ShardId>,
    /// The revision of the law in the backup, and the latest by which a node went; 0: none.
    pub law_kept: u64,
    pub law_told: u64,
    /// The list of who was erased is that of the backup, and nobody has said yet that it is whole.
    pub list_may_lack: bool,
    /// Of the last.
    pub origin: Option<Origin>,
}

/// Who recovered a world, when, from what, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub at_ms: u64,
    /// SPIFFE id.
    pub by: String,
    pub reason: String,
    /// Of the backup that it was recovered from.
    pub backup: Digest,
}

impl Recovery {
    /// Whether it is known of every shard who holds it.
    pub fn is_over(&self) -> bool {
        self.unsure.is_empty()
    }
}
