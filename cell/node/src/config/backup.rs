//! Where backups of the shards that this node serves go.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::InvalidConfig;

/// Of the settings that say nothing else.
const MIB_PER_SECOND: u32 = (cell_backup::pace::BYTES_PER_SECOND >> 20) as u32;

/// Folder and sink, or neither: without a store the node writes no backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backup {
    /// A folder: of this machine, or of a bucket that is mounted there.
    pub folder: PathBuf,
    /// What the law calls that place: a sink of the kind `backup`.
    pub sink: String,
    /// Of one shard, at most, in a second: what a backup leaves to the requests beside it. 0: as many as go.
    pub mib_per_second: u32,
}

impl Default for Backup {
    fn default() -> Self {
        Self {
            folder: PathBuf::new(),
            sink: String::new(),
            mib_per_second: MIB_PER_SECOND,
        }
    }
}

impl Backup {
    pub fn is_set(&self) -> bool {
        !self.sink.is_empty()
    }

    /// # Errors
    /// One without the other.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        if self.folder.as_os_str().is_empty() == self.sink.is_empty() {
            return Ok(());
        }
        Err(InvalidConfig::Rule {
            key: "backup",
            rule: "takes both a folder and the name of the sink that it is in the law",
        })
    }
}
