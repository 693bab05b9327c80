//! The state of a shard after one entry of its log, read page by page from one snapshot.

use std::sync::Arc;

use bytes::Bytes;
use cell_store::{Snapshot, SnapshotError};
use platform_model::{EpochPosition, Position, ShardId, Term};

use super::digest::StateDigest;
use crate::applied::Applied;
use crate::copy::page;
use crate::error::TxError;
use crate::gate::End;
use crate::keys::ShardKeys;
use crate::shard::Shard;

/// Where a shard stood when it was read out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    pub position: Position,
    /// Of the entry at that position.
    pub term: Term,
    /// Of that entry, in milliseconds since 1970.
    pub time_ms: u64,
    pub chain: u64,
}

impl Origin {
    /// As it is spoken of outside the shard.
    pub fn pair(&self) -> EpochPosition {
        EpochPosition {
            epoch: self.term.epoch,
            position: self.position,
        }
    }
}

/// Why a shard could not be read out.
#[derive(Debug, thiserror::Error)]
pub enum FreezeError {
    #[error("the shard is not served here any more")]
    Ended,
    #[error(transparent)]
    Open(#[from] TxError),
    /// An engine whose snapshots end: FoundationDB after seconds.
    #[error("the engine's snapshot ended before everything was read")]
    Expired,
    #[error("the store cannot be read")]
    Read(#[source] SnapshotError),
}

/// A shard at one position. Holds a snapshot of the store until it is dropped.
pub struct Frozen {
    shard: ShardId,
    origin: Origin,
    keys: ShardKeys,
    snapshot: Arc<dyn Snapshot>,
}

/// Some rows, in order, by keys as they stand in the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrozenPage {
    pub rows: Vec<(Bytes, Bytes)>,
    /// Where the next page begins; none: this was the last.
    pub next: Option<Bytes>,
}

impl Shard {
    /// The state after the newest entry, once that is committed: whatever is read of it can be lost by no failover.
    ///
    /// # Errors
    /// [`FreezeError`].
    pub async fn freeze(&self) -> Result<Frozen, FreezeError> {
        let shared = &self.shared;
        let (snapshot, position) = shared.snapshot().await?;
        let applied = snapshot.get(&shared.keys.applied).await.map_err(unread)?;
        let applied = applied.as_deref().and_then(Applied::decode);
        let applied = applied.filter(|applied| applied.position == position);
        let applied = applied.ok_or(FreezeError::Ended)?;
        let passed = shared.gate.pass(position).await;
        passed.map_err(|_: End| FreezeError::Ended)?;
        Ok(Frozen {
            shard: self.id().clone(),
            origin: Origin {
                position,
                term: applied.term,
                time_ms: applied.time_ms,
                chain: applied.chain,
            },
            keys: shared.keys.clone(),
            snapshot,
        })
    }
}

impl Frozen {
    pub fn shard(&self) -> &ShardId {
        &self.shard
    }

    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The rows from `start` on (of the first page: empty), about `bytes_max` bytes of them.
    ///
    /// # Errors
    /// [`FreezeError::Expired`], [`FreezeError::Read`].
    pub async fn page(&self, start: Bytes, bytes_max: usize) -> Result<FrozenPage, FreezeError> {
        let read = page(&*self.snapshot, &self.keys, start, bytes_max).await;
        let (rows, last) = read.map_err(unread)?;
        let end = rows.ranges.last().map(|(_, end)| end.clone());
        Ok(FrozenPage {
            rows: rows.rows,
            next: end.filter(|_| !last),
        })
    }
}

impl Frozen {
    /// Adds the rows from `start` on (at first: empty), about `bytes_max` bytes of them, read by themselves and not from
    /// pages. Answers where to go on; none: that was all.
    ///
    /// # Errors
    /// As [`Frozen::page`].
    pub async fn digest(
        &self,
        state: &mut StateDigest,
        start: Bytes,
        bytes_max: usize,
    ) -> Result<Option<Bytes>, FreezeError> {
        let added = state.add(&*self.snapshot, &self.keys, start, bytes_max).await;
        added.map_err(unread)
    }
}

fn unread(error: SnapshotError) -> FreezeError {
    match error {
        SnapshotError::Expired => FreezeError::Expired,
        other => FreezeError::Read(other),
    }
}
