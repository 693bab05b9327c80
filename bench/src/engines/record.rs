//! Keeps every batch that is committed through it, by the fence that it was committed under: one group per shard.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cell_store::{CommitError, Fence, KeyRange, Limits, Snapshot, Store, StoreError, WriteBatch};
use parking_lot::Mutex;

/// A store that remembers what was committed.
pub struct Recorder {
    inner: Arc<dyn Store>,
    batches: Mutex<BTreeMap<Bytes, Vec<WriteBatch>>>,
}

impl Recorder {
    pub fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            batches: Mutex::default(),
        })
    }

    /// What was committed since the last call, in order within each group.
    pub fn take(&self) -> Vec<Vec<WriteBatch>> {
        std::mem::take(&mut *self.batches.lock()).into_values().collect()
    }
}

#[async_trait]
impl Store for Recorder {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.inner.snapshot().await
    }

    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        let group = fences.first().map(|fence| fence.key.clone()).unwrap_or_default();
        let kept = batch.clone();
        self.inner.commit(batch, fences).await?;
        self.batches.lock().entry(group).or_default().push(kept);
        Ok(())
    }

    async fn decide(&self, range: &KeyRange) -> Result<(), StoreError> {
        self.inner.decide(range).await
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}
