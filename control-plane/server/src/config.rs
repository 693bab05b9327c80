//! The settings of a controller. Defaults < file < environment (`CONTROLD_...`) < flags; see `--print-config`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use control_plane_raft::{RaftConfig, Timeouts};
use platform_model::{InvalidId, WorldId};
use platform_runtime::config::HumanDuration;
use platform_runtime::telemetry::LogFormat;
use serde::{Deserialize, Serialize};

use crate::ledger::Archive;
use crate::siem::Siem;

/// As it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The world's id, 64 hex digits.
    pub world: String,
    /// This controller's Raft id, from 1; never given to another disk.
    pub id: u64,
    /// Everything that must survive a restart.
    pub data_dir: PathBuf,
    /// Folder with `ca.pem`, `cert.pem`, `key.pem`.
    pub identity_dir: PathBuf,
    /// `host:port`; port 0 takes a free one and keeps it over restarts.
    pub listen: String,
    /// Where others reach this controller; empty: what was bound.
    pub advertise: String,
    /// The first members of the world, this one among them: `1@10.0.0.1:7100`.
    pub peers: Vec<Peer>,
    /// Starts Raft among `peers` if it never ran on any of them.
    pub bootstrap: bool,
    pub raft: Raft,
    pub limits: Limits,
    pub ledger: Ledger,
    pub siem: Siem,
    pub trust: Trust,
    pub log: Log,
}

/// Certificates that this controller issues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trust {
    /// Folder with `ca.pem`, `cert.pem`, `key.pem` of this controller's own authority; empty: it issues nothing.
    pub issuer_dir: PathBuf,
    /// Where processes with a join token ask for their first certificate, `host:port`; empty: nowhere.
    pub join_listen: String,
    /// The longest outage of the controllers that nodes and routers must live through. Certificates last twice as long.
    pub outage_max: HumanDuration,
}

/// Times of Raft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Raft {
    pub heartbeat: HumanDuration,
    pub election_min: HumanDuration,
    pub election_max: HumanDuration,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Watchers of the table at once.
    pub watchers: usize,
    /// Operators' clients that speak an earlier protocol are refused; 0 takes those from before there was a number.
    pub client_protocol_min: u32,
}

/// The record of decisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ledger {
    /// Folder to which sealed segments are copied; empty: none. Several controllers may share one.
    pub archive_dir: PathBuf,
    /// Sealed segments, of about a megabyte each, that stay in the data directory; older ones go once archived.
    pub segments_kept: usize,
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

/// A controller's Raft id and address, `1@10.0.0.1:7100`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Peer {
    pub id: u64,
    pub address: String,
}

/// Settings that contradict each other or themselves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConfig {
    #[error("`world` does not hold a world's id")]
    World(#[from] InvalidId),
    #[error("`{key}` must be set")]
    Missing { key: &'static str },
    #[error("controller {id} stands twice in `peers`")]
    PeerTwice { id: u64 },
    #[error("`trust.outage_max`: at least 1s")]
    NoLife,
    #[error("controller {id} is not in `peers`, so it cannot bootstrap")]
    NotAPeer { id: u64 },
}

/// A text that is no peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no peer: id@host:port, such as `1@127.0.0.1:7100`")]
pub struct InvalidPeer {
    pub text: String,
}

/// The settings, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    pub config: Config,
    pub world: WorldId,
    pub peers: BTreeMap<u64, String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            world: String::new(),
            id: 0,
            data_dir: PathBuf::new(),
            identity_dir: PathBuf::new(),
            listen: "127.0.0.1:7100".into(),
            advertise: String::new(),
            peers: Vec::new(),
            bootstrap: false,
            raft: Raft::default(),
            limits: Limits::default(),
            ledger: Ledger::default(),
            siem: Siem::default(),
            trust: Trust::default(),
            log: Log::default(),
        }
    }
}

impl Default for Raft {
    fn default() -> Self {
        let times = Timeouts::default();
        Self {
            heartbeat: HumanDuration(times.heartbeat),
            election_min: HumanDuration(times.election_min),
            election_max: HumanDuration(times.election_max),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            watchers: 2_048,
            client_protocol_min: 0,
        }
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            archive_dir: PathBuf::new(),
            segments_kept: 1_024,
        }
    }
}

impl Default for Trust {
    fn default() -> Self {
        Self {
            issuer_dir: PathBuf::new(),
            join_listen: String::new(),
            outage_max: HumanDuration(Duration::from_secs(7 * 86_400)),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info,openraft=error".into(),
            format: None,
        }
    }
}

