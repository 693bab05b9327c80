//! One commit: an optimistic transaction that reads its fences, locks them, and writes.
//!
//! Every fence is locked, written or not, so that whoever writes it meanwhile conflicts with this transaction, and it
//! with him. The first fence is the primary key, for its lock is gone when the commit returns: the next commit under
//! the same fence finds it free. A transaction that met another one before it was sent begins anew, with new fences
//! read, until its time is over. One that may have been sent is never tried again and never rolled back: a roll-back
//! that meets a committed primary would take away its secondaries.

use std::time::Duration;

use bytes::Bytes;
use cell_store::{CommitError, Fence, KeyRange, Mutation, WriteBatch, check_fences};
use platform_runtime::retry::Policy;
use tikv_client::transaction::HeartbeatOption;
use tikv_client::{Backoff, CheckLevel, RetryOptions, Transaction, TransactionOptions};

use crate::attempt::once;
use crate::failure::{self, CommitFailure, ReadFailure};
use crate::keys;
use crate::meters;
use crate::tikv::Shared;

/// For the answer to a commit that was sent; then its outcome is unknown.
const ANSWER_WITHIN: Duration = Duration::from_secs(6);
/// For the locks of an attempt that failed to be taken away; else they end by themselves after 3 s.
const ROLLBACK_WITHIN: Duration = Duration::from_secs(1);

/// Between two attempts of one commit; its time alone ends them.
const AGAIN: Policy = Policy {
    attempts: u32::MAX,
    base: Duration::from_millis(2),
    cap: Duration::from_millis(100),
    within: Duration::MAX,
};

/// What became of one attempt.
pub(crate) enum Attempt {
    Over(Result<(), CommitError>),
    /// Nothing was written, nor will be.
    Again(String),
}

impl From<CommitError> for Attempt {
    fn from(error: CommitError) -> Self {
        Self::Over(Err(error))
    }
}

impl From<tikv_client::Error> for Attempt {
    fn from(error: tikv_client::Error) -> Self {
        failure::of_read(&error).into()
    }
}

impl From<ReadFailure> for Attempt {
    fn from(failure: ReadFailure) -> Self {
        if failure.retryable {
            Self::Again(failure.reason)
        } else {
            CommitError::Unavailable {
                reason: failure.reason,
            }
            .into()
        }
    }
}

/// Commits a batch that was validated.
///
/// # Errors
/// As [`cell_store::Store::commit`].
pub(crate) async fn commit(shared: &Shared, batch: &WriteBatch, fences: &[Fence]) -> Result<(), CommitError> {
    let until = shared.clock.monotonic() + Duration::from_millis(shared.limits().commit_ms_max);
    let mut number = 1;
    loop {
        let left = until.saturating_sub(shared.clock.monotonic());
        let reason = match attempt(shared, batch, fences, left).await {
            Attempt::Over(outcome) => return outcome,
            Attempt::Again(reason) => reason,
        };
        let wait = AGAIN.wait(number);
        if shared.clock.monotonic() + wait >= until {
            return Err(CommitError::Unavailable { reason });
        }
        meters::note_conflict();
        shared.clock.sleep(wait).await;
        number += 1;
    }
}

/// One transaction. It is not sent unless it is ready in time.
async fn attempt(shared: &Shared, batch: &WriteBatch, fences: &[Fence], within: Duration) -> Attempt {
    let mut tx = match once(within, shared.client.begin_with_options(options())).await {
        Ok(tx) => tx,
        Err(failure) => return failure.into(),
    };
    let prepared = tokio::time::timeout(within, prepare(shared, &mut tx, batch, fences)).await;
    if let Err(over) = prepared.unwrap_or_else(|_| Err(ReadFailure::late().into())) {
        rollback(&mut tx).await;
        return over;
    }
    let sent = match tokio::time::timeout(ANSWER_WITHIN, tx.commit()).await {
        Ok(Ok(_)) => return Attempt::Over(Ok(())),
        Ok(Err(error)) => failure::of_commit(&error),
        Err(_) => CommitFailure::Unknown("the cluster did not answer in time".into()),
    };
    match sent {
        CommitFailure::Unknown(reason) => CommitError::Unknown { reason }.into(),
        CommitFailure::Conflict(reason) | CommitFailure::NotSent(reason) => {
            rollback(&mut tx).await;
            Attempt::Again(reason)
        }
    }
}

/// Takes back what was never sent. Best effort: locks that stay are resolved by whoever meets them.
async fn rollback(tx: &mut Transaction) {
    let _ = tokio::time::timeout(ROLLBACK_WITHIN, tx.rollback()).await;
}

/// Reads and locks the fences, then buffers the writes.
pub(crate) async fn prepare(
    shared: &Shared,
    tx: &mut Transaction,
    batch: &WriteBatch,
    fences: &[Fence],
) -> Result<(), Attempt> {
    let mut found = Vec::with_capacity(fences.len());
    for fence in fences {
        let stored = tx.get(shared.keys.key(&fence.key)).await?;
        let value = stored.map(|stored| keys::decode(stored).ok_or_else(crate::scan::foreign_row));
        found.push((fence.key.clone(), value.transpose()?));
    }
    let read = |key: &[u8]| {
        let row = found.iter().find(|(fence, _)| fence == key);
        Ok::<Option<Bytes>, CommitError>(row.and_then(|(_, value)| value.clone()))
    };
    check_fences(fences, read)?;
    let locked: Vec<Vec<u8>> = fences.iter().map(|fence| shared.keys.key(&fence.key)).collect();
    tx.lock_keys(locked).await?;
    let mut cleared = 0;
    for mutation in batch.mutations() {
        match mutation {
            Mutation::Put { key, value } => tx.put(shared.keys.key(key), keys::encode(value)).await?,
            Mutation::Clear { key } => tx.delete(shared.keys.key(key)).await?,
            Mutation::ClearRange { range } => clear_range(shared, tx, range, &mut cleared).await?,
        }
    }
    Ok(())
}

/// Clears what exists in the range, the batch's own writes before it included; counts it against the limit.
async fn clear_range(
    shared: &Shared,
    tx: &mut Transaction,
    range: &KeyRange,
    cleared: &mut usize,
) -> Result<(), Attempt> {
    let Some(bounds) = shared.keys.bounds(range) else {
        return Ok(());
    };
    let max = shared.limits().clear_range_keys_max;
    let left = max - *cleared;
    let limit = u32::try_from(left + 1).unwrap_or(u32::MAX);
    let keys: Vec<tikv_client::Key> = tx.scan_keys(bounds, limit).await?.collect();
    if keys.len() > left {
        return Err(CommitError::TooLarge {
            what: "clear_range_keys",
            actual: *cleared + keys.len(),
            max,
        }
        .into());
    }
    *cleared += keys.len();
    for key in keys {
        tx.delete(key).await?;
    }
    Ok(())
}

/// No async commit and no one-phase commit: with either, the locking itself may commit. No heartbeat: no transaction
/// lives longer than its locks. One that is dropped without an end is told in the log; by default it would panic.
pub(crate) fn options() -> TransactionOptions {
    let retries = RetryOptions {
        region_backoff: Backoff::no_jitter_backoff(2, 200, 12),
        // Together less than the commit's time: what is locked longer is met by the next attempt.
        lock_backoff: Backoff::no_jitter_backoff(2, 100, 16),
    };
    TransactionOptions::new_optimistic()
        .drop_check(CheckLevel::Warn)
        .heartbeat_option(HeartbeatOption::NoHeartbeat)
        .retry_options(retries)
}
