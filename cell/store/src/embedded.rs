//! The default engine: fjall 3 in one process, through its plain `Database`.
//!
//! All shards of a node share one write queue and so one fsync: the writer thread takes all waiting commits, checks
//! the fences of each in order against the members before it, writes one journal batch, syncs once, publishes a
//! new snapshot and only then answers. [`Store::snapshot`] hands out what was published last, so it sees every
//! commit that has returned and nothing that is not durable.
//!
//! A failed write or fsync is `Unknown` for all of its members and stops the engine for good: nothing is retried,
//! every later call is `Unavailable`. So does a group that is under way for longer than
//! [`EmbeddedOptions::stall_max`] (`watch`): those who wait are let go with `Unknown`. The next [`Embedded::open`] judges what is on disk: `journal` tells a torn tail
//! from damage, `mark` tells whether the end is missing, `tail` makes the tail durable anew.
//!
//! Never here: fjall's optimistic transactions, a retry of an fsync, a read of what is not yet durable.

mod error;
mod group;
mod journal;
mod mark;
mod marker;
mod open;
mod snapshot;
mod tail;
mod watch;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, mpsc, oneshot};

pub use error::OpenError;
use snapshot::EmbeddedSnapshot;
use writer::Request;

use crate::{CommitError, Fence, Limits, Snapshot, Store, StoreError, WriteBatch};

/// Row in which every batch keeps its position; in the engine's own key space.
const POSITION_KEY: &[u8] = b"\xffposition";
/// Commits that may wait in the queue; the next caller waits for room.
const QUEUE_COMMITS_MAX: usize = 1_024;
/// Commits that share one batch.
const GROUP_COMMITS_MAX: usize = 1_024;
/// Bytes after which a group takes no further member.
const GROUP_BYTES_MAX: usize = 16_000_000;
/// How far the mark may lag behind what is durable.
const MARK_LAG_MAX: Duration = Duration::from_secs(1);
/// How long a group may be under way before the disk counts as dead.
const STALL_MAX: Duration = Duration::from_secs(30);
/// How often a close looks whether the threads have ended.
const JOIN_LOOK: Duration = Duration::from_millis(1);

/// How to open the engine.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// Memory for blocks of tables, in bytes.
    pub cache_bytes: u64,
    /// Threads that flush and compact, at least one.
    pub worker_threads: usize,
    /// How long a group may be under way; past it the store stops.
    pub stall_max: Duration,
    /// Nothing is flushed or compacted: what fjall waits for never comes.
    #[cfg(test)]
    pub(crate) no_workers: bool,
    /// While true, the writer stands still before each write.
    #[cfg(test)]
    pub(crate) stall: Arc<AtomicBool>,
    /// The planted bug that the tests of lost writes must catch.
    #[cfg(test)]
    pub(crate) skip_fsync: bool,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 64 * 1024 * 1024,
            worker_threads: 2,
            stall_max: STALL_MAX,
            #[cfg(test)]
            no_workers: false,
            #[cfg(test)]
            stall: Arc::default(),
            #[cfg(test)]
            skip_fsync: false,
        }
    }
}

/// Numbers since the engine was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Fsyncs of commits; one serves a whole group.
    pub fsyncs: u64,
    /// Time that they took together, the write before each included.
    pub fsync_time: Duration,
    /// Commits answered with `Ok`.
    pub commits: u64,
    /// Position of the last durable batch, counted since the store was made.
    pub position: u64,
}

/// The engine. Dropping it closes it in order, which waits for the commits in the queue, unless the disk hangs.
#[derive(Debug)]
pub struct Embedded {
    shared: Arc<Shared>,
    requests: Option<mpsc::Sender<Request>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads and the handle share.
#[derive(Debug)]
struct Shared {
    published: RwLock<Arc<EmbeddedSnapshot>>,
    stopped: AtomicBool,
    stop_reason: Mutex<String>,
    /// A write that does not end holds the writer.
    is_hung: AtomicBool,
    hung: Notify,
    /// When the store was opened.
    opened: Instant,
    /// Milliseconds after `opened` at which the group under way was begun, and one; 0: none is.
    begun_ms: AtomicU64,
    fsyncs: AtomicU64,
    fsync_us: AtomicU64,
    commits: AtomicU64,
    position: AtomicU64,
}

impl Embedded {
    /// Opens the store in `dir`, making it if the directory is empty or absent. Blocks; reads all journals.
    ///
    /// # Errors
    /// See [`OpenError`]; on damage nothing has been changed.
    pub fn open(dir: &Path, options: EmbeddedOptions) -> Result<Arc<Self>, OpenError> {
        open::open(dir, options).map(Arc::new)
    }

    /// Fsyncs of commits since the engine was opened.
    pub fn fsyncs(&self) -> u64 {
        self.shared.fsyncs.load(Ordering::Relaxed)
    }