impl Config {
    /// # Errors
    /// Names the setting that is missing or wrong.
    pub fn check(self) -> Result<Settings, InvalidConfig> {
        let paths = [("data_dir", &self.data_dir), ("identity_dir", &self.identity_dir)];
        if let Some((key, _)) = paths.into_iter().find(|(_, path)| path.as_os_str().is_empty()) {
            return Err(InvalidConfig::Missing { key });
        }
        if self.id == 0 {
            return Err(InvalidConfig::Missing { key: "id" });
        }
        if self.trust.outage_max.0 < Duration::from_secs(1) {
            return Err(InvalidConfig::NoLife);
        }
        let world = self.world.parse()?;
        let mut peers = BTreeMap::new();
        for peer in &self.peers {
            if peers.insert(peer.id, peer.address.clone()).is_some() {
                return Err(InvalidConfig::PeerTwice { id: peer.id });
            }
        }
        if self.bootstrap && !peers.contains_key(&self.id) {
            return Err(InvalidConfig::NotAPeer { id: self.id });
        }
        Ok(Settings {
            config: self,
            world,
            peers,
        })
    }
}

impl Settings {
    /// What Raft is told.
    pub fn raft(&self) -> RaftConfig {
        let times = &self.config.raft;
        let mut raft = RaftConfig::new(
            self.config.id,
            self.world.clone(),
            self.config.data_dir.join("raft"),
        );
        raft.peers = self.peers.clone();
        raft.timeouts.heartbeat = times.heartbeat.0;
        raft.timeouts.election_min = times.election_min.0;
        raft.timeouts.election_max = times.election_max.0;
        raft
    }

    /// Where sealed segments of the ledger go.
    pub fn archive(&self) -> Option<Archive> {
        let Ledger {
            archive_dir,
            segments_kept,
        } = &self.config.ledger;
        (!archive_dir.as_os_str().is_empty()).then(|| Archive {
            dir: archive_dir.clone(),
            kept: *segments_kept,
        })
    }
}

impl FromStr for Peer {
    type Err = InvalidPeer;

    fn from_str(text: &str) -> Result<Self, InvalidPeer> {
        let invalid = || InvalidPeer {
            text: text.to_owned(),
        };
        let (id, address) = text.split_once('@').ok_or_else(invalid)?;
        let id = id.parse().ok().filter(|id| *id > 0).ok_or_else(invalid)?;
        if address
            .rsplit_once(':')
            .is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err())
        {
            return Err(invalid());
        }
        Ok(Self {
            id,
            address: address.to_owned(),
        })
    }
}

impl TryFrom<String> for Peer {
    type Error = InvalidPeer;

    fn try_from(text: String) -> Result<Self, InvalidPeer> {
        text.parse()
    }
}

impl From<Peer> for String {
    fn from(peer: Peer) -> Self {
        peer.to_string()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `--print-config` shows, in full.
    const DEFAULTS: &str = include_str!("default.toml");

    #[test]
    fn the_default_settings_are_these() {
        assert_eq!(platform_runtime::config::print(&Config::default()), DEFAULTS);
    }

    fn good() -> Config {
        Config {
            world: "a".repeat(64),
            id: 1,
            data_dir: "data".into(),
            identity_dir: "identity".into(),
            peers: vec!["1@127.0.0.1:1".parse().expect("a peer")],
            ..Config::default()
        }
    }

    #[test]
    fn what_is_missing_or_contradicts_itself_is_named() {
        assert!(good().check().is_ok());
        let twice = vec![good().peers[0].clone(), good().peers[0].clone()];
        let broken: [(Config, &str); 6] = [
            (
                Config {
                    world: "x".into(),
                    ..good()
                },
                "`world`",
            ),
            (Config { id: 0, ..good() }, "`id`"),
            (
                Config {
                    data_dir: PathBuf::new(),
                    ..good()
                },
                "`data_dir`",
            ),
            (
                Config {
                    identity_dir: PathBuf::new(),
                    ..good()
                },
                "`identity_dir`",
            ),
            (
                Config {
                    peers: twice,
                    ..good()
                },
                "twice",
            ),
            (
                Config {
                    id: 2,
                    bootstrap: true,
                    ..good()
                },
                "cannot bootstrap",
            ),
        ];
        for (config, expected) in broken {
            let error = config.check().expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_peer_is_an_id_and_an_address() {
        assert_eq!("1@h:2".parse::<Peer>().expect("a peer").to_string(), "1@h:2");
        for text in ["", "1", "@h:1", "0@h:1", "x@h:1", "1@h", "1@:1", "1@h:x"] {
            assert!(text.parse::<Peer>().is_err(), "{text}");
        }
    }
}
