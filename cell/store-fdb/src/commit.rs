//! One commit: a transaction that reads its fences non-snapshot, so that whoever writes one meanwhile conflicts with it,
//! and writes. Every attempt is a transaction of its own; only what surely was not committed is tried again.

use std::time::Duration;

use bytes::Bytes;
use cell_store::{CommitError, Fence, KeyRange, Mutation, WriteBatch, check_fences};
use foundationdb::options::{ConflictRangeType, StreamingMode};
use foundationdb::{FdbError, RangeOption, Transaction};
use platform_runtime::retry::Policy;

use crate::codes::{self, CommitFailure, ReadFailure};
use crate::fdb::{Shared, copied, reason};
use crate::{meters, times};

/// Between two attempts of one commit; its time alone ends them.
const AGAIN: Policy = Policy {
    attempts: u32::MAX,
    base: Duration::from_millis(2),
    cap: Duration::from_millis(100),
    within: Duration::MAX,
};

/// What became of one attempt.
enum Attempt {
    Over(Result<(), CommitError>),
    /// Nothing was written, nor will be.
    Again(String),
}

impl From<CommitError> for Attempt {
    fn from(error: CommitError) -> Self {
        Self::Over(Err(error))
    }
}

/// Before the commit is called.
impl From<FdbError> for Attempt {
    fn from(error: FdbError) -> Self {
        let reason = reason(error.code(), error.message());
        match codes::of_read(error.code()) {
            ReadFailure::Expired | ReadFailure::Again => Self::Again(reason),
            ReadFailure::Unavailable => CommitError::Unavailable { reason }.into(),
        }
    }
}

/// Commits a batch that was validated, all its attempts together before `until`.
///
/// # Errors
/// As [`cell_store::Store::commit`].
pub(crate) async fn commit(
    shared: &Shared,
    batch: &WriteBatch,
    fences: &[Fence],
    until: Duration,
) -> Result<(), CommitError> {
    let mut reason = "its time was over before it could begin".to_owned();
    let mut number = 1;
    loop {
        let Some(within) = times::attempt_within(until, shared.clock.monotonic()) else {
            return Err(CommitError::Unavailable { reason });
        };
        match attempt(shared, batch, fences, within).await {
            Attempt::Over(outcome) => return outcome,
            Attempt::Again(why) => reason = why,
        }
        meters::note_conflict();
        shared.clock.sleep(AGAIN.wait(number)).await;
        number += 1;
    }
}

/// One transaction, from its first read to its answer.
async fn attempt(shared: &Shared, batch: &WriteBatch, fences: &[Fence], within: Duration) -> Attempt {
    let transaction = match prepare(shared, batch, fences, within).await {
        Ok(transaction) => transaction,
        Err(over) => return over,
    };
    let error = match transaction.commit().await {
        Ok(_) => return Attempt::Over(Ok(())),
        Err(error) => FdbError::from(error),
    };
    let reason = reason(error.code(), error.message());
    match codes::of_commit(error.code()) {
        CommitFailure::Again => Attempt::Again(reason),
        CommitFailure::Unknown => CommitError::Unknown { reason }.into(),
        CommitFailure::TooLarge => CommitError::TooLarge {
            what: "batch_bytes as the cluster counts them",
            actual: batch.bytes(),
            max: Shared::limits().batch_bytes_max,
        }
        .into(),
    }
}

/// Reads the fences and buffers the writes.
async fn prepare(
    shared: &Shared,
    batch: &WriteBatch,
    fences: &[Fence],
    within: Duration,
) -> Result<Transaction, Attempt> {
    let transaction = shared.begin(within)?;
    let mut found = Vec::with_capacity(fences.len());
    for fence in fences {
        let key = shared.keys.key(&fence.key);
        let value = transaction.get(&key, false).await?;
        found.push((fence.key.clone(), value.map(|value| copied(&value))));
        // A transaction that writes nothing is not checked at its commit: this one always is.
        let behind = [&key[..], &[0]].concat();
        transaction.add_conflict_range(&key, &behind, ConflictRangeType::Write)?;
    }
    let read = |key: &[u8]| {
        let row = found.iter().find(|(fence, _)| fence == key);
        Ok::<Option<Bytes>, CommitError>(row.and_then(|(_, value)| value.clone()))
    };
    check_fences(fences, read)?;
    let mut cleared = 0;
    for mutation in batch.mutations() {
        match mutation {
            Mutation::Put { key, value } => transaction.set(&shared.keys.key(key), value),
            Mutation::Clear { key } => transaction.clear(&shared.keys.key(key)),
            Mutation::ClearRange { range } => clear_range(shared, &transaction, range, &mut cleared).await?,
        }
    }
    Ok(transaction)
}

/// Clears the range if it has no more keys than the batch may clear, its own writes before it included.
async fn clear_range(
    shared: &Shared,
    transaction: &Transaction,
    range: &KeyRange,
    cleared: &mut usize,
) -> Result<(), Attempt> {
    let Some((start, end)) = shared.keys.bounds(range) else {
        return Ok(());
    };
    let max = Shared::limits().clear_range_keys_max;
    let mut rest = Some(RangeOption {
        limit: Some(max - *cleared + 1),
        mode: StreamingMode::WantAll,
        ..RangeOption::from((start.clone(), end.clone()))
    });
    while let Some(asked) = rest {
        let rows = transaction.get_range(&asked, 1, true).await?;
        *cleared += rows.len();
        if *cleared > max {
            return Err(CommitError::TooLarge {
                what: "clear_range_keys",
                actual: *cleared,
                max,
            }
            .into());
        }
        rest = asked.next_range(&rows);
    }
    transaction.clear_range(&start, &end);
    Ok(())
}
