//! The metrics of a shard, their handles made once.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use platform_model::ShardId;

/// | metric | unit |
/// |---|---|
/// | `shard_transactions_committed_total` | transactions with writes |
/// | `shard_conflicts_total` | runs of a closure that lost |
/// | `shard_commits_failed_total` | groups that did not commit |
/// | `shard_commits_unknown_total` | groups whose outcome had to be found out |
/// | `shard_group_transactions` | transactions of a group |
/// | `shard_commit_seconds` | seconds of one store commit |
/// | `shard_queue_transactions` | transactions that wait |
/// | `shard_clock_ahead_ms` | milliseconds by which the machine's clock has jumped ahead of the log's |
pub(crate) struct Meter {
    pub committed: Counter,
    pub conflicts: Counter,
    pub failed: Counter,
    pub unknown: Counter,
    pub group: Histogram,
    pub commit_seconds: Histogram,
    pub queue: Gauge,
    pub clock_ahead: Gauge,
}

impl Meter {
    pub(crate) fn new(shard: &ShardId) -> Self {
        let shard = shard.to_string();
        Self {
            committed: counter!("shard_transactions_committed_total", "shard" => shard.clone()),
            conflicts: counter!("shard_conflicts_total", "shard" => shard.clone()),
            failed: counter!("shard_commits_failed_total", "shard" => shard.clone()),
            unknown: counter!("shard_commits_unknown_total", "shard" => shard.clone()),
            group: histogram!("shard_group_transactions", "shard" => shard.clone()),
            commit_seconds: histogram!("shard_commit_seconds", "shard" => shard.clone()),
            queue: gauge!("shard_queue_transactions", "shard" => shard.clone()),
            clock_ahead: gauge!("shard_clock_ahead_ms", "shard" => shard),
        }
    }
}