    /// Numbers since the engine was opened.
    pub fn stats(&self) -> Stats {
        Stats {
            fsyncs: self.fsyncs(),
            fsync_time: Duration::from_micros(self.shared.fsync_us.load(Ordering::Relaxed)),
            commits: self.shared.commits.load(Ordering::Relaxed),
            position: self.shared.position.load(Ordering::Acquire),
        }
    }

    /// Why the engine has stopped, if it has.
    pub fn stop_reason(&self) -> Option<String> {
        self.shared
            .is_stopped()
            .then(|| self.shared.stop_reason.lock().clone())
    }

    /// Closes in order: the commits in the queue are answered, the mark is written. Later commits are
    /// `Unavailable`. Idempotent; returns when the files are closed, but for snapshots that still live.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        let hung = self.shared.hung.notified();
        let Some(requests) = self.requests.as_ref().filter(|_| !self.shared.is_hung()) else {
            return;
        };
        let close = async {
            if requests.send(Request::Close { done }).await.is_ok() {
                drop(closed.await);
            }
        };
        tokio::select! { () = close => {}, () = hung => {} }
    }
}

impl Embedded {
    /// The newest version, after the one that was published has expired.
    async fn renewed(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let (done, refreshed) = oneshot::channel();
        let requests = self.requests.as_ref().expect("only drop takes it");
        if requests.send(Request::Refresh { done }).await.is_ok() {
            // Dropped, not sent: either way it is over.
            drop(refreshed.await);
        }
        Ok(Arc::<EmbeddedSnapshot>::clone(&self.shared.published.read()))
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        drop(self.requests.take());
        for thread in self.threads.lock().drain(..) {
            if self.shared.wait_for(&thread) {
                drop(thread.join());
            }
        }
    }
}

impl Shared {
    fn new(first: EmbeddedSnapshot, position: u64) -> Self {
        Self {
            published: RwLock::new(Arc::new(first)),
            stopped: AtomicBool::new(false),
            stop_reason: Mutex::default(),
            is_hung: AtomicBool::new(false),
            hung: Notify::new(),
            opened: writer::now(),
            begun_ms: AtomicU64::new(0),
            fsyncs: AtomicU64::new(0),
            fsync_us: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            position: AtomicU64::new(position),
        }
    }

    /// The writer has begun a group.
    fn begin(&self) {
        let ms = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.begun_ms.store(ms + 1, Ordering::Release);
    }

    /// The writer is idle.
    fn end(&self) {
        self.begun_ms.store(0, Ordering::Release);
    }

    /// How long the group under way has been.
    fn under_way(&self) -> Option<Duration> {
        let begun = self.begun_ms.load(Ordering::Acquire).checked_sub(1)?;
        Some(self.opened.elapsed().saturating_sub(Duration::from_millis(begun)))
    }

    fn is_hung(&self) -> bool {
        self.is_hung.load(Ordering::Acquire)
    }

    /// Stops the engine and lets everyone go who waits for the writer.
    fn hang(&self, reason: &str) {
        self.stop(reason);
        self.is_hung.store(true, Ordering::Release);
        self.hung.notify_waiters();
    }

    /// Waits until a thread has ended or the writer hangs; whether it has ended.
    fn wait_for(&self, thread: &JoinHandle<()>) -> bool {
        while !thread.is_finished() && !self.is_hung() {
            std::thread::sleep(JOIN_LOOK);
        }
        thread.is_finished()
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Stops the engine for good. The first reason stays.
    fn stop(&self, reason: &str) {
        let mut first = self.stop_reason.lock();
        if !self.is_stopped() {
            reason.clone_into(&mut first);
            self.stopped.store(true, Ordering::Release);
        }
    }

    fn unavailable(&self) -> CommitError {
        CommitError::Unavailable {
            reason: self.stop_reason.lock().clone(),
        }
    }
}

#[async_trait]
impl Store for Embedded {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        if self.shared.is_stopped() {
            return Err(StoreError::Unavailable {
                reason: self.shared.stop_reason.lock().clone(),
            });
        }
        let published = Arc::<EmbeddedSnapshot>::clone(&self.shared.published.read());
        if published.is_expired() {
            return self.renewed().await;
        }
        Ok(published)
    }

    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        Limits::PORTABLE.check_commit(&batch, &fences)?;
        // Before the look at `stopped`, so that it cannot hang in between unnoticed.
        let hung = self.shared.hung.notified();
        if self.shared.is_stopped() {
            return Err(self.shared.unavailable());
        }
        let (answer, answered) = oneshot::channel();
        let requests = self.requests.as_ref().expect("only drop takes it");
        let request = Request::commit(batch, fences, answer);
        let unknown = || CommitError::Unknown {
            reason: "the engine stopped while the commit was under way".into(),
        };
        let commit = async {
            if requests.send(request).await.is_err() {
                return Err(CommitError::Unavailable {
                    reason: "the engine is closed".into(),
                });
            }
            answered.await.unwrap_or_else(|_| Err(unknown()))
        };
        tokio::select! {
            biased;
            outcome = commit => outcome,
            () = hung => Err(unknown()),
        }
    }

    fn limits(&self) -> Limits {
        Limits::PORTABLE
    }
}
