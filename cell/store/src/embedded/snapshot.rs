//! Reads of one durable version. They block for as long as a table block takes to read: measured against a hop to a
//! blocking thread, that is the lesser cost while the working set is in memory.
//!
//! fjall may drop what a version needs while flushes pass under it, and panics when that version is read then
//! (`should always find a SuperVersion`, lsm-tree 3.1.10). Here such a version has expired: whoever reads opens
//! another, and the store gives out no expired one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use fjall::{AbstractTree as _, Keyspace, Readable};

use crate::range::fill;
use crate::{Key, KeyRange, Limits, Page, Snapshot, SnapshotError, Value};

/// A version of the store; lives until it is dropped.
pub(super) struct EmbeddedSnapshot {
    version: fjall::Snapshot,
    data: Keyspace,
    expired: AtomicBool,
}

impl std::fmt::Debug for EmbeddedSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedSnapshot")
            .field("version", &self.version.seqno())
            .finish()
    }
}

impl EmbeddedSnapshot {
    pub fn new(version: fjall::Snapshot, data: Keyspace) -> Self {
        let expired = AtomicBool::new(false);
        Self {
            version,
            data,
            expired,
        }
    }

    /// Whether a read found that the version is gone.
    pub fn is_expired(&self) -> bool {
        self.expired.load(Ordering::Relaxed)
    }

    /// Looks whether the version can still be read.
    pub fn probe(&self) -> bool {
        let probed = self.guarded(|| self.read(super::POSITION_KEY).map(drop).map_err(damaged));
        probed != Err(SnapshotError::Expired)
    }

    #[cfg(test)]
    pub fn expire(&self) {
        self.expired.store(true, Ordering::Relaxed);
    }

    fn guarded<T>(&self, read: impl FnOnce() -> Result<T, SnapshotError>) -> Result<T, SnapshotError> {
        if self.is_expired() {
            return Err(SnapshotError::Expired);
        }
        catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
            metrics::counter!("cell_store_snapshots_expired_total").increment(1);
            self.expired.store(true, Ordering::Relaxed);
            Err(SnapshotError::Expired)
        })
    }

    /// The value of any key, the engine's own too.
    pub fn read(&self, key: &[u8]) -> fjall::Result<Option<Bytes>> {
        Ok(self
            .version
            .get(&self.data, key)?
            .map(|value| Bytes::copy_from_slice(&value)))
    }

    /// The keys of a range, in order.
    pub fn keys(&self, range: &KeyRange) -> impl Iterator<Item = fjall::Result<Bytes>> {
        let rows = self.version.range::<&[u8], _>(&self.data, range.bounds());
        rows.map(|row| row.key().map(|key| Bytes::copy_from_slice(&key)))
    }

    /// Seals the memtable, as fjall does when it is full; a worker flushes it.
    #[cfg(test)]
    pub fn rotate(&self) -> fjall::Result<bool> {
        self.data.rotate_memtable()
    }

    /// Whether the engine has the key now, published or not.
    #[cfg(test)]
    pub fn has_now(&self, key: &str) -> bool {
        self.data.contains_key(key).unwrap()
    }

    /// Memtables that wait for a flush.
    #[cfg(test)]
    pub fn sealed(&self) -> usize {
        self.data.sealed_memtable_count()
    }

    fn get_one(&self, key: &[u8]) -> Result<Option<Value>, SnapshotError> {
        if !Limits::PORTABLE.is_possible_key(key) {
            return Ok(None);
        }
        self.read(key).map_err(damaged)
    }
}

#[async_trait]
impl Snapshot for EmbeddedSnapshot {
    async fn get(&self, key: &[u8]) -> Result<Option<Value>, SnapshotError> {
        self.guarded(|| self.get_one(key))
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, SnapshotError> {
        Limits::PORTABLE.check_get_many(keys)?;
        self.guarded(|| keys.iter().map(|key| self.get_one(key)).collect())
    }

    async fn scan(&self, range: &KeyRange, limit: usize, reverse: bool) -> Result<Page, SnapshotError> {
        Limits::PORTABLE.check_scan(range)?;
        if range.is_empty() {
            return Ok(Page::default());
        }
        self.guarded(|| {
            let rows = self.version.range::<&[u8], _>(&self.data, range.bounds());
            if reverse {
                fill(rows.rev().map(row), limit, &Limits::PORTABLE)
            } else {
                fill(rows.map(row), limit, &Limits::PORTABLE)
            }
        })
    }

    /// The sizes of the tables that the range touches; of one that is more than that a part, by nothing better, is a half.
    fn bytes_about(&self, range: &KeyRange) -> Option<u64> {
        if range.is_empty() {
            return Some(0);
        }
        let version = self.data.tree.current_version();
        let about = version.iter_tables().map(|table| {
            let (keys, bytes) = (&table.metadata.key_range, table.metadata.file_size);
            let (min, max) = (&keys.min()[..], &keys.max()[..]);
            if max < &range.start[..] || min >= &range.end[..] {
                0
            } else if min >= &range.start[..] && max < &range.end[..] {
                bytes
            } else {
                bytes / 2
            }
        });
        Some(about.sum())
    }
}

fn row(guard: fjall::Guard) -> Result<(Key, Value), SnapshotError> {
    let (key, value) = guard.into_inner().map_err(damaged)?;
    Ok((Bytes::copy_from_slice(&key), Bytes::copy_from_slice(&value)))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn damaged(error: fjall::Error) -> SnapshotError {
    SnapshotError::Unavailable {
        reason: error.to_string(),
    }
}
