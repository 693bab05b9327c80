//! How a cluster is, for whoever asks before something goes wrong: its clock against this machine's, locks that nobody
//! ends, and how full its stores are. It changes nothing.

use std::time::Duration;

use crate::attempt::{CALL_WITHIN, once};
use crate::janitor::{ORPHANED_AFTER, before, now};
use crate::pd_api::{self, StoreHealth};
use crate::tikv::Shared;

/// Locks that are counted in one region; more are told as so many at least.
const LOCKS_COUNTED_MAX: u32 = 10_000;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether the cluster holds this world's data; else it is empty.
    pub is_claimed: bool,
    /// Milliseconds by which the cluster's clock is ahead of this machine's, less what it took to ask; negative: behind.
    pub clock_ahead_ms: i64,
    /// The same cannot be said more exactly: half of what it took to ask.
    pub clock_within_ms: i64,
    /// Locks of the cell that are older than any transaction can be.
    pub old_locks: usize,
    /// There are more than were counted.
    pub old_locks_are_more: bool,
    /// Of each store; or why that was not told.
    pub stores: Result<Vec<StoreHealth>, String>,
}

/// Asks the cluster.
///
/// # Errors
/// For people: it does not answer.
pub(crate) async fn health(shared: &Shared, is_claimed: bool) -> Result<Health, String> {
    let began = shared.clock.monotonic();
    let cluster = now(shared).await?;
    let took = millis(shared.clock.monotonic().saturating_sub(began));
    // Asked in the middle of that time.
    let here = i64::try_from(shared.clock.unix_ms()).unwrap_or(i64::MAX) - took / 2;
    let orphaned = before(&cluster, ORPHANED_AFTER);
    let (start, end) = shared.keys.all_bounds();
    let scan = shared
        .client
        .scan_locks(&orphaned, (start.clone(), end.clone()), LOCKS_COUNTED_MAX);
    let locks = once(CALL_WITHIN, scan).await.map_err(|failure| failure.reason)?;
    let old_locks_are_more = locks.len() >= usize::try_from(LOCKS_COUNTED_MAX).unwrap_or(usize::MAX);
    let own = locks.iter().filter(|lock| start <= lock.key && lock.key < end);
    Ok(Health {
        is_claimed,
        clock_ahead_ms: cluster.physical - here,
        clock_within_ms: took / 2 + 1,
        old_locks: own.count(),
        old_locks_are_more,
        stores: pd_api::stores(&shared.settings).await,
    })
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
