//! The default engine: fjall 3 in one process, through its plain `Database`.
//!
//! All shards of a node share one write queue and so one fsync: the writer thread takes all waiting commits, checks
//! the fences of each in order against the members before it, writes one journal batch, syncs once, publishes a
//! new snapshot and only then answers. [`Store::snapshot`] hands out what was published last, so it sees every
//! commit that has returned and nothing that is not durable.
//!
//! A failed write or fsync is `Unknown` for all of its members and stops the engine for good: nothing is retried,
//! every later call is `Unavailable`. The next [`Embedded::open`] judges what is on disk: `journal` tells a torn tail
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
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, oneshot};

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

/// How to open the engine.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// Memory for blocks of tables, in bytes.
    pub cache_bytes: u64,
    /// Threads that flush and compact, at least one.
    pub worker_threads: usize,
    /// The planted bug that the tests of lost writes must catch.
    #[cfg(test)]
    pub(crate) skip_fsync: bool,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 64 * 1024 * 1024,
            worker_threads: 2,
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
    /// Time that they took together.
    pub fsync_time: Duration,
    /// Commits answered with `Ok`.
    pub commits: u64,
    /// Position of the last durable batch, counted since the store was made.
    pub position: u64,
}

/// The engine. Dropping it closes it in order, which waits for the commits in the queue.
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
        if let Some(requests) = &self.requests
            && requests.send(Request::Close { done }).await.is_ok()
        {
            drop(closed.await);
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        drop(self.requests.take());
        for thread in self.threads.lock().drain(..) {
            drop(thread.join());
        }
    }
}

impl Shared {
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
        Ok(Arc::<EmbeddedSnapshot>::clone(&self.shared.published.read()))
    }

    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        Limits::PORTABLE.check_commit(&batch, &fences)?;
        if self.shared.is_stopped() {
            return Err(self.shared.unavailable());
        }
        let (answer, answered) = oneshot::channel();
        let requests = self.requests.as_ref().expect("only drop takes it");
        let request = Request::commit(batch, fences, answer);
        if requests.send(request).await.is_err() {
            self.shared.stop("the engine is closed");
            return Err(self.shared.unavailable());
        }
        answered.await.unwrap_or_else(|_| {
            Err(CommitError::Unknown {
                reason: "the engine stopped while the commit was under way".into(),
            })
        })
    }

    fn limits(&self) -> Limits {
        Limits::PORTABLE
    }
}
