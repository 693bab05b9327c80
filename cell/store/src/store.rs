//! The contract of every engine. It promises the least that FoundationDB, TiKV and the embedded engine can all
//! keep; it never promises serializable transactions, for the one committer of a shard validates for itself.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{CommitError, Fence, KeyRange, Limits, Page, SnapshotError, StoreError, WriteBatch};

/// A key: 1 to [`Limits::key_bytes_max`] bytes, ordered bytewise. See [`crate::key`].
pub type Key = Bytes;
/// A value: 0 to [`Limits::value_bytes_max`] bytes.
pub type Value = Bytes;

/// An ordered transactional key-value store.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Opens one consistent version. It contains every commit that returned `Ok` before this call
    /// (linearizable) and nothing that is not durable. Cheap; safe to cancel and to retry.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the engine has stopped or cannot be reached.
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError>;

    /// Applies the whole batch, in the order of its mutations, if every fence holds inside the same
    /// transaction. `Ok` means atomic and durable. Dropping the future does not take the commit back: its
    /// outcome is then unknown. Two commits of one caller that are not awaited in between have no order.
    ///
    /// # Errors
    /// See [`CommitError`]: only after [`CommitError::Unknown`] may something have been written, and it may
    /// still be written later. The caller then commits a batch that changes only its fence before it reads.
    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError>;

    /// Decides what others have under way in `range`, as far as it is met: a commit of theirs that is met is final when
    /// this returns, done or never done. One that is about to begin may not be met, so nothing may rest on this but time:
    /// whoever takes a shard from a node that died need not wait until what that one left locked runs out. Whoever it
    /// cuts off hears [`CommitError::Unknown`] at most, as he may from any commit. An engine whose commits leave nothing
    /// behind has nothing to decide.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: some may still be under way; asking again is safe.
    async fn decide(&self, _range: &KeyRange) -> Result<(), StoreError> {
        Ok(())
    }

    /// What the newest commit that is final says of `key`. Neither waits for what is under way nor touches it, where a
    /// snapshot may have to wait: for whoever has to know who holds a shard before he cuts anybody off.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn settled(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        let read = self.snapshot().await?.get(key).await;
        read.map_err(|error| StoreError::Unavailable {
            reason: error.to_string(),
        })
    }

    /// The bounds that this engine enforces.
    fn limits(&self) -> Limits;
}

/// One consistent version of the whole store. All reads are cancel- and retry-safe.
#[async_trait]
pub trait Snapshot: Send + Sync {
    /// The value of a key, or none. A key that no commit could have written has none.
    ///
    /// # Errors
    /// [`SnapshotError::Expired`] when the snapshot outlived [`Limits::snapshot_life`].
    async fn get(&self, key: &[u8]) -> Result<Option<Value>, SnapshotError>;

    /// The values of many keys, in the order asked. At most [`Limits::get_many_keys_max`] keys.
    ///
    /// # Errors
    /// As [`Snapshot::get`]; [`SnapshotError::Invalid`] for too many keys.
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, SnapshotError>;

    /// Rows of `range` in ascending order of keys (descending when `reverse`): at most `limit`, at most
    /// [`Limits::page_rows_max`], and no further row once [`Limits::page_bytes_max`] is reached (so a page of
    /// a non-empty range has at least one row when `limit` > 0). [`Page::more`] says whether rows were left:
    /// ask again from behind the last one.
    ///
    /// # Errors
    /// As [`Snapshot::get`]; [`SnapshotError::Invalid`] when `range.start > range.end`.
    async fn scan(&self, range: &KeyRange, limit: usize, reverse: bool) -> Result<Page, SnapshotError>;

    /// About how many bytes the rows of a range take on disk, without reading them; none where the engine cannot tell. What
    /// was overwritten and what was written just now may be counted or not.
    fn bytes_about(&self, _range: &KeyRange) -> Option<u64> {
        None
    }
}
