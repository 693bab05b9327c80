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
//! the shard up, and has read in the fence that it is his to take ([`settled`]). Locks elsewhere in the cluster are left
//! alone: others live there.

use std::time::Duration;

use cell_store::{KeyRange, Value};
use tikv_client::{Backoff, CheckLevel, ProtoLockInfo, Timestamp, TimestampExt, TransactionOptions};

use crate::attempt::{CALL_WITHIN, once};
use crate::failure::ReadFailure;
use crate::janitor::now;
use crate::tikv::Shared;

/// Locks that are looked at in one region. A shard has one commit under way; those of others may stand between.
const LOCKS_MAX: u32 = 16_384;
/// For one read below a lock; then it is looked again what is locked.
const SETTLED_WITHIN: Duration = Duration::from_millis(200);
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
    let mut locks = locks(shared, &now, start, end).await?;
    for lock in &mut locks {
        lock.lock_ttl = NO_TIME_LEFT;
    }
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

/// The value of a key as the newest commit left it, whatever is under way. A transaction that has it locked as its primary
/// key has not happened, and it met nothing newer than what was committed before it began: that is what is read, and
/// nobody waits. Where the key is another one of the transaction's, its primary key may have been committed: then this is
/// a read like any other.
///
/// # Errors
/// For people: the cluster did not answer in time.
pub(crate) async fn settled(shared: &Shared, key: &[u8]) -> Result<Option<Value>, String> {
    let until = shared.clock.monotonic() + CALL_WITHIN;
    let key = shared.keys.key(key);
    let behind = [&*key, &[0]].concat();
    loop {
        let now = now(shared).await?;
        let found = locks(shared, &now, key.clone(), behind.clone()).await?;
        let primary = found.iter().find(|lock| lock.primary_lock == lock.key);
        let at = primary.map_or(now, |lock| {
            Timestamp::from_version(lock.lock_version.saturating_sub(1))
        });
        let options = TransactionOptions::new_optimistic().drop_check(CheckLevel::None);
        let mut version = shared.client.snapshot(at, options);
        match once(SETTLED_WITHIN, version.get(key.clone())).await {
            Ok(stored) => {
                let foreign = || reason(crate::scan::foreign_row());
                return stored
                    .map(|stored| crate::keys::decode(stored).ok_or_else(foreign))
                    .transpose();
            }
            // It was locked after it was looked.
            Err(failure) if failure.retryable && shared.clock.monotonic() < until => {}
            Err(failure) => return Err(reason(failure)),
        }
    }
}

/// The locks in a range that are of a time up to `upto`. Servers may tell of more than was asked for.
pub(crate) async fn locks(
    shared: &Shared,
    upto: &Timestamp,
    start: Vec<u8>,
    end: Vec<u8>,
) -> Result<Vec<ProtoLockInfo>, String> {
    let scan = shared
        .client
        .scan_locks(upto, (start.clone(), end.clone()), LOCKS_MAX);
    let mut locks = once(CALL_WITHIN, scan).await.map_err(reason)?;
    locks.retain(|lock| start <= lock.key && lock.key < end);
    Ok(locks)
}

fn reason(failure: ReadFailure) -> String {
    failure.reason
}
