//! The one writer of a copy: it makes the machine's batches durable, in order, each under the fence. One batch is under
//! way at a time.
//!
//! After `Unknown` nothing else is sent: a batch that changes only the attempt in the fence goes first; once that is `Ok`
//! the batch in question is there or can never be, and its number tells which, as long as the fence is still this writer's.
//! What was not written is written again, for the machine counts on its order.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cell_replica::Moment;
use cell_store::{CommitError, Fence, Limits, Store, WriteBatch};
use platform_model::ShardId;
use platform_runtime::{CancellationToken, Clock};

use super::index::Index;
use super::load::number;
use crate::applied::Applied;
use crate::fence::FenceValue;
use crate::gate::micros;
use crate::keys::ShardKeys;
use crate::meter::Meter;

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(5);

/// What a writer knows of its store.
pub(crate) struct Writer {
    pub store: Arc<dyn Store>,
    pub shard: ShardId,
    /// Where cut-off entries are kept.
    pub export_folder: Option<PathBuf>,
    pub limits: Limits,
    pub keys: ShardKeys,
    pub clock: Clock,
    /// How long an outcome is sought, or a store that cannot be reached tried.
    pub settle_max: Duration,
    /// Cancelled when the copy is to end: then what failed once is not tried again, or a store that has stopped would hold
    /// up the restart that heals it.
    pub stop: CancellationToken,
    pub fence: FenceValue,
    /// Number of the last batch.
    pub number: u64,
    pub index: Index,
    pub applied: Applied,
    pub meter: Meter,
    /// Tests plant what is forbidden.
    pub skips_fence: bool,
    /// When the last batch that got through the fence was sent; taken by whoever counts on it.
    pub proved: Option<Moment>,
    /// In a shared store: for how long it reads after a proof, to be said with the next one.
    pub says: Option<u64>,
}

/// Why the copy can write no more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error("another writer has set the fence")]
    Fenced,
    #[error("the outcome of a batch could not be learnt")]
    Unknown,
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    #[error("a batch is too large: {0}")]
    TooLarge(String),
    #[error("the log in the store is damaged: {0}")]
    Damaged(String),
    /// More existing keys lie in the ranges that a batch clears than one batch may clear.
    #[error("too many keys to clear at once")]
    TooManyCleared,
}

impl Writer {
    /// Commits under the fence, and sets the fence to `next` with it. Returns when it is durable.
    pub(crate) async fn commit(&mut self, batch: WriteBatch, next: Option<FenceValue>) -> Result<(), Failed> {
        let began = self.clock.monotonic();
        let deadline = began + self.settle_max;
        let number = self.number + 1;
        let mut last = String::new();
        while self.clock.monotonic() <= deadline {
            let mut sent = batch.clone();
            sent.put(
                self.keys.batch.clone(),
                Bytes::copy_from_slice(&number.to_be_bytes()),
            );
            if let Some(next) = &next {
                sent.put(self.keys.fence.clone(), next.encode());
            }
            let sent_at = Moment(micros(&self.clock));
            match self.store.commit(sent, self.fences()).await {
                Ok(()) => {
                    self.proved = Some(sent_at);
                    self.fence = next.unwrap_or_else(|| self.fence.clone());
                    self.number = number;
                    let seconds = (self.clock.monotonic() - began).as_secs_f64();
                    self.meter.commit_seconds.record(seconds);
                    return Ok(());
                }
                Err(CommitError::Unknown { reason }) => {
                    tracing::warn!(%reason, number, "the outcome of a batch is unknown");
                    self.meter.unknown.increment(1);
                    if self.settle(number, next.as_ref(), deadline).await? {
                        self.number = number;
                        return Ok(());
                    }
                }
                Err(CommitError::Fenced { .. }) => return Err(Failed::Fenced),
                Err(CommitError::TooLarge { what, .. }) if what.contains("clear") => {
                    return Err(Failed::TooManyCleared);
                }
                Err(error @ (CommitError::TooLarge { .. } | CommitError::Invalid { .. })) => {
                    return Err(Failed::TooLarge(error.to_string()));
                }
                Err(CommitError::Unavailable { reason }) => {
                    self.meter.failed.increment(1);
                    if self.stop.is_cancelled() {
                        return Err(Failed::Unavailable(reason));
                    }
                    last = reason;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        Err(Failed::Unavailable(last))
    }

    pub(crate) fn fences(&self) -> Vec<Fence> {
        if self.skips_fence {
            return Vec::new();
        }
        vec![Fence::equals(self.keys.fence.clone(), self.fence.encode())]
    }

    /// Whether batch `number` was written. Afterwards it can never be any more.
    async fn settle(
        &mut self,
        number: u64,
        next: Option<&FenceValue>,
        deadline: Duration,
    ) -> Result<bool, Failed> {
        self.raise_attempt(next, deadline).await?;
        while self.clock.monotonic() <= deadline {
            if let Some((fence, found)) = self.newest_number().await {
                // Whoever has taken the shard since goes on with the same numbers: his are not this writer's.
                if fence.as_ref() != Some(&self.fence) {
                    return Err(Failed::Fenced);
                }
                return Ok(found >= number);
            }
            if self.stop.is_cancelled() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(Failed::Unknown)
    }

    /// Commits a new attempt. Only an `Ok` counts: what is merely seen in the store may be followed by what is still
    /// under way.
    async fn raise_attempt(&mut self, next: Option<&FenceValue>, deadline: Duration) -> Result<(), Failed> {
        let mut standing = self.fence.clone();
        let mut raised = standing.next_attempt();
        while self.clock.monotonic() <= deadline {
            let mut batch = WriteBatch::new();
            batch.put(self.keys.fence.clone(), raised.encode());
            let fence = Fence::equals(self.keys.fence.clone(), standing.encode());
            let sent_at = Moment(micros(&self.clock));
            match self.store.commit(batch, vec![fence]).await {
                Ok(()) => {
                    self.proved = Some(sent_at);
                    self.fence = raised;
                    return Ok(());
                }
                Err(CommitError::Fenced { found, .. }) => {
                    // The batch in question, or an earlier attempt of ours, may have landed after its `Unknown`.
                    let found = found.as_deref().and_then(FenceValue::decode);
                    let own = |found: &FenceValue| {
                        Some(found) == next
                            || found.is_attempt_after(&standing)
                            || found.same_opening(&standing)
                    };
                    standing = found.filter(own).ok_or(Failed::Fenced)?;
                    raised.epoch = standing.epoch;
                }
                Err(CommitError::Unknown { .. } | CommitError::Unavailable { .. }) => {
                    if self.stop.is_cancelled() {
                        break;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error @ (CommitError::TooLarge { .. } | CommitError::Invalid { .. })) => {
                    return Err(Failed::TooLarge(error.to_string()));
                }
            }
            raised = FenceValue {
                attempt: raised.attempt.max(standing.attempt) + 1,
                ..raised
            };
        }
        Err(Failed::Unknown)
    }

    /// The number of the newest batch, and the fence under which it stands.
    async fn newest_number(&self) -> Option<(Option<FenceValue>, u64)> {
        let snapshot = self.store.snapshot().await.ok()?;
        let fence = snapshot.get(&self.keys.fence).await.ok()?;
        let bytes = snapshot.get(&self.keys.batch).await.ok()?;
        let fence = fence.as_deref().and_then(FenceValue::decode);
        Some((fence, number(bytes.as_deref())))
    }
}
