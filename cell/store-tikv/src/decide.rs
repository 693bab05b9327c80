//! Decides what others have under way in a range, at once: for whoever takes a shard from a node that died in the midst
//! of its commits.
//!
//! A commit locks its keys, then commits its primary key, and that is the moment at which it has happened; the other keys
//! follow. A node that dies in between leaves its locks, and whoever meets one must wait until its time is over (3 s at
//! least), for its transaction may be alive. Here nobody waits: the store is asked to roll the primary key back whatever
//! time its lock has left, unless it is committed already.
//!
//! Why that is safe, also against one that lives:
//! - The store decides on the primary key alone and one request at a time. Either its commit comes first: then it is told,
//!   and the locks are turned into what was committed. Or the roll-back does: it leaves a record at the primary key, and a
//!   commit, or a lock, of that transaction which comes later is refused. Never both, never neither.
//! - That is what the store does by itself once a lock's time is over, so every writer has to bear it: the one that is
//!   rolled back hears an error after it sent its commit, which is `Unknown` to the shard. It raises its attempt, and takes
//!   what it then finds for its own only under its own fence: the taker goes on with the same numbers of batches.
//! - The fence stands in every commit of a shard, as its primary key. Who asks has not set it yet, and what is decided here
//!   changes nothing of who may write: a commit that had happened is read by the taker, one that had not never will.
//!
//! So a live transaction that is met loses its time and nothing else; the caller has waited for whoever is about to give
//! the shard up. Locks elsewhere in the cluster are left alone: others live there.

use cell_store::KeyRange;
use tikv_client::{Backoff, ProtoLockInfo};

use crate::attempt::{CALL_WITHIN, once};
use crate::failure::ReadFailure;
use crate::janitor::now;
use crate::tikv::Shared;

/// Locks that are looked at in one region. A shard has one commit under way; those of others may stand between.
const LOCKS_MAX: u32 = 16_384;
/// The client takes a lock with no time left for one that may be resolved whatever its transaction does.
const NO_TIME_LEFT: u64 = 0;

/// Answers how many locks there were.
///
/// # Errors
/// For people: the cluster did not answer, or a lock stayed.
pub(crate) async fn decide(shared: &Shared, range: &KeyRange) -> Result<usize, String> {
    let Some((start, end)) = shared.keys.bounds(range) else {
        return Ok(0);
    };
    let now = now(shared).await?;
    let scan = shared
        .client
        .scan_locks(&now, (start.clone(), end.clone()), LOCKS_MAX);
    let locks = once(CALL_WITHIN, scan).await.map_err(reason)?;
    let within = |lock: &ProtoLockInfo| start <= lock.key && lock.key < end;
    let locks: Vec<ProtoLockInfo> = locks
        .into_iter()
        .filter(within)
        .map(|lock| ProtoLockInfo {
            lock_ttl: NO_TIME_LEFT,
            ..lock
        })
        .collect();
    let count = locks.len();
    if count == 0 {
        return Ok(0);
    }
    let resolving = shared.client.resolve_locks(locks, now, Backoff::no_backoff());
    let left = once(CALL_WITHIN, resolving).await.map_err(reason)?;
    if left.is_empty() {
        Ok(count)
    } else {
        Err(format!("{} of {count} locks of others stay", left.len()))
    }
}

fn reason(failure: ReadFailure) -> String {
    failure.reason
}
