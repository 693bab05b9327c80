//! The router's settings: one struct, checked before anything starts. `--print-config` shows the defaults.

use std::path::PathBuf;
use std::time::Duration;

use platform_model::WorldId;
use platform_runtime::config::{HumanDuration, HumanSize};
use platform_runtime::telemetry::LogFormat;
use serde::{Deserialize, Serialize};

use crate::apps::connection::ConnectionLimits;
use crate::apps::listener::ListenerLimits;
use crate::forward::ForwardLimits;
use crate::request::body::BodyLimits;

/// Everything that can be set. Sections are flat and have no optional parts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The world's id: 64 hex digits.
    pub world: String,
    /// Holds the lock, the copy of the routing table and the addresses bound.
    pub data_dir: PathBuf,
    /// Addresses of controllers, `host:port`.
    pub controllers: Vec<String>,
    pub apps: Apps,
    pub internal: Internal,
    pub nodes: Nodes,
    pub learned: Learned,
    pub tokens: Tokens,
    pub cors: CorsSettings,
    pub drain: Drain,
    pub log: Log,
}

/// The listener for apps.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Apps {
    pub listen: String,
    /// Folder with `cert.pem` and `key.pem`, read again when they change.
    pub certificate_dir: PathBuf,
    pub connections_max: usize,
    pub streams_max: u32,
    pub handshake_timeout: HumanDuration,
    /// For a head to arrive, and the longest pause between two requests over HTTP/1.1.
    pub header_timeout: HumanDuration,
    /// For an HTTP/2 connection without requests.
    pub idle_timeout: HumanDuration,
    pub header_max: HumanSize,
    pub body_max: HumanSize,
    /// Bodies up to this size are kept until answered, so that they can be sent again.
    pub replay_body_max: HumanSize,
    /// Longest pause inside a body.
    pub body_idle_timeout: HumanDuration,
}

/// The mTLS listener for health and metrics, and the identity for it and for nodes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Internal {
    pub listen: String,
    /// Folder with `ca.pem`, `cert.pem` and `key.pem`, read again when they change.
    pub identity_dir: PathBuf,
    pub reload_every: HumanDuration,
}

/// Forwarding.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nodes {
    pub connections_per_node: usize,
    pub in_flight_per_cell_max: usize,
    pub connect_timeout: HumanDuration,
    pub request_deadline: HumanDuration,
    /// The deadline of requests whose body streams.
    pub upload_deadline: HumanDuration,
    pub answer_idle_timeout: HumanDuration,
}

/// What nodes said about shards that moved.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Learned {
    pub entries_max: usize,
    pub life: HumanDuration,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tokens {
    /// Verified tokens remembered.
    pub cache_entries_max: usize,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorsSettings {
    /// Origins whose pages may call the API, such as `https://app.example.com`.
    pub origins: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Drain {
    /// For requests under way to end after SIGTERM.
    pub within: HumanDuration,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    /// As in `RUST_LOG`; `access=info` is one line a request.
    pub filter: String,
}

const fn seconds(s: u64) -> HumanDuration {
    HumanDuration(Duration::from_secs(s))
}

const fn kib(n: u64) -> HumanSize {
    HumanSize(n * 1024)
}

impl Default for Config {
    fn default() -> Self {
        Self {
            world: String::new(),
            data_dir: "router-data".into(),
            controllers: Vec::new(),
            apps: Apps::default(),
            internal: Internal::default(),
            nodes: Nodes::default(),
            learned: Learned::default(),
            tokens: Tokens::default(),
            cors: CorsSettings::default(),
            drain: Drain::default(),
            log: Log::default(),
        }
    }
}

impl Default for Apps {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8443".into(),
            certificate_dir: "public".into(),
            connections_max: 4_096,
            streams_max: 100,
            handshake_timeout: seconds(5),
            header_timeout: seconds(15),
            idle_timeout: seconds(120),
            header_max: kib(32),
            body_max: kib(32 * 1024),
            replay_body_max: kib(64),
            body_idle_timeout: seconds(10),
        }
    }
}

impl Default for Internal {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".into(),
            identity_dir: "identity".into(),
            reload_every: seconds(10),
        }
    }
}

impl Default for Nodes {
    fn default() -> Self {
        Self {
            connections_per_node: 4,
            in_flight_per_cell_max: 1_024,
            connect_timeout: seconds(2),
            request_deadline: seconds(30),
            upload_deadline: seconds(180),
            answer_idle_timeout: seconds(30),
        }
    }
}

