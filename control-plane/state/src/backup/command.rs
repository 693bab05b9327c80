//! What may be asked of erasures and backups. Stored in the Raft log: variants and fields are only ever added.

use control_plane_ledger::Digest;
use platform_model::{Epoch, Generation, HomeId, NodeId, ReplicaId, Role, ShardId, UserId};
use serde::{Deserialize, Serialize};

use crate::command::Author;
use crate::state::State;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackupCommand {
    /// The certificate of a departure: what a person had in a home is gone, for he lives in another. Of the node that serves
    /// the shard where he lived.
    RecordDeparture {
        home: HomeId,
        user: UserId,
        rows: u64,
        to: HomeId,
    },
    /// A person is about to be erased, and is from here on left out of every restore: before anything of him is destroyed,
    /// so that no crash loses who was. Of the node that serves the person's shard; `by` asked for it.
    BeginErasure { home: HomeId, user: UserId, by: String },
    /// The certificate of an erasure that was begun: the key is destroyed, and so many claims and rows are gone.
    RecordErasure {
        home: HomeId,
        user: UserId,
        by: String,
        claims: u64,
        rows: u64,
    },
    /// What somebody has a node do with data of a shard. Changes nothing; it is on record before it is begun.
    NoteWork {
        shard: ShardId,
        work: CustodyWork,
        by: String,
        /// Of that shard, whom it is about; none: nobody in particular.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<UserId>,
    },
    /// A shard whose copies are lost goes on with one that was restored from a backup.
    RestoreShard(RestoreSpec),
}

/// What a node does for people who keep a shard's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CustodyWork {
    BackUp,
    Verify,
    Restore,
    Discard,
    /// Somebody is given all that is held of a person.
    Export,
    /// A backup is removed, by a person or on schedule.
    RemoveBackup,
}

impl CustodyWork {
    pub const ALL: [Self; 6] = [
        Self::BackUp,
        Self::Verify,
        Self::Restore,
        Self::Discard,
        Self::Export,
        Self::RemoveBackup,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::BackUp => "back-up",
            Self::Verify => "verify-backup",
            Self::Restore => "restore-copy",
            Self::Discard => "discard-copy",
            Self::Export => "export-user",
            Self::RemoveBackup => "remove-backup",
        }
    }
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
            Self::RecordDeparture { .. } => "record-departure",
            Self::BeginErasure { .. } => "begin-erasure",
            Self::RecordErasure { .. } => "record-erasure",
            Self::NoteWork { work, .. } => work.as_str(),
            Self::RestoreShard(_) => "restore-shard",
        }
    }

    pub(crate) fn subject(&self) -> String {
        match self {
            Self::BeginErasure { user, .. }
            | Self::RecordErasure { user, .. }
            | Self::RecordDeparture { user, .. }
            | Self::NoteWork { user: Some(user), .. } => format!("user/{user}"),
            Self::NoteWork { shard, .. } => format!("shard/{shard}"),
            Self::RestoreShard(spec) => format!("shard/{}", spec.shard),
        }
    }

    /// Whether the author is one who may.
    pub(crate) fn may(&self, author: &Author) -> bool {
        match (self, author) {
            (
                Self::BeginErasure { .. }
                | Self::RecordErasure { .. }
                | Self::RecordDeparture { .. }
                | Self::NoteWork { .. },
                Author::Node { .. },
            ) => true,
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
            Self::BeginErasure { home, .. }
            | Self::RecordErasure { home, .. }
            | Self::RecordDeparture { home, .. } => vec![erased(home)],
            Self::NoteWork { .. } => Vec::new(),
            Self::RestoreShard(spec) => {
                let home = spec.shard.home().map(erased);
                [shard(&spec.shard)].into_iter().chain(home).collect()
            }
        }
    }
}
