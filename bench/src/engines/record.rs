//! Keeps every commit that goes through it, batch and fences, by the key of its fence: one group per shard.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cell_store::{CommitError, Fence, KeyRange, Limits, Snapshot, Store, StoreError, Value, WriteBatch};
use parking_lot::Mutex;

/// One commit.
#[derive(Debug, Clone)]
pub struct Commit {
    pub batch: WriteBatch,
    pub fences: Vec<Fence>,
}

/// A store that remembers what was committed.
pub struct Recorder {
    inner: Arc<dyn Store>,
    commits: Mutex<BTreeMap<Bytes, Vec<Commit>>>,
}

impl Recorder {
    pub fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            commits: Mutex::default(),
        })
    }

    /// What was committed since the last call, in order within each group.
    pub fn take(&self) -> Vec<Vec<Commit>> {
        std::mem::take(&mut *self.commits.lock()).into_values().collect()
    }
}

#[async_trait]
impl Store for Recorder {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.inner.snapshot().await
    }

    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        let group = fences.first().map(|fence| fence.key.clone()).unwrap_or_default();
        let kept = Commit {
            batch: batch.clone(),
            fences: fences.clone(),
        };
        self.inner.commit(batch, fences).await?;
        self.commits.lock().entry(group).or_default().push(kept);
        Ok(())
    }

    async fn decide(&self, range: &KeyRange) -> Result<(), StoreError> {
        self.inner.decide(range).await
    }

    async fn settled(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        self.inner.settled(key).await
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}