impl Default for Learned {
    fn default() -> Self {
        Self {
            entries_max: 65_536,
            life: seconds(60),
        }
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            cache_entries_max: 65_536,
        }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self { within: seconds(20) }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            filter: "info".into(),
        }
    }
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {rule}")]
pub struct InvalidSetting {
    pub key: &'static str,
    pub rule: &'static str,
}

/// Replay bodies are held in memory for each request in flight.
const REPLAY_BYTES_MAX: u64 = 1024 * 1024;
/// hyper reads no smaller heads.
const HEADER_BYTES: std::ops::RangeInclusive<u64> = 8 * 1024..=256 * 1024;

impl Config {
    /// The world, once every setting has been looked at.
    ///
    /// # Errors
    /// [`InvalidSetting`] names the first that cannot be.
    pub fn check(&self) -> Result<WorldId, InvalidSetting> {
        let refuse = |key, rule| Err(InvalidSetting { key, rule });
        let counts = [
            ("apps.connections_max", self.apps.connections_max),
            ("apps.streams_max", self.apps.streams_max as usize),
            ("nodes.connections_per_node", self.nodes.connections_per_node),
            ("nodes.in_flight_per_cell_max", self.nodes.in_flight_per_cell_max),
            ("learned.entries_max", self.learned.entries_max),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return refuse(key, "at least 1");
        }
        if !HEADER_BYTES.contains(&self.apps.header_max.0) {
            return refuse("apps.header_max", "8KiB to 256KiB");
        }
        if self.apps.replay_body_max.0 > REPLAY_BYTES_MAX.min(self.apps.body_max.0) {
            return refuse("apps.replay_body_max", "at most 1MiB and at most `apps.body_max`");
        }
        if self.controllers.is_empty() {
            return refuse("controllers", "name at least one controller, `host:port`");
        }
        if self
            .cors
            .origins
            .iter()
            .any(|origin| !origin.starts_with("https://") || !origin.is_ascii())
        {
            return refuse(
                "cors.origins",
                "each is an origin, such as `https://app.example.com`",
            );
        }
        WorldId::new(&self.world).or(refuse("world", "the world's id, 64 hex digits"))
    }

    pub fn listener_limits(&self) -> ListenerLimits {
        let apps = &self.apps;
        ListenerLimits {
            connections_max: apps.connections_max,
            handshake: apps.handshake_timeout.0,
            connection: ConnectionLimits {
                header_bytes_max: size(apps.header_max),
                header_timeout: apps.header_timeout.0,
                idle_timeout: apps.idle_timeout.0,
                streams_max: apps.streams_max,
                linger_bytes_max: apps.body_max.0,
            },
        }
    }

    pub fn forward_limits(&self) -> ForwardLimits {
        ForwardLimits {
            body: BodyLimits {
                body_max: self.apps.body_max.0,
                replay_max: size(self.apps.replay_body_max),
                idle: self.apps.body_idle_timeout.0,
            },
            request_deadline: self.nodes.request_deadline.0,
            upload_deadline: self.nodes.upload_deadline.0,
            answer_idle: self.nodes.answer_idle_timeout.0,
        }
    }
}

fn size(bytes: HumanSize) -> usize {
    usize::try_from(bytes.0).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Config {
        Config {
            world: "a".repeat(64),
            controllers: vec!["127.0.0.1:1".into()],
            ..Config::default()
        }
    }

    #[test]
    fn the_default_file_is_pinned() {
        let mut config = Config::default();
        config.log.format = LogFormat::Json;
        assert_eq!(
            platform_runtime::config::print(&config),
            include_str!("default.toml")
        );
    }

    #[test]
    fn a_setting_that_cannot_be_is_named() {
        assert!(good().check().is_ok());
        let key = |change: fn(&mut Config)| {
            let mut config = good();
            change(&mut config);
            config.check().expect_err("refused").key
        };
        assert_eq!(key(|c| c.world.clear()), "world");
        assert_eq!(key(|c| c.controllers.clear()), "controllers");
        assert_eq!(
            key(|c| c.nodes.in_flight_per_cell_max = 0),
            "nodes.in_flight_per_cell_max"
        );
        assert_eq!(key(|c| c.apps.header_max = HumanSize(1)), "apps.header_max");
        assert_eq!(
            key(|c| c.apps.replay_body_max = kib(2_048)),
            "apps.replay_body_max"
        );
        assert_eq!(key(|c| c.cors.origins = vec!["*".into()]), "cors.origins");
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("router.toml");
        std::fs::write(&file, "[apps]\nlissten = \"x\"\n").expect("written");
        let error =
            platform_runtime::config::load::<Config>(Some(&file), "ROUTERD", &[]).expect_err("unknown");
        assert!(error.to_string().contains("lissten"), "{error}");
    }
}
