//! How much a shard keeps of its log.

use cell_shard::LogKept;
use platform_runtime::config::HumanSize;
use serde::{Deserialize, Serialize};

use super::InvalidConfig;

/// A copy that was away for longer than the log reaches is made anew, so less of it is less disk and more copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shards {
    /// Entries of the log of each shard: at most what is the default.
    pub log_entries: usize,
    /// The same in bytes.
    pub log_size: HumanSize,
}

/// Fewer entries than standbys need while all is well.
const LOG_ENTRIES_MIN: usize = 64;
/// Less than an entry may have.
const LOG_BYTES_MIN: u64 = 8 << 20;

impl Default for Shards {
    fn default() -> Self {
        let kept = LogKept::default();
        Self {
            log_entries: kept.entries,
            log_size: HumanSize(kept.bytes as u64),
        }
    }
}

impl Shards {
    pub(super) fn check(&self) -> Result<(), InvalidConfig> {
        let most = Self::default();
        let rule = |key, rule| Err(InvalidConfig::Rule { key, rule });
        if !(LOG_ENTRIES_MIN..=most.log_entries).contains(&self.log_entries) {
            return rule("shards.log_entries", "between 64 and 10000");
        }
        if !(LOG_BYTES_MIN..=most.log_size.0).contains(&self.log_size.0) {
            return rule("shards.log_size", "between 8MiB and 32MiB");
        }
        Ok(())
    }

    pub fn log_kept(&self) -> LogKept {
        LogKept {
            entries: self.log_entries,
            bytes: usize::try_from(self.log_size.0).unwrap_or(usize::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_kept_within_bounds() {
        assert_eq!(Shards::default().check(), Ok(()));
        assert_eq!(Shards::default().log_kept(), LogKept::default());
        let broken = [
            (63, 16 << 20),
            (10_001, 16 << 20),
            (100, 7 << 20),
            (100, 33 << 20),
        ];
        for (log_entries, bytes) in broken {
            let shards = Shards {
                log_entries,
                log_size: HumanSize(bytes),
            };
            assert!(shards.check().is_err(), "{shards:?}");
        }
    }
}
