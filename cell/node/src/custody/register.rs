//! What the controllers are told and asked of, for data that people keep: erasures on record, who was erased, what was
//! begun here.

use async_trait::async_trait;
use platform_model::{ShardId, UserId};
use platform_wire::CallError;
use platform_wire::backup::{Erased, ErasureRecord};
use platform_wire::report::ReportClient;

/// The controllers.
#[async_trait]
pub trait Register: Send + Sync + 'static {
    /// Number of the decision; 0: it was on record already.
    async fn record_erasure(&self, record: &ErasureRecord) -> Result<u64, CallError>;

    async fn read_erased(&self, shard: &ShardId) -> Result<Erased, CallError>;

    async fn read_open_erasures(&self, shard: &ShardId) -> Result<Vec<UserId>, CallError>;

    /// Puts on record that somebody has `work` done on a shard's data, and why.
    async fn note_work(
        &self,
        shard: &ShardId,
        work: &'static str,
        by: (&str, &str),
    ) -> Result<u64, CallError>;

    /// Puts on record that somebody is given all that is held of a person of a shard, and why.
    async fn note_export(&self, shard: &ShardId, user: UserId, by: (&str, &str)) -> Result<u64, CallError>;
}

#[async_trait]
impl Register for ReportClient {
    async fn record_erasure(&self, record: &ErasureRecord) -> Result<u64, CallError> {
        Self::record_erasure(self, record).await
    }

    async fn read_erased(&self, shard: &ShardId) -> Result<Erased, CallError> {
        Self::read_erased(self, shard).await
    }

    async fn read_open_erasures(&self, shard: &ShardId) -> Result<Vec<UserId>, CallError> {
        Self::read_open_erasures(self, shard).await
    }

    async fn note_work(
        &self,
        shard: &ShardId,
        work: &'static str,
        by: (&str, &str),
    ) -> Result<u64, CallError> {
        Self::note_work(self, shard, work, by).await
    }

    async fn note_export(&self, shard: &ShardId, user: UserId, by: (&str, &str)) -> Result<u64, CallError> {
        Self::note_export(self, shard, user, by).await
    }
}
