//! What the tests share: opening shards, plain requests, stores that can be held, slowed and made to fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cell_store::{
    CommitError, Fence, Key, KeyRange, Limits, Page, Snapshot, SnapshotError, Store, StoreError, Value,
    WriteBatch,
};
use parking_lot::Mutex;
use platform_model::{Actor, Epoch, RequestId, RootRef, UserId};
use platform_runtime::{Clock, TaskGroup};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::plant::Plant;
use crate::{Mode, OpenError, Ownership, Request, Scope, Shard, ShardLimits, Tx, TxError, WriteError};

pub(crate) fn ownership(epoch: u64) -> Ownership {
    let shard = "eu/eu-central/007".parse().expect("a shard");
    Ownership {
        shard,
        node: "eu-central-1/0".parse().expect("a node"),
        epoch: Epoch(epoch),
    }
}

pub(super) fn request() -> Request {
    request_of(Uuid::new_v4(), 1)
}

pub(crate) fn request_of(id: Uuid, user: u128) -> Request {
    Request {
        actor: Actor::Service("test".into()),
        domain: "test",
        request_id: RequestId::from_uuid(id),
        mode: Mode::Async,
        scope: Scope::Root(RootRef::user(UserId::from_uuid(Uuid::from_u128(user)))),
        not_older_than: None,
        deadline: Duration::from_secs(20),
    }
}

pub(crate) async fn open(store: Arc<dyn Store>, epoch: u64) -> Result<Shard, OpenError> {
    open_with(store, epoch, ShardLimits::default(), Plant::none()).await
}

pub(crate) async fn open_with(
    store: Arc<dyn Store>,
    epoch: u64,
    limits: ShardLimits,
    plant: Plant,
) -> Result<Shard, OpenError> {
    // The group's tasks live on until the shard's last handle is gone.
    let tasks = TaskGroup::new();
    crate::open::open(store, ownership(epoch), Clock::system(), &tasks, limits, plant).await
}

pub(crate) async fn put(
    shard: &Shard,
    key: &str,
    value: &str,
) -> Result<crate::Answer<()>, WriteError<TxError>> {
    let (key, value) = (key.to_owned(), Bytes::from(value.to_owned()));
    let write = |tx: Tx| {
        let (key, value) = (key.clone(), value.clone());
        async move { tx.put(key, value) }
    };
    shard.write(&request(), write).await
}

pub(crate) async fn get(shard: &Shard, key: &str) -> Result<Option<Bytes>, WriteError<TxError>> {
    let key = key.to_owned();
    let read = |tx: Tx| {
        let key = key.clone();
        async move { tx.get(key.as_bytes()).await }
    };
    shard.read(&request(), read).await.map(|answer| answer.value)
}

/// Adds one to a counter and returns what it is then.
pub(super) async fn increment(shard: &Shard, key: &'static str) -> Result<u64, WriteError<TxError>> {
    let step = |tx: Tx| async move {
        let before = tx.get(key.as_bytes()).await?;
        let before: u64 = before.map_or(0, |bytes| {
            String::from_utf8_lossy(&bytes).parse().expect("a number")
        });
        tx.put(key, (before + 1).to_string())?;
        Ok(before + 1)
    };
    shard.write(&request(), step).await.map(|answer| answer.value)
}

/// How often, per thousand commits, a [`Shaky`] store fails, and how long it takes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    pub unavailable: u64,
    pub unknown_lost: u64,
    pub unknown_written: u64,
    /// Unknown now, and attempted just before the next commit.
    pub unknown_late: u64,
    /// Turns that a commit gives to other tasks before it is done.
    pub yields: usize,
}

/// A store in front of another that is slow and fails by a seed.
pub(super) struct Shaky {
    pub inner: Arc<dyn Store>,
    pub faults: Faults,
    pub state: AtomicU64,
    late: Mutex<Vec<(WriteBatch, Vec<Fence>)>>,
}

impl Shaky {
    pub(super) fn new(inner: Arc<dyn Store>, faults: Faults, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            inner,
            faults,
            state: AtomicU64::new(seed),
            late: Mutex::default(),
        })
    }
}

#[async_trait]
impl Store for Shaky {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.inner.snapshot().await
    }

    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        for _ in 0..self.faults.yields {
            tokio::task::yield_now().await;
        }
        let unknown = || CommitError::Unknown {
            reason: "shaky".into(),
        };
        let Faults {
            unavailable,
            unknown_lost,
            unknown_written,
            unknown_late,
            ..
        } = self.faults;
        let late = std::mem::take(&mut *self.late.lock());
        for (batch, fences) in late {
            // Nobody waits for it any more.
            let _ = self.inner.commit(batch, fences).await;
        }
        let seen = self.state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        match (seen ^ seen >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32 & 1023 {
            n if n < unavailable => Err(CommitError::Unavailable {
                reason: "shaky".into(),
            }),
            n if n < unavailable + unknown_lost => Err(unknown()),
            n if n < unavailable + unknown_lost + unknown_written => {
                self.inner.commit(batch, fences).await.and(Err(unknown()))
            }
            n if n < unavailable + unknown_lost + unknown_written + unknown_late => {
                self.late.lock().push((batch, fences));
                Err(unknown())
            }
            _ => self.inner.commit(batch, fences).await,
        }
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}

/// A store whose commits wait until a test lets them through.
pub(super) struct Held {
    pub inner: Arc<dyn Store>,
    pub passes: Semaphore,
    pub arrived: Semaphore,
}

impl Held {
    pub(super) fn new(inner: Arc<dyn Store>, passes: usize) -> Arc<Self> {
        Arc::new(Self {
            inner,
            passes: Semaphore::new(passes),
            arrived: Semaphore::new(0),
        })
    }

    /// Waits until one more commit has come in.
    pub(super) async fn next_commit(&self) {
        self.arrived.acquire().await.expect("never closed").forget();
    }
}

#[async_trait]
impl Store for Held {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.inner.snapshot().await
    }

    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        self.arrived.add_permits(1);
        self.passes.acquire().await.expect("never closed").forget();
        self.inner.commit(batch, fences).await
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}

/// A store whose snapshots expire after a few reads, and give way to other tasks at each.
pub(super) struct Expiring {
    pub inner: Arc<dyn Store>,
    pub reads_max: AtomicU64,
}

struct ExpiringSnapshot {
    inner: Arc<dyn Snapshot>,
    left: AtomicU64,
}

impl ExpiringSnapshot {
    async fn spend(&self) -> Result<(), SnapshotError> {
        tokio::task::yield_now().await;
        let spent = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        spent.map(|_| ()).map_err(|_| SnapshotError::Expired)
    }
}

#[async_trait]
impl Store for Expiring {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let inner = self.inner.snapshot().await?;
        Ok(Arc::new(ExpiringSnapshot {
            inner,
            left: AtomicU64::new(self.reads_max.load(Ordering::Relaxed)),
        }))
    }

    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        self.inner.commit(batch, fences).await
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}

#[async_trait]
impl Snapshot for ExpiringSnapshot {
    async fn get(&self, key: &[u8]) -> Result<Option<Value>, SnapshotError> {
        // Small state of the shard's own is read at once, before a snapshot can expire.
        if !key.ends_with(b"applied\0") {
            self.spend().await?;
        }
        self.inner.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, SnapshotError> {
        self.spend().await?;
        self.inner.get_many(keys).await
    }

    async fn scan(&self, range: &KeyRange, limit: usize, reverse: bool) -> Result<Page, SnapshotError> {
        self.spend().await?;
        self.inner.scan(range, limit, reverse).await
    }
}
