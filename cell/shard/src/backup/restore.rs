//! A copy of a shard made of rows that were kept elsewhere, on a disk that holds none.
//!
//! The first batch says that whatever lies there is being removed; only the last one takes that back, and with it makes
//! the rows a copy with a name. Whoever opens the shard in between, after a crash too, removes what there is.

use std::sync::Arc;

use bytes::Bytes;
use cell_replica::{Head, Meta};
use cell_store::{CommitError, Fence, KeyRange, Mutation, SnapshotError, Store, StoreError, WriteBatch};
use platform_model::{Epoch, Incarnation, NodeId, ReplicaId, ShardId};

use super::frozen::Origin;
use crate::applied::Applied;
use crate::copies::holds_anything;
use crate::copy::{Base, whole, without_configuration};
use crate::fence::FenceValue;
use crate::keys::ShardKeys;

/// Rows that one batch removes.
const CLEARED_KEYS: usize = 900;
/// Bytes and rows of one batch: well within what every engine takes.
const BATCH_BYTES: usize = 2_000_000;
const BATCH_ROWS: usize = 8_000;
/// Says that whatever lies here is being removed, and that nobody wants a receipt for it.
const REMOVED: &[u8] = &[0];

/// Whether that is what a mark of removal says.
pub(crate) fn is_restoring(wiping: &[u8]) -> bool {
    wiping == REMOVED
}

/// Why a copy could not be restored. Nothing of it opens as one.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("a copy of {shard} lies on this disk")]
    Held { shard: ShardId },
    #[error("{shard} was opened here by another meanwhile")]
    Fenced { shard: ShardId },
    #[error("a row is none that a shard copies")]
    NoSuchRow,
    #[error("the outcome of a batch is not known")]
    Unknown,
    #[error("the store takes no batch: {0}")]
    Refused(String),
    #[error("the store cannot be read: {0}")]
    Unavailable(String),
}

/// A copy that is being restored. Dropped without [`Restore::finish`] it is nothing.
pub struct Restore {
    store: Arc<dyn Store>,
    shard: ShardId,
    keys: ShardKeys,
    fence: FenceValue,
    batch: WriteBatch,
    rows: u64,
    bytes: u64,
}

impl Restore {
    /// Takes the fence of a shard of which no copy lies in `store`, and removes what an earlier try left.
    ///
    /// # Errors
    /// [`RestoreError::Held`]; the store's.
    pub async fn begin(store: Arc<dyn Store>, shard: ShardId, node: NodeId) -> Result<Self, RestoreError> {
        let keys = ShardKeys::new(&shard);
        let snapshot = store.snapshot().await.map_err(unopened)?;
        let left = snapshot.get(&keys.wiping).await.map_err(unread)?;
        if left.is_none() && holds_anything(&*snapshot, &keys).await.map_err(unread)? {
            return Err(RestoreError::Held { shard });
        }
        let found = snapshot.get(&keys.fence).await.map_err(unread)?;
        let standing = found.as_deref().and_then(FenceValue::decode);
        let fence = standing.filter(|standing| standing.node == node).map_or_else(
            || FenceValue::first(Epoch(0), node, Incarnation(1)),
            |standing| standing.next_opening(),
        );
        let mut batch = WriteBatch::new();
        batch.put(keys.fence.clone(), fence.encode());
        batch.put(keys.wiping.clone(), Bytes::from_static(REMOVED));
        batch.clear(keys.meta.clone());
        batch.clear(keys.applied.clone());
        let expected = Fence {
            key: keys.fence.clone(),
            expected: found,
        };
        let taken = store.commit(batch, vec![expected]).await;
        taken.map_err(|error| failed(&shard, error))?;
        let mut restore = Self {
            store,
            shard,
            keys,
            fence,
            batch: WriteBatch::new(),
            rows: 0,
            bytes: 0,
        };
        restore.clear().await?;
        Ok(restore)
    }

