//! The router's settings: one struct, checked before anything starts. `--print-config` shows the defaults.

mod hold;

use std::path::PathBuf;
use std::time::Duration;

use platform_model::WorldId;
use platform_runtime::config::{HumanDuration, HumanSize};
use platform_runtime::telemetry::LogFormat;
use platform_wire::join::JoinSettings;
use serde::{Deserialize, Serialize};

use crate::apps::connection::ConnectionLimits;
use crate::apps::listener::ListenerLimits;
use crate::forward::ForwardLimits;
use crate::request::body::BodyLimits;

pub use self::hold::Hold;

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
    /// How it gets its first certificate, if none is in `internal.identity_dir`.
    pub join: JoinSettings,
    pub nodes: Nodes,
    pub hold: Hold,
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
    /// Where apps reach it, `host:port`; empty: what was bound.
    pub advertise: String,
    /// Folder with `cert.pem` and `key.pem`, read again when they change.
    pub certificate_dir: PathBuf,
    pub connections_max: usize,
    pub streams_max: u32,
    pub handshake_timeout: HumanDuration,
    /// For a head to arrive, and the longest pause between two requests over HTTP/1.1; over HTTP/2 for the first.
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
    /// Where others of the world reach it, `host:port`; empty: what was bound.
    pub advertise: String,
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
    /// Longest pause inside an answer, whether the node or the app makes it.
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
            join: JoinSettings::default(),
            nodes: Nodes::default(),
            hold: Hold::default(),
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
            advertise: String::new(),
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
            advertise: String::new(),
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
/// hyper reads no smaller heads; nodes take 64 KiB, with what the router adds.
const HEADER_BYTES: std::ops::RangeInclusive<u64> = 8 * 1024..=60 * 1024;

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
            ("hold.requests_per_shard_max", self.hold.requests_per_shard_max),
            ("learned.entries_max", self.learned.entries_max),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return refuse(key, "at least 1");
        }
        if !HEADER_BYTES.contains(&self.apps.header_max.0) {
            return refuse("apps.header_max", "8KiB to 60KiB");
        }
        if self.apps.replay_body_max.0 > REPLAY_BYTES_MAX.min(self.apps.body_max.0) {
            return refuse("apps.replay_body_max", "at most 1MiB and at most `apps.body_max`");
        }
        if let Some(key) = self.hold.disorder() {
            return refuse(key, "at most what a cell may hold, and that at most what all may");
        }
        if self.hold.bytes_per_shard_max.0 < self.apps.replay_body_max.0 + self.apps.header_max.0 {
            return refuse("hold.bytes_per_shard_max", "room for one request at least");
        }
        let advertised = [
            ("apps.advertise", &self.apps.advertise),
            ("internal.advertise", &self.internal.advertise),
        ];
        if let Some((key, _)) = advertised.into_iter().find(|(_, text)| !is_reachable(text)) {
            return refuse(key, "`host:port`, or empty for what is bound");
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
                unread_timeout: self.nodes.answer_idle_timeout.0,
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

/// An address to give to others; empty is one too, the bound address.
fn is_reachable(text: &str) -> bool {
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port != 0);
    text.is_empty()
        || text
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && is_port(port))
}

fn size(bytes: HumanSize) -> usize {
    usize::try_from(bytes.0).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
