//! The settings of a node. Defaults < file < environment (`CELLD_...`) < flags; see `--print-config`.

mod backup;
mod bridge;
mod shards;
mod store;

use std::path::PathBuf;
use std::time::Duration;

use platform_model::{InvalidId, NodeId, RegionId, WorldId};
use platform_runtime::config::HumanDuration;
use platform_runtime::telemetry::LogFormat;
use platform_wire::join::JoinSettings;
use serde::{Deserialize, Serialize};

pub use backup::Backup;
pub use bridge::Bridge;
pub use shards::Shards;
pub use store::{EngineName, Store};

/// As it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The world's id, 64 hex digits.
    pub world: String,
    /// This node, `eu-central-1/0`.
    pub node: String,
    /// Where it stands; its certificate must say the same.
    pub region: String,
    /// Everything that must survive a restart.
    pub data_dir: PathBuf,
    /// Folder with `ca.pem`, `cert.pem`, `key.pem`.
    pub identity_dir: PathBuf,
    /// `host:port`; port 0 takes a free one and keeps it over restarts.
    pub listen: String,
    /// Where routers and other nodes reach it; empty: what was bound.
    pub advertise: String,
    /// Addresses of controllers, `host:port`.
    pub controllers: Vec<String>,
    /// How it gets its first certificate, if none is in `identity_dir`.
    pub join: JoinSettings,
    pub keys: Keys,
    pub store: Store,
    pub backup: Backup,
    pub bridge: Bridge,
    pub reports: Reports,
    pub limits: Limits,
    pub shards: Shards,
    pub log: Log,
}

/// Secrets, each in a file of its own that only its owner may read, and how long opened keys are remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// 32 bytes: the key of the directory's digests.
    pub lookup_key_file: PathBuf,
    /// Folder of `jurisdiction-NAME.key`, 32 bytes each: of the jurisdictions whose people this cell may hold.
    pub jurisdiction_key_dir: PathBuf,
    /// Opened keys of people in memory.
    pub cache_entries_max: usize,
    pub cache_life: HumanDuration,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reports {
    /// Pause between two heartbeats.
    pub every: HumanDuration,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Requests of apps at once; one more is told to come again.
    pub requests: usize,
    /// Verified tokens remembered.
    pub tokens: usize,
    /// For requests under way to end after SIGTERM.
    pub drain_within: HumanDuration,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// As in `RUST_LOG`.
    pub filter: String,
    /// `json` or `human`; absent: human on a terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<LogFormat>,
}

/// Settings that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConfig {
    #[error("`{key}`: {source}")]
    Id { key: &'static str, source: InvalidId },
    #[error("`{key}`: {rule}")]
    Rule { key: &'static str, rule: &'static str },
}

/// The settings, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    pub config: Config,
    pub world: WorldId,
    pub node: NodeId,
    pub region: RegionId,
}

const fn seconds(s: u64) -> HumanDuration {
    HumanDuration(Duration::from_secs(s))
}

impl Default for Config {
    fn default() -> Self {
        Self {
            world: String::new(),
            node: String::new(),
            region: String::new(),
            data_dir: PathBuf::new(),
            identity_dir: PathBuf::new(),
            listen: "127.0.0.1:7200".into(),
            advertise: String::new(),
            controllers: Vec::new(),
            join: JoinSettings::default(),
            keys: Keys::default(),
            store: Store::default(),
            backup: Backup::default(),
            bridge: Bridge::default(),
            reports: Reports::default(),
            limits: Limits::default(),
            shards: Shards::default(),
            log: Log::default(),
        }
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            lookup_key_file: PathBuf::new(),
            jurisdiction_key_dir: PathBuf::new(),
            cache_entries_max: 65_536,
            cache_life: seconds(300),
        }
    }
}

impl Default for Reports {
    fn default() -> Self {
        Self { every: seconds(1) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            requests: 512,
            tokens: 65_536,
            drain_within: seconds(20),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info".into(),
            format: None,
        }
    }
}

impl Config {
    /// # Errors
    /// Names the first setting that is missing or wrong.
    pub fn check(self) -> Result<Settings, InvalidConfig> {
        let world = id("world", &self.world)?;
        let node = id("node", &self.node)?;
        let region = id("region", &self.region)?;
        let paths = [
            ("data_dir", &self.data_dir),
            ("identity_dir", &self.identity_dir),
            ("keys.lookup_key_file", &self.keys.lookup_key_file),
            ("keys.jurisdiction_key_dir", &self.keys.jurisdiction_key_dir),
        ];
        if let Some((key, _)) = paths.into_iter().find(|(_, path)| path.as_os_str().is_empty()) {
            return Err(InvalidConfig::Rule {
                key,
                rule: "must be set",
            });
        }
        if self.controllers.is_empty() {
            let rule = "name at least one controller, `host:port`";
            return Err(InvalidConfig::Rule {
                key: "controllers",
                rule,
            });
        }
        let counts = [
            ("keys.cache_entries_max", self.keys.cache_entries_max),
            ("store.worker_threads", self.store.worker_threads),
            ("limits.connections", self.limits.connections),
            ("limits.requests", self.limits.requests),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(InvalidConfig::Rule {
                key,
                rule: "at least 1",
            });
        }
        self.store.check()?;
        self.backup.check()?;
        self.bridge.check()?;
        self.shards.check()?;
        if self.reports.every.0.is_zero() {
            return Err(InvalidConfig::Rule {
                key: "reports.every",
                rule: "more than nothing",
            });
        }
        Ok(Settings {
            config: self,
            world,
            node,
            region,
        })
    }
}

fn id<T: std::str::FromStr<Err = InvalidId>>(key: &'static str, text: &str) -> Result<T, InvalidConfig> {
    text.parse().map_err(|source| InvalidConfig::Id { key, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_settings_are_these() {
        assert_eq!(
            platform_runtime::config::print(&Config::default()),
            include_str!("default.toml")
        );
    }

    fn good() -> Config {
        Config {
            world: "a".repeat(64),
            node: "eu-central-1/0".into(),
            region: "eu-central".into(),
            data_dir: "data".into(),
            identity_dir: "identity".into(),
            controllers: vec!["127.0.0.1:7100".into()],
            keys: Keys {
                lookup_key_file: "lookup.key".into(),
                jurisdiction_key_dir: "secrets".into(),
                ..Keys::default()
            },
            ..Config::default()
        }
    }

    #[test]
    fn what_is_missing_or_cannot_be_is_named() {
        assert!(good().check().is_ok());
        type Row = (fn(&mut Config), &'static str);
        let broken: [Row; 9] = [
            (|c| c.bridge.sink = "nats-eu".into(), "`bridge.servers`"),
            (|c| c.backup.sink = "backup-eu".into(), "`backup`"),
            (|c| c.world = "x".into(), "`world`"),
            (|c| c.node = "eu-central-1".into(), "`node`"),
            (|c| c.region = String::new(), "`region`"),
            (|c| c.data_dir = PathBuf::new(), "`data_dir`"),
            (|c| c.controllers.clear(), "`controllers`"),
            (|c| c.limits.requests = 0, "`limits.requests`"),
            (
                |c| c.keys.lookup_key_file = PathBuf::new(),
                "`keys.lookup_key_file`",
            ),
        ];
        for (breaks, expected) in broken {
            let mut config = good();
            breaks(&mut config);
            let error = config.check().expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("celld.toml");
        std::fs::write(&file, "[limits]\nconections = 1\n").expect("written");
        let error = platform_runtime::config::load::<Config>(Some(&file), "CELLD", &[]).expect_err("unknown");
        assert!(error.to_string().contains("conections"), "{error}");
    }
}