    /// Adds rows, by keys as they stand in the log. Written in batches; nothing of them is a copy yet.
    ///
    /// # Errors
    /// [`RestoreError::NoSuchRow`] for a key that is not copied between replicas either; the store's.
    pub async fn put(&mut self, rows: Vec<(Bytes, Bytes)>) -> Result<(), RestoreError> {
        for (key, value) in rows {
            self.write(Mutation::Put { key, value }).await?;
        }
        Ok(())
    }

    /// Does what an entry of the log wrote, in its order, to the rows that are there so far: those of the entry before it.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn apply(&mut self, writes: Vec<Mutation>) -> Result<(), RestoreError> {
        for write in writes {
            self.write(write).await?;
        }
        Ok(())
    }

    async fn write(&mut self, write: Mutation) -> Result<(), RestoreError> {
        let (key, bytes) = match &write {
            Mutation::Put { key, value } => (key, key.len() + value.len()),
            Mutation::Clear { key } => (key, key.len()),
            Mutation::ClearRange { range } => return self.clear_range(range).await,
        };
        if !ShardKeys::replicated().iter().any(|range| range.contains(key)) {
            return Err(RestoreError::NoSuchRow);
        }
        if self.batch.bytes() + bytes > BATCH_BYTES || self.batch.len() >= BATCH_ROWS {
            self.flush().await?;
        }
        if matches!(write, Mutation::Put { .. }) {
            self.rows += 1;
            self.bytes += bytes as u64;
        }
        self.batch.push(whole(&self.keys, write));
        Ok(())
    }

    /// All of a range that an entry cleared, whatever of it was counted there: no engine takes more at once than that.
    async fn clear_range(&mut self, range: &KeyRange) -> Result<(), RestoreError> {
        let within = |group: &KeyRange| group.start <= range.start && range.end <= group.end;
        if !ShardKeys::replicated().iter().any(within) {
            return Err(RestoreError::NoSuchRow);
        }
        for range in self.keys.replicated_in(&range.start, &range.end) {
            self.clear_all(&range).await?;
        }
        Ok(())
    }

    /// Rows that were put, and their bytes, so far.
    pub fn written(&self) -> (u64, u64) {
        (self.rows, self.bytes)
    }

    /// Makes it a copy: under this name, able to lead in `epoch`, with everything up to `origin`. Durable on return.
    ///
    /// # Errors
    /// The store's; after [`RestoreError::Unknown`] it may be there, and is to be looked for.
    pub async fn finish(
        mut self,
        replica: ReplicaId,
        epoch: Epoch,
        origin: Origin,
    ) -> Result<(), RestoreError> {
        self.flush().await?;
        let meta = Meta {
            replica: Some(replica),
            term: origin.term,
            incarnation: origin.term.incarnation,
            promised: epoch,
            candidate: epoch,
            ..Meta::default()
        };
        let applied = Applied {
            position: origin.position,
            term: origin.term,
            time_ms: origin.time_ms,
            chain: origin.chain,
        };
        let base = Base {
            head: Head {
                position: origin.position,
                term: origin.term,
                chain: origin.chain,
            },
            time_ms: origin.time_ms,
        };
        let keys = self.keys.clone();
        self.batch.put(keys.meta.clone(), without_configuration(&meta));
        self.batch.put(keys.applied.clone(), applied.encode());
        self.batch.put(keys.base.clone(), base.encode());
        for gone in [&keys.wiping, &keys.chunk, &keys.batch, &keys.receipt] {
            self.batch.clear(gone.clone());
        }
        self.flush().await
    }

    /// Takes back what was written so far: nothing of it stays.
    ///
    /// # Errors
    /// The store's: then it is left as after a crash.
    pub async fn abandon(mut self) -> Result<(), RestoreError> {
        self.batch = WriteBatch::new();
        self.clear().await?;
        self.batch.clear(self.keys.wiping.clone());
        self.flush().await
    }

    /// Removes what a restore left that broke off before its last batch. False: no such thing lies there.
    ///
    /// # Errors
    /// The store's.
    pub async fn clear_half(
        store: Arc<dyn Store>,
        shard: ShardId,
        node: NodeId,
    ) -> Result<bool, RestoreError> {
        let left = crate::copies::unclaimed(&*store, &shard).await;
        let left = left.map_err(|error| RestoreError::Unavailable(error.to_string()))?;
        if left != Some(crate::copies::Unclaimed::Half) {
            return Ok(false);
        }
        // Whoever restores there now takes the fence from it.
        Self::begin(store, shard, node).await?.abandon().await?;
        Ok(true)
    }

    /// Takes back what was written, a whole copy too, unless it was opened since.
    ///
    /// # Errors
    /// The store's.
    pub async fn discard(
        store: Arc<dyn Store>,
        shard: ShardId,
        replica: ReplicaId,
    ) -> Result<bool, RestoreError> {
        let keys = ShardKeys::new(&shard);
        let snapshot = store.snapshot().await.map_err(unopened)?;
        let meta = snapshot.get(&keys.meta).await.map_err(unread)?;
        let named = meta.as_deref().and_then(crate::copy::never_configured);
        let found = snapshot.get(&keys.fence).await.map_err(unread)?;
        let fence = found.as_deref().and_then(FenceValue::decode);
        let (Some(fence), true) = (fence, named == Some(replica)) else {
            return Ok(false);
        };
        let mut restore = Self {
            store,
            shard,
            keys,
            fence,
            batch: WriteBatch::new(),
            rows: 0,
            bytes: 0,
        };
        let keys = restore.keys.clone();
        restore
            .batch
            .put(keys.wiping.clone(), Bytes::from_static(REMOVED));
        for gone in [&keys.meta, &keys.applied, &keys.base] {
            restore.batch.clear(gone.clone());
        }
        restore.flush().await?;
        restore.clear().await?;
        restore.batch.clear(keys.wiping);
        restore.flush().await?;
        Ok(true)
    }

    /// Removes every row and entry.
    async fn clear(&mut self) -> Result<(), RestoreError> {
        let [data, state] = ShardKeys::replicated();
        let mut ranges: Vec<KeyRange> = [data, state]
            .iter()
            .flat_map(|range| self.keys.replicated_in(&range.start, &range.end))
            .collect();
        ranges.push(self.keys.whole_log());
        for range in ranges {
            self.clear_all(&range).await?;
        }
        Ok(())
    }

    /// Every row of a range, as it lies in the store, and what waits to be written there.
    async fn clear_all(&mut self, range: &KeyRange) -> Result<(), RestoreError> {
        self.flush().await?;
        loop {
            let snapshot = self.store.snapshot().await.map_err(unopened)?;
            let page = snapshot.scan(range, CLEARED_KEYS, false).await.map_err(unread)?;
            if page.rows.is_empty() {
                return Ok(());
            }
            for (key, _) in page.rows {
                self.batch.clear(key);
            }
            self.flush().await?;
        }
    }

    pub(super) async fn flush(&mut self) -> Result<(), RestoreError> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let fence = Fence::equals(self.keys.fence.clone(), self.fence.encode());
        let written = self.store.commit(batch, vec![fence]).await;
        written.map_err(|error| failed(&self.shard, error))
    }
}

fn failed(shard: &ShardId, error: CommitError) -> RestoreError {
    match error {
        CommitError::Fenced { .. } => RestoreError::Fenced { shard: shard.clone() },
        CommitError::Unknown { .. } => RestoreError::Unknown,
        other => RestoreError::Refused(other.to_string()),
    }
}

fn unopened(StoreError::Unavailable { reason }: StoreError) -> RestoreError {
    RestoreError::Unavailable(reason)
}

fn unread(error: SnapshotError) -> RestoreError {
    RestoreError::Unavailable(error.to_string())
}
