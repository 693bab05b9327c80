//! A digest of all that a shard copies, made as its copies are verified by: keys without the shard in front, and values,
//! each with its length. A shard that was read out and a copy that was made of it have the same one.

use std::sync::Arc;

use bytes::Bytes;
use cell_store::{Snapshot, SnapshotError, Store};
use platform_model::ShardId;
use xxhash_rust::xxh3::Xxh3;

use super::restore::RestoreError;
use crate::copy::{end_of_all, hash_row};
use crate::keys::{ShardKeys, join};
use crate::walk::Walk;

/// Bytes that are digested before others have their turn.
const TURN_BYTES: usize = 4 << 20;

/// Rows so far, in the order of their keys.
#[derive(Clone, Default)]
pub struct StateDigest {
    hasher: Xxh3,
    rows: u64,
}

impl StateDigest {
    pub fn value(&self) -> u64 {
        self.hasher.digest()
    }

    /// How many rows it is of.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) async fn add(
        &mut self,
        snapshot: &dyn Snapshot,
        keys: &ShardKeys,
        start: Bytes,
        bytes_max: usize,
    ) -> Result<Option<Bytes>, SnapshotError> {
        let mut bytes = 0;
        for range in keys.replicated_in(&start, &end_of_all()) {
            let mut next = range.start.clone();
            let mut walk = Walk::new(snapshot, range);
            loop {
                if bytes >= bytes_max {
                    return Ok(Some(keys.relative(&next)));
                }
                let Some(rows) = walk.next(usize::MAX).await? else {
                    break;
                };
                for (key, value) in &rows {
                    bytes += key.len() + value.len();
                    hash_row(&mut self.hasher, &keys.relative(key), value);
                    next = join(key, &[0]);
                }
                self.rows += rows.len() as u64;
            }
        }
        Ok(None)
    }
}

/// The digest of a copy that lies on a disk and that nobody writes.
///
/// # Errors
/// The store's.
pub async fn state_of(store: &Arc<dyn Store>, shard: &ShardId) -> Result<StateDigest, RestoreError> {
    let unreadable = |error: SnapshotError| RestoreError::Unavailable(error.to_string());
    let keys = ShardKeys::new(shard);
    let (mut state, mut next) = (StateDigest::default(), Some(Bytes::new()));
    while let Some(start) = next {
        let snapshot = store.snapshot().await;
        let snapshot = snapshot.map_err(|error| RestoreError::Unavailable(error.to_string()))?;
        let added = state.add(&*snapshot, &keys, start, TURN_BYTES).await;
        next = added.map_err(unreadable)?;
    }
    Ok(state)
}
