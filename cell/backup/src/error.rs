//! Why a backup was not written, does not read, or was not restored.

use cell_layers::keys::KekError;
use cell_shard::{FreezeError, RestoreError};
use platform_model::ShardId;

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("`{0}` is no name of a backup")]
    Name(String),
    #[error("there is no backup {0}")]
    NoSuchBackup(String),
    #[error("the backup store cannot be used")]
    Store(#[source] object_store::Error),
    #[error(transparent)]
    Bucket(#[from] crate::s3::InvalidBucket),
    #[error("part {part} of backup {name} is missing")]
    MissingPart { name: String, part: u64 },
    /// Flipped, cut short, of another place or of another backup.
    #[error("part {part} of backup {name} is damaged")]
    DamagedPart { name: String, part: u64 },
    #[error("the manifest of backup {0} is damaged")]
    DamagedManifest(String),
    #[error("backup {name} has format {found}, this build reads up to {known}")]
    TooNew { name: String, found: u32, known: u32 },
    #[error("backup {0} was sealed for another jurisdiction, or under another key of it")]
    ForeignKey(String),
    #[error("what was read of backup {0} is not what was written: its digest differs")]
    Digest(String),
    #[error("backup {name} is of {found}, not of {wanted}")]
    OtherShard {
        name: String,
        found: Box<ShardId>,
        wanted: Box<ShardId>,
    },
    #[error("backup {0} is of another world")]
    OtherWorld(String),
    #[error(transparent)]
    Freeze(#[from] FreezeError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error("a row of the shard is too long to be kept")]
    Row,
    /// It may not leave, or not any more.
    #[error("the law withholds it: {0}")]
    Withheld(String),
    #[error("the shard was not committed in time: it has no majority, or no lease")]
    Uncommitted,
    /// Restored, the rows are not what the shard held.
    #[error("what backup {0} restores is not what the shard held: its state digest differs")]
    State(String),
    /// Who lives where by now decides who is served.
    #[error("where its people live by now cannot be told: {0}")]
    Directory(String),
    #[error("no store can be made beside the node's: {0}")]
    Scratch(String),
    #[error("the process ends")]
    Stopped,
}

impl BackupError {
    /// What a key that does not open says of a manifest.
    pub(crate) fn of_key(name: &str, error: &KekError) -> Self {
        match error {
            KekError::OtherKek => Self::ForeignKey(name.to_owned()),
            _ => Self::DamagedManifest(name.to_owned()),
        }
    }

    /// The same in a word that stays the same.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name(_) => "name",
            Self::NoSuchBackup(_) => "no-such-backup",
            Self::Store(_) => "store",
            Self::Bucket(_) => "bucket",
            Self::MissingPart { .. } => "missing-part",
            Self::DamagedPart { .. } => "damaged-part",
            Self::DamagedManifest(_) => "damaged-manifest",
            Self::TooNew { .. } => "too-new",
            Self::ForeignKey(_) => "foreign-key",
            Self::Digest(_) => "digest",
            Self::OtherShard { .. } => "other-shard",
            Self::OtherWorld(_) => "other-world",
            Self::Freeze(_) => "freeze",
            Self::Restore(RestoreError::Held { .. }) => "copy-lies-here",
            Self::Restore(_) => "disk",
            Self::Row => "row",
            Self::Withheld(_) => "law-forbids",
            Self::Uncommitted => "uncommitted",
            Self::State(_) => "state",
            Self::Directory(_) => "directory",
            Self::Scratch(_) => "scratch",
            Self::Stopped => "stopped",
        }
    }

    /// Whether the backup itself is at fault: no other try will do better.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::MissingPart { .. }
                | Self::DamagedPart { .. }
                | Self::DamagedManifest(_)
                | Self::Digest(_)
                | Self::State(_)
        )
    }
}
