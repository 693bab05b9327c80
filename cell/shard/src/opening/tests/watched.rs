//! A store whose openings are counted and can be held.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use cell_store::memory::Memory;
use cell_store::{
    CommitError, Fence, Key, KeyRange, Limits, Page, Snapshot, SnapshotError, Store, StoreError, Value,
    WriteBatch,
};
use parking_lot::Mutex;
use tokio::sync::RwLock;
use tokio::task::yield_now;

use crate::Shard;
use crate::tests::harness::{open, put};

/// What becomes of reads of the key `far`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Away {
    Fails,
    Hangs,
}

/// What was asked of all versions.
#[derive(Default)]
pub(super) struct Reads {
    /// Their position, alone.
    positions: AtomicUsize,
    /// Other rows, one by one.
    singles: AtomicUsize,
    /// Rows together.
    many: AtomicUsize,
    pub away: Mutex<Option<Away>>,
}

pub(super) struct Watched {
    pub inner: Arc<Memory>,
    /// Of a store elsewhere; none: the newest version is published.
    life: Option<Duration>,
    published: Mutex<Option<Arc<dyn Snapshot>>>,
    /// Whoever has it keeps all openings from their end.
    pub hold: RwLock<()>,
    /// The next opening never ends.
    pub hangs: AtomicBool,
    /// The next opening panics.
    pub panics: AtomicBool,
    /// Run while the next opening is polled, after that was woken and before it waits.
    pub meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    openings: AtomicUsize,
    pub reads: Arc<Reads>,
}

struct WatchedSnapshot {
    inner: Arc<dyn Snapshot>,
    reads: Arc<Reads>,
}

impl WatchedSnapshot {
    async fn reach(&self, is_far: bool) -> Result<(), SnapshotError> {
        let away = *self.reads.away.lock();
        match away {
            Some(Away::Hangs) if is_far => pending().await,
            Some(Away::Fails) if is_far => Err(SnapshotError::Unavailable {
                reason: "planted".into(),
            }),
            _ => Ok(()),
        }
    }
}

impl Watched {
    fn new(life: Option<Duration>) -> Arc<Self> {
        Arc::new(Self {
            inner: Memory::new(),
            life,
            published: Mutex::default(),
            hold: RwLock::default(),
            hangs: AtomicBool::new(false),
            panics: AtomicBool::new(false),
            meanwhile: Mutex::default(),
            openings: AtomicUsize::new(0),
            reads: Arc::default(),
        })
    }

    pub(super) async fn open(life: Option<Duration>) -> (Arc<Self>, Shard) {
        let watched = Self::new(life);
        let store: Arc<dyn Store> = Arc::<Self>::clone(&watched);
        let shard = open(store, 1).await.expect("opens");
        put(&shard, "a", "1").await.expect("written");
        (watched, shard)
    }

    pub(super) fn openings(&self) -> usize {
        self.openings.load(Ordering::Relaxed)
    }

    /// Waits until so many were begun.
    pub(super) async fn has_begun(&self, openings: usize) {
        while self.openings() < openings {
            yield_now().await;
        }
    }

    pub(super) fn positions(&self) -> usize {
        self.reads.positions.load(Ordering::Relaxed)
    }

    pub(super) fn singles(&self) -> usize {
        self.reads.singles.load(Ordering::Relaxed)
    }

    pub(super) fn many(&self) -> usize {
        self.reads.many.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Store for Watched {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.openings.fetch_add(1, Ordering::Relaxed);
        let published = self.published.lock().clone();
        if let Some(published) = published {
            return Ok(published);
        }
        let version: Arc<dyn Snapshot> = Arc::new(WatchedSnapshot {
            inner: self.inner.snapshot().await?,
            reads: Arc::clone(&self.reads),
        });
        if self.life.is_none() {
            *self.published.lock() = Some(Arc::clone(&version));
        }
        drop(self.hold.read().await);
        if self.hangs.swap(false, Ordering::Relaxed) {
            pending::<()>().await;
        }
        if self.panics.swap(false, Ordering::Relaxed) {
            panic!("planted");
        }
        let mut meanwhile = self.meanwhile.lock().take();
        poll_fn(|cx| match meanwhile.take() {
            Some(run) => {
                cx.waker().wake_by_ref();
                run();
                Poll::Pending
            }
            None => Poll::Ready(()),
        })
        .await;
        Ok(version)
    }

    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        self.inner.commit(batch, fences).await?;
        *self.published.lock() = None;
        Ok(())
    }

    fn limits(&self) -> Limits {
        Limits {
            snapshot_life: self.life,
            ..self.inner.limits()
        }
    }
}

#[async_trait]
impl Snapshot for WatchedSnapshot {
    async fn get(&self, key: &[u8]) -> Result<Option<Value>, SnapshotError> {
        if key.ends_with(b"applied\0") {
            self.reads.positions.fetch_add(1, Ordering::Relaxed);
        } else {
            self.reads.singles.fetch_add(1, Ordering::Relaxed);
            // A row takes its time.
            for _ in 0..8 {
                yield_now().await;
            }
        }
        self.reach(key.ends_with(b"far")).await?;
        self.inner.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, SnapshotError> {
        self.reads.many.fetch_add(1, Ordering::Relaxed);
        self.reach(keys.iter().any(|key| key.ends_with(b"far"))).await?;
        self.inner.get_many(keys).await
    }

    async fn scan(&self, range: &KeyRange, limit: usize, reverse: bool) -> Result<Page, SnapshotError> {
        self.inner.scan(range, limit, reverse).await
    }
}
