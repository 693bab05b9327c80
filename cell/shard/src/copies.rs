//! Which shards have a copy in a store, open or not: what lies on the disk, whatever anybody intends.

use bytes::Bytes;
use cell_store::{KeyRange, Snapshot, SnapshotError, Store, StoreError};
use platform_model::{Epoch, NodeId, ReplicaId, ShardId};

use crate::backup::is_restoring;
use crate::copy::never_configured;
use crate::fence::FenceValue;
use crate::keys::ShardKeys;

/// The code of a text at the front of a packed tuple (FoundationDB tuple layer).
const TEXT: u8 = 2;

/// Why a store does not say what it holds.
#[derive(Debug, thiserror::Error)]
pub enum CopiesError {
    #[error("the store cannot be read")]
    Open(#[from] StoreError),
    #[error("the store cannot be read")]
    Read(#[from] SnapshotError),
}

/// Every shard of which a row or an entry lies in `store`, with the epoch of its last writer, in order of their names.
/// What a copy that was erased leaves behind - who it was - is none. A few reads a shard, however many rows it has.
///
/// # Errors
/// [`CopiesError`], from the store.
pub async fn copies(store: &dyn Store) -> Result<Vec<(ShardId, Epoch)>, CopiesError> {
    let found = find(store).await?;
    let epoch = |fence: Option<FenceValue>| fence.map_or(Epoch(0), |fence| fence.epoch);
    Ok(found
        .into_iter()
        .map(|(shard, fence)| (shard, epoch(fence)))
        .collect())
}

/// Those of [`copies`] in a store that nodes share which `node` wrote last: the others are other nodes' to tell of.
///
/// # Errors
/// As [`copies`].
pub async fn copies_of(store: &dyn Store, node: &NodeId) -> Result<Vec<(ShardId, Epoch)>, CopiesError> {
    let found = find(store).await?;
    let own = |(shard, fence): (ShardId, Option<FenceValue>)| {
        let fence = fence.filter(|fence| fence.node == *node)?;
        Some((shard, fence.epoch))
    };
    Ok(found.into_iter().filter_map(own).collect())
}

/// What a restore left that nobody took up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclaimed {
    /// A copy of this name.
    Whole(ReplicaId),
    /// It broke off: rows, and no copy.
    Half,
}

/// What lies in `store` of a shard and was restored, and that no configuration was ever heard to name; none of any other.
///
/// # Errors
/// As [`copies`].
pub async fn unclaimed(store: &dyn Store, shard: &ShardId) -> Result<Option<Unclaimed>, CopiesError> {
    let snapshot = store.snapshot().await?;
    let keys = ShardKeys::new(shard);
    let meta = snapshot.get(&keys.meta).await?;
    let wiping = snapshot.get(&keys.wiping).await?;
    Ok(match (wiping, meta) {
        (None, Some(meta)) => never_configured(&meta).map(Unclaimed::Whole),
        // A copy that is erased by order has a name still, and wants a receipt.
        (Some(wiping), None) if is_restoring(&wiping) => Some(Unclaimed::Half),
        _ => None,
    })
}

async fn find(store: &dyn Store) -> Result<Vec<(ShardId, Option<FenceValue>)>, CopiesError> {
    let snapshot = store.snapshot().await?;
    let mut found = Vec::new();
    let mut from = Bytes::from_static(&[TEXT]);
    loop {
        let rest = KeyRange::new(from, Bytes::from_static(&[TEXT + 1]));
        let page = snapshot.scan(&rest, 1, false).await?;
        let Some((key, _)) = page.rows.into_iter().next() else {
            return Ok(found);
        };
        let Some(name) = first_text(&key) else {
            return Ok(found);
        };
        if let Ok(shard) = name.parse::<ShardId>() {
            let keys = ShardKeys::new(&shard);
            let fence = snapshot.get(&keys.fence).await?;
            let fence = fence.and_then(|bytes| FenceValue::decode(&bytes));
            if holds_anything(&*snapshot, &keys).await? {
                found.push((shard, fence));
            }
        }
        // Behind every key that begins with this text: its end is a zero byte.
        from = [&[TEXT], name.as_bytes(), &[1]].concat().into();
    }
}

pub(crate) async fn holds_anything(snapshot: &dyn Snapshot, keys: &ShardKeys) -> Result<bool, SnapshotError> {
    let rows = keys.replicated_in(&[], &[u8::MAX]);
    for range in rows.into_iter().chain([keys.whole_log()]) {
        if !snapshot.scan(&range, 1, false).await?.rows.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The text at the front of a key, if one is there. Names of shards and of the node's own keys hold no zero byte.
fn first_text(key: &[u8]) -> Option<&str> {
    let text = key.strip_prefix(&[TEXT])?;
    let end = text.iter().position(|byte| *byte == 0)?;
    std::str::from_utf8(&text[..end]).ok()
}

#[cfg(test)]
mod tests {
    use cell_store::key::Tuple;
    use cell_store::memory::Memory;
    use cell_store::{Fence, WriteBatch};
    use platform_model::{Incarnation, Position};

    use super::*;

    async fn put(store: &dyn Store, key: Bytes, value: Bytes) {
        let mut batch = WriteBatch::new();
        batch.put(key.clone(), value);
        store
            .commit(batch, vec![Fence::absent(key)])
            .await
            .expect("committed");
    }

    #[tokio::test]
    async fn every_shard_with_a_row_is_found_and_nothing_else() {
        let store = Memory::new();
        assert_eq!(copies(&*store).await.expect("reads"), []);
        let node = "eu-central-1/0".parse().expect("a node");
        for (name, epoch) in [
            ("eu/eu-central/000", 4),
            ("eu/eu-central/001", 7),
            ("directory/eu/000", 1),
        ] {
            let keys = ShardKeys::new(&name.parse().expect("a shard"));
            let fence = FenceValue::first(Epoch(epoch), std::clone::Clone::clone(&node), Incarnation(1));
            put(&*store, keys.fence.clone(), fence.encode()).await;
            put(&*store, keys.log_part(Position(1), 0), Bytes::from_static(b"x")).await;
        }
        // Of a copy that was erased its name is left, and the receipt.
        let keys = ShardKeys::new(&"eu/eu-west/000".parse().expect("a shard"));
        put(&*store, keys.meta.clone(), Bytes::from_static(b"x")).await;
        put(&*store, keys.receipt.clone(), Bytes::from_static(b"x")).await;
        // A row without a fence is a copy all the same.
        let keys = ShardKeys::new(&"us/us-east/keys".parse().expect("a shard"));
        put(&*store, keys.trim.clone(), Bytes::from_static(b"x")).await;
        put(
            &*store,
            Tuple::new().str("node").str("start").pack(),
            Bytes::from_static(b"x"),
        )
        .await;
        let found: Vec<(String, u64)> = copies(&*store)
            .await
            .expect("reads")
            .into_iter()
            .map(|(shard, epoch)| (shard.to_string(), epoch.0))
            .collect();
        let expected = [
            ("directory/eu/000", 1),
            ("eu/eu-central/000", 4),
            ("eu/eu-central/001", 7),
            ("us/us-east/keys", 0),
        ];
        assert_eq!(found, expected.map(|(name, epoch)| (name.to_owned(), epoch)));
        let own = copies_of(&*store, &node).await.expect("reads");
        assert_eq!(own.len(), 3, "one has no fence: {own:?}");
        let other = "eu-central-1/1".parse().expect("a node");
        assert_eq!(copies_of(&*store, &other).await.expect("reads"), []);
    }
}
