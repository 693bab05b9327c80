//! Where backups of the shards that this node serves go.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::InvalidConfig;

/// Both, or neither: without a store the node writes no backups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backup {
    /// A folder: of this machine, or of a bucket that is mounted there.
    pub folder: PathBuf,
    /// What the law calls that place: a sink of the kind `backup`.
    pub sink: String,
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
