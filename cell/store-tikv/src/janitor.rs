//! What a process that died leaves behind: locks of its transactions, which whoever meets them must resolve; those
//! that nobody meets would keep the cluster from collecting old versions. And the collecting itself, which on a cluster
//! without TiDB nobody else starts.

use std::sync::Arc;
use std::time::Duration;

use platform_runtime::tasks::CancellationToken;
use tikv_client::Timestamp;
use tikv_client::transaction::ResolveLocksOptions;

use crate::meters::{self, Call};
use crate::tikv::Shared;

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(60);
/// A lock that is older is of a dead transaction: a live one ends, one way or the other, in a fifth of that.
pub(crate) const ORPHANED_AFTER: Duration = Duration::from_secs(120);
/// For one round.
const ROUND_WITHIN: Duration = Duration::from_secs(50);

/// Runs until it is cancelled.
pub(crate) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = shared.clock.sleep(EVERY) => {}
        }
        let began = shared.clock.monotonic();
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = tokio::time::timeout(ROUND_WITHIN, round(&shared)) => outcome,
        };
        let took = shared.clock.monotonic().saturating_sub(began);
        match outcome {
            Ok(Ok(locks)) => {
                meters::note(Call::Janitor, "ok", took);
                meters::note_orphans(locks);
            }
            Ok(Err(reason)) => {
                meters::note(Call::Janitor, "unavailable", took);
                tracing::warn!(
                    reason,
                    "orphaned locks were not resolved; the next round tries again"
                );
            }
            Err(_) => meters::note(Call::Janitor, "late", took),
        }
    }
}

/// Resolves orphaned locks of the cell, and lets the cluster collect; answers how many locks.
async fn round(shared: &Shared) -> Result<usize, String> {
    let locks = resolve_older(shared, ORPHANED_AFTER).await?;
    if shared.settings.collect_garbage {
        let visible = before(&now(shared).await?, shared.settings.snapshot_life * 2);
        let collected = shared.client.gc(visible).await;
        collected.map_err(|error| crate::failure::reason(&error))?;
    }
    Ok(locks)
}

/// Resolves the cell's locks that are older than `age`. It would roll back a live transaction, so it must be given none
/// that could be live.
pub(crate) async fn resolve_older(shared: &Shared, age: Duration) -> Result<usize, String> {
    let orphaned = before(&now(shared).await?, age);
    let options = ResolveLocksOptions::default();
    let cleaned = shared
        .client
        .cleanup_locks(shared.keys.all(), &orphaned, options)
        .await;
    cleaned
        .map(|cleaned| cleaned.resolved_locks)
        .map_err(|error| crate::failure::reason(&error))
}

/// On the cluster's clock.
pub(crate) async fn now(shared: &Shared) -> Result<Timestamp, String> {
    shared.timestamp().await.map_err(|failure| failure.reason)
}

/// So long before `now`, on the cluster's clock.
pub(crate) fn before(now: &Timestamp, by: Duration) -> Timestamp {
    let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    Timestamp {
        physical: now.physical.saturating_sub(by_ms).max(0),
        ..now.clone()
    }
}

#[cfg(test)]
mod tests {
    use tikv_client::TimestampExt;

    use super::*;

    #[test]
    fn what_a_snapshot_may_show_is_not_collected() {
        let now = Timestamp {
            physical: 1_000_000,
            logical: 7,
            ..Timestamp::from_version(0)
        };
        let safe = before(&now, Duration::from_secs(600));
        assert_eq!((safe.physical, safe.logical), (400_000, 7));
        // The cluster gives many timestamps with one physical part.
        assert_eq!(before(&now, Duration::ZERO), now);
        assert_eq!(before(&now, Duration::MAX).physical, 0);
    }
}
