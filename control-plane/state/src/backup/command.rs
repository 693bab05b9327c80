//! What may be asked of erasures and backups. Stored in the Raft log: variants and fields are only ever added.

use control_plane_ledger::Digest;
use platform_model::{Epoch, Generation, HomeId, NodeId, ReplicaId, Role, ShardId, UserId};
use serde::{Deserialize, Serialize};

use crate::command::Author;
use crate::state::State;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackupCommand {
    /// The certificate of an erasure: a person's key is destroyed, and so many rows are gone. Of the node that serves
    /// the person's shard.
    RecordErasure {
        home: HomeId,
        user: UserId,
        rows: u64,
        /// He was not erased: he has moved there, and what he had in that home was erased when he lived elsewhere.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        moved_to: Option<HomeId>,
    },
    /// A shard whose copies are lost goes on with one that was restored from a backup.
    RestoreShard(RestoreSpec),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreSpec {
    pub shard: ShardId,
    /// Of the configuration that is given up.
    pub expected: Generation,
    /// Where the copy lies, and its name.
    pub node: NodeId,
    pub replica: ReplicaId,
    /// That the copy was made to lead in.
    pub epoch: Epoch,
    /// Of the list of erased people that was applied to it.
    pub erased: Digest,
    /// A person's word that the copies that were are lost, or will never be started again.
    pub copies_are_lost: bool,
}

impl BackupCommand {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::RecordErasure {
                moved_to: Some(_), ..
            } => "record-departure",
            Self::RecordErasure { .. } => "record-erasure",
            Self::RestoreShard(_) => "restore-shard",
        }
    }

    pub(crate) fn subject(&self) -> String {
        match self {
            Self::RecordErasure { user, .. } => format!("user/{user}"),
            Self::RestoreShard(spec) => format!("shard/{}", spec.shard),
        }
    }

    /// Whether the author is one who may.
    pub(crate) fn may(&self, author: &Author) -> bool {
        match (self, author) {
            (Self::RecordErasure { .. }, Author::Node { .. }) => true,
            (Self::RestoreShard(_), Author::Operator { role, .. }) => *role == Role::Sre,
            _ => false,
        }
    }

    /// Name of the records that decide, and a number that changes with each.
    pub(crate) fn read_by(&self, state: &State) -> Vec<(String, Option<u64>)> {
        let shard = |id: &ShardId| {
            let known = state.shards.get(id);
            (format!("shard/{id}"), known.map(|record| record.generation.0))
        };
        let erased = |home: &HomeId| {
            let count = state.erasures.count(home) + state.departures.count(home);
            (format!("erased/{home}"), Some(count as u64))
        };
        match self {
            Self::RecordErasure { home, .. } => vec![erased(home)],
            Self::RestoreShard(spec) => {
                let home = spec.shard.home().map(erased);
                [shard(&spec.shard)].into_iter().chain(home).collect()
            }
        }
    }
}
