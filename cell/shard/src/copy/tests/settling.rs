//! What a writer makes of an outcome that it does not know, when the shard is taken from it before it looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cell_store::memory::Memory;
use cell_store::{CommitError, Fence, Limits, Snapshot, Store, StoreError, WriteBatch};
use platform_model::{Epoch, Incarnation};
use platform_runtime::{CancellationToken, Clock};

use super::world::{node, shard_id};
use crate::applied::Applied;
use crate::copy::index::Index;
use crate::copy::writer::{Failed, Writer};
use crate::fence::FenceValue;
use crate::keys::ShardKeys;
use crate::meter::Meter;

/// Says `Unknown` of the first batch and does not write it; lets the raised attempt through, and is then, if it
/// `takes`, taken by another node that writes its own first batch at once.
struct Taken {
    inner: Arc<Memory>,
    keys: ShardKeys,
    takes: bool,
    commits: AtomicU8,
}

#[async_trait]
impl Store for Taken {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.inner.snapshot().await
    }

    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        let count = self.commits.fetch_add(1, Ordering::Relaxed);
        if count == 0 {
            return Err(CommitError::Unknown {
                reason: "rolled back".to_owned(),
            });
        }
        self.inner.commit(batch, fences).await?;
        if count == 1 && self.takes {
            let mut others = WriteBatch::new();
            let fence = FenceValue::first(Epoch(2), node(1), Incarnation(1));
            others.put(self.keys.fence.clone(), fence.encode());
            others.put(
                self.keys.batch.clone(),
                Bytes::copy_from_slice(&1_u64.to_be_bytes()),
            );
            self.inner.commit(others, Vec::new()).await?;
        }
        Ok(())
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}

/// What a write comes to, and whether it is in the store.
async fn written(takes: bool) -> (Result<(), Failed>, bool) {
    let keys = ShardKeys::new(&shard_id());
    let store = Arc::new(Taken {
        inner: Memory::new(),
        keys: keys.clone(),
        takes,
        commits: AtomicU8::new(0),
    });
    let fence = FenceValue::first(Epoch(1), node(0), Incarnation(1));
    let mut first = WriteBatch::new();
    first.put(keys.fence.clone(), fence.encode());
    store.inner.commit(first, Vec::new()).await.expect("written");
    let mut writer = Writer {
        store: Arc::<Taken>::clone(&store),
        shard: shard_id(),
        export_folder: None,
        limits: store.limits(),
        keys,
        clock: Clock::system(),
        settle_max: Duration::from_secs(60),
        stop: CancellationToken::new(),
        fence,
        number: 0,
        index: Index::default(),
        applied: Applied::default(),
        meter: Meter::new(&shard_id()),
        skips_fence: false,
        proved: None,
        says: None,
    };
    let mut batch = WriteBatch::new();
    batch.put("row", "new");
    let told = writer.commit(batch, None).await;
    let snapshot = store.snapshot().await.expect("a snapshot");
    let row = snapshot.get(b"row").await.expect("read");
    (told, row.is_some())
}

#[tokio::test]
async fn a_batch_of_another_that_carries_the_same_number_is_not_taken_for_the_own() {
    assert!(matches!(written(false).await, (Ok(()), true)), "written again");
    assert!(matches!(written(true).await, (Err(Failed::Fenced), false)));
}
