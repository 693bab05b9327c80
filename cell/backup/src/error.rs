//! Why a backup was not written, does not read, or was not restored.

use cell_shard::{FreezeError, LogError, RestoreError};
use platform_model::{EpochPosition, ShardId};

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
    /// What lies there hides it, perhaps.
    #[error("too many backups of {0} lie there, or too many that do not open, to tell which is the newest")]
    TooMany(Box<ShardId>),
    /// Of a jurisdiction, at this node.
    #[error("{0}")]
    NoKey(String),
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
    /// Wrapped keys stand in its log, and go with a key that is destroyed.
    #[error("no log of {0} is kept: keys that were destroyed would stand in it")]
    KeyShard(Box<ShardId>),
    #[error("segment {segment} of the log behind backup {name} is missing: it reaches to {upto}")]
    MissingSegment {
        name: String,
        segment: u64,
        upto: EpochPosition,
    },
    /// Flipped, cut short, of another place or of another backup.
    #[error("segment {segment} of the log behind backup {name} is damaged{}", reached(.upto))]
    DamagedSegment {
        name: String,
        segment: u64,
        /// As far as it was read.
        upto: Option<EpochPosition>,
    },
    /// It begins at another entry than the one that it should go on from.
    #[error("segment {segment} of the log behind backup {name} does not go on from {at}")]
    Unattached {
        name: String,
        segment: u64,
        at: EpochPosition,
    },
    /// An entry, or a time, that neither the backup nor its log has.
    #[error("backup {name} and its log do not reach there: {why}")]
    OutOfReach { name: String, why: String },
    /// Its log cannot be kept on: what came next is gone, or came to be something else.
    #[error("the log behind backup {name} has a gap: the shard is to be backed up anew")]
    Gap {
        name: String,
        #[source]
        cause: LogError,
    },
    #[error(
        "the log behind backup {0} has as many segments as one may have: the shard is to be backed up anew"
    )]
    LogFull(String),
    #[error("the shard's log cannot be read")]
    Log(#[source] LogError),
    #[error("the process ends")]
    Stopped,
}

impl BackupError {
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
            Self::TooMany(_) => "too-many",
            Self::NoKey(_) => "no-key",
            Self::Freeze(_) => "freeze",
            Self::Restore(RestoreError::Held { .. }) => "copy-lies-here",
            Self::Restore(_) => "disk",
            Self::Row => "row",
            Self::Withheld(_) => "law-forbids",
            Self::Uncommitted => "uncommitted",
            Self::State(_) => "state",
            Self::Directory(_) => "directory",
            Self::Scratch(_) => "scratch",
            Self::KeyShard(_) => "key-shard",
            Self::MissingSegment { .. } => "missing-segment",
            Self::DamagedSegment { .. } => "damaged-segment",
            Self::Unattached { .. } => "unattached-segment",
            Self::OutOfReach { .. } => "out-of-reach",
            Self::Gap { .. } => "gap",
            Self::LogFull(_) => "log-full",
            Self::Log(_) => "log",
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
                | Self::MissingSegment { .. }
                | Self::DamagedSegment { .. }
                | Self::Unattached { .. }
        )
    }
}

fn reached(upto: &Option<EpochPosition>) -> String {
    upto.map_or_else(String::new, |upto| format!(": it reaches to {upto}"))
}
