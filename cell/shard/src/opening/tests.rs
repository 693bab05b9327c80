//! Over stores whose openings are counted and can be held: one elsewhere, and one that publishes its newest version.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cell_store::memory::Memory;
use cell_store::{
    CommitError, Fence, Key, KeyRange, Limits, Page, Snapshot, SnapshotError, Store, StoreError, Value,
    WriteBatch,
};
use parking_lot::Mutex;
use tokio::sync::RwLock;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::Shard;
use crate::tests::harness::{get, open, put};

struct Watched {
    inner: Arc<Memory>,
    /// Of a store elsewhere; none: the newest version is published.
    life: Option<Duration>,
    published: Mutex<Option<Arc<dyn Snapshot>>>,
    /// Whoever has it keeps all openings from their end.
    hold: RwLock<()>,
    /// The next opening never ends.
    hangs: AtomicBool,
    openings: AtomicUsize,
    /// Versions that were asked for their position.
    asked: Arc<AtomicUsize>,
}

struct WatchedSnapshot {
    inner: Arc<dyn Snapshot>,
    asked: Arc<AtomicUsize>,
}

impl Watched {
    fn new(life: Option<Duration>) -> Arc<Self> {
        Arc::new(Self {
            inner: Memory::new(),
            life,
            published: Mutex::default(),
            hold: RwLock::default(),
            hangs: AtomicBool::new(false),
            openings: AtomicUsize::new(0),
            asked: Arc::default(),
        })
    }

    async fn open(life: Option<Duration>) -> (Arc<Self>, Shard) {
        let watched = Self::new(life);
        let store: Arc<dyn Store> = Arc::<Self>::clone(&watched);
        let shard = open(store, 1).await.expect("opens");
        put(&shard, "a", "1").await.expect("written");
        (watched, shard)
    }

    fn openings(&self) -> usize {
        self.openings.load(Ordering::Relaxed)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
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
            asked: Arc::clone(&self.asked),
        });
        if self.life.is_none() {
            *self.published.lock() = Some(Arc::clone(&version));
        }
        drop(self.hold.read().await);
        if self.hangs.swap(false, Ordering::Relaxed) {
            pending::<()>().await;
        }
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
            self.asked.fetch_add(1, Ordering::Relaxed);
        } else {
            // A row takes its time.
            for _ in 0..8 {
                yield_now().await;
            }
        }
        self.inner.get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, SnapshotError> {
        self.inner.get_many(keys).await
    }

    async fn scan(&self, range: &KeyRange, limit: usize, reverse: bool) -> Result<Page, SnapshotError> {
        self.inner.scan(range, limit, reverse).await
    }
}

const FAR: Option<Duration> = Some(Duration::from_secs(300));

fn value(text: &'static str) -> Option<Bytes> {
    Some(Bytes::from_static(text.as_bytes()))
}

#[tokio::test]
async fn all_who_ask_while_one_is_opened_share_the_next_one() {
    let (store, shard) = Watched::open(FAR).await;
    let before = store.openings();
    let held = store.hold.write().await;
    let release = async {
        // All of them have asked by now.
        yield_now().await;
        drop(held);
    };
    let read = || get(&shard, "a");
    let (one, two, three, four, ()) = tokio::join!(read(), read(), read(), read(), release);
    for found in [one, two, three, four] {
        assert_eq!(found.expect("read"), value("1"));
    }
    assert_eq!(store.openings() - before, 2);
}

/// The planted bug: who asks while one is opened is given that one.
#[tokio::test]
async fn nobody_is_shown_a_version_that_was_opened_before_he_asked() {
    let (store, shard) = Watched::open(FAR).await;
    let held = store.hold.write().await;
    let later = async {
        put(&shard, "a", "2").await.expect("written");
        let release = async {
            yield_now().await;
            drop(held);
        };
        tokio::join!(get(&shard, "a"), release).0
    };
    let (first, second) = tokio::join!(get(&shard, "a"), later);
    assert_eq!(first.expect("read"), value("1"), "opened before that was written");
    assert_eq!(second.expect("read"), value("2"), "asked after that was answered");
}

#[tokio::test]
async fn whoever_goes_away_while_he_opens_holds_nobody_up() {
    let (store, shard) = Watched::open(FAR).await;
    let held = store.hold.write().await;
    let leaves = async {
        tokio::select! {
            biased;
            _ = get(&shard, "a") => panic!("it is held"),
            () = yield_now() => {}
        }
        drop(held);
    };
    let ((), found) = tokio::join!(leaves, get(&shard, "a"));
    assert_eq!(found.expect("read"), value("1"));
}

/// The planted bug: an opening goes on only while whoever began it is polled. The relay of events polls none of those
/// under way while it reads the outbox, and read that behind one of them for ever.
#[tokio::test(start_paused = true)]
async fn whoever_is_not_polled_while_he_opens_or_waits_holds_nobody_up() {
    let (store, shard) = Watched::open(FAR).await;
    let held = store.hold.write().await;
    let mut opens = pin!(get(&shard, "a"));
    let mut waits = pin!(get(&shard, "a"));
    assert!(futures::poll!(opens.as_mut()).is_pending());
    assert!(futures::poll!(waits.as_mut()).is_pending());
    drop(held);
    let found = timeout(Duration::from_secs(1), get(&shard, "a")).await;
    let found = found.expect("it waits for one who is not polled");
    assert_eq!(found.expect("read"), value("1"));
    assert_eq!(opens.await.expect("read"), value("1"));
    assert_eq!(waits.await.expect("read"), value("1"));
}

#[tokio::test(start_paused = true)]
async fn an_opening_that_never_ends_keeps_only_those_who_asked_for_it() {
    let (store, shard) = Watched::open(FAR).await;
    store.hangs.store(true, Ordering::Relaxed);
    let second = Duration::from_secs(1);
    let (first, next) = tokio::join!(
        timeout(second, get(&shard, "a")),
        timeout(second, get(&shard, "a"))
    );
    assert!(first.is_err(), "it hangs");
    let next = next.expect("it waits for one that hangs");
    assert_eq!(next.expect("read"), value("1"));
}

#[tokio::test]
async fn a_store_that_is_away_is_told_to_all_who_wait_and_serves_again() {
    let (store, shard) = Watched::open(FAR).await;
    store.inner.stop(true);
    let (one, two) = tokio::join!(get(&shard, "a"), get(&shard, "a"));
    assert!(one.is_err() && two.is_err(), "{one:?} {two:?}");
    store.inner.stop(false);
    assert_eq!(get(&shard, "a").await.expect("read"), value("1"));
}

#[tokio::test]
async fn a_version_is_asked_for_its_position_once() {
    let (store, shard) = Watched::open(None).await;
    let before = store.asked();
    for _ in 0..3 {
        assert_eq!(get(&shard, "a").await.expect("read"), value("1"));
    }
    assert_eq!(store.asked() - before, 1);
    put(&shard, "a", "2").await.expect("written");
    assert_eq!(get(&shard, "a").await.expect("read"), value("2"));
    assert_eq!(store.asked() - before, 2);
}
