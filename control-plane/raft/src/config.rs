//! What a controller's Raft node is told at its start. Reads no file: the server's config does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use openraft::SnapshotPolicy;
use platform_model::WorldId;

use crate::error::StartError;

/// Proposals that may wait for the log at once; more wait in the caller.
const PROPOSALS_QUEUED_MAX: u64 = 4_096;
/// Entries of one append to a peer; bounded in bytes too, see [`crate::log`].
const ENTRIES_PER_APPEND_MAX: u64 = 256;
/// Entries that stay in the log behind a snapshot, so that a peer a little behind needs no snapshot.
const ENTRIES_KEPT_BEHIND_SNAPSHOT: u64 = 1_000;
/// First, second and last delay before an unreachable peer is asked again.
const BACKOFF: &str = "100ms 200ms ...2s";

/// One controller.
#[derive(Debug, Clone)]
pub struct RaftConfig {
    /// Never reused: a controller made anew after the loss of its disk takes a new id.
    pub node_id: u64,
    /// The world that the data directory belongs to from its first start on.
    pub world: WorldId,
    /// Holds `raft.redb`, `snapshots/` and `copies.json`; made if missing.
    pub data_dir: PathBuf,
    /// Where peers are reached now. An address here wins over the one in the membership.
    pub peers: BTreeMap<u64, String>,
    pub timeouts: Timeouts,
    pub compaction: Compaction,
}

/// Times of the protocol. Elections under a second lose leadership on a busy machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// A leader is heard at least this often.
    pub heartbeat: Duration,
    /// A follower that hears no leader for a random time between these two asks for votes.
    pub election_min: Duration,
    /// Also the length of the leader's lease.
    pub election_max: Duration,
    /// Longest wait for the outcome of a proposal, a membership change or a read.
    pub propose: Duration,
    /// Longest transfer of one snapshot.
    pub snapshot: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(250),
            election_min: Duration::from_millis(1_000),
            election_max: Duration::from_millis(2_000),
            propose: Duration::from_secs(5),
            snapshot: Duration::from_secs(60),
        }
    }
}

/// When the log is folded into a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compaction {
    /// Entries after the last snapshot that make a new one.
    pub entries_per_snapshot: u64,
    /// Entries that stay readable behind it.
    pub entries_kept: u64,
}

impl Default for Compaction {
    fn default() -> Self {
        Self {
            entries_per_snapshot: 2_000,
            entries_kept: ENTRIES_KEPT_BEHIND_SNAPSHOT,
        }
    }
}

impl RaftConfig {
    /// A node with default times.
    pub fn new(node_id: u64, world: WorldId, data_dir: PathBuf) -> Self {
        let (timeouts, compaction) = (Timeouts::default(), Compaction::default());
        Self {
            node_id,
            world,
            data_dir,
            peers: BTreeMap::new(),
            timeouts,
            compaction,
        }
    }

    /// The library's config.
    ///
    /// # Errors
    /// Times that contradict each other.
    pub(crate) fn library(&self) -> Result<openraft::Config, StartError> {
        let config = openraft::Config {
            cluster_name: self.world.trust_domain().to_owned(),
            heartbeat_interval: millis(self.timeouts.heartbeat),
            election_timeout_min: millis(self.timeouts.election_min),
            election_timeout_max: millis(self.timeouts.election_max),
            install_snapshot_timeout: millis(self.timeouts.snapshot),
            max_payload_entries: ENTRIES_PER_APPEND_MAX,
            snapshot_policy: SnapshotPolicy::LogsSinceLast(self.compaction.entries_per_snapshot),
            max_in_snapshot_log_to_keep: self.compaction.entries_kept,
            replication_lag_threshold: self.compaction.entries_per_snapshot,
            api_channel_size: Some(PROPOSALS_QUEUED_MAX),
            enable_pre_vote: Some(true),
            // A restarted leader is elected again: its saved commit index may be older than what it had applied.
            enable_leader_restore: Some(false),
            backoff: BACKOFF.to_owned(),
            ..openraft::Config::default()
        };
        config.validate().map_err(|e| StartError::Config {
            reason: e.to_string(),
        })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
