//! The one thread that writes. It forms a group of all waiting commits, makes it durable with one fsync, publishes
//! the new version and answers. It ends when the engine is closed.
//!
//! Write and fsync are one call, under one hold of fjall's lock on its journal: fjall's own threads sync the same file,
//! and the kernel tells a failed fsync once, so an fsync of ours that came after one of theirs would prove nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fjall::{AbstractTree, Database, Keyspace, PersistMode};
use tokio::sync::{mpsc, oneshot};

use super::group::{Group, Overlay};
use super::marker::stop_if_poisoned;
use super::snapshot::EmbeddedSnapshot;
use super::{GROUP_BYTES_MAX, GROUP_COMMITS_MAX, POSITION_KEY, Shared};
use crate::{CommitError, Fence, Limits, WriteBatch};

/// Sealed memtables, and runs of tables in level 0, from which on nothing is written. fjall halts a write at 4 and 30,
/// with no end if what it waits for has failed.
const SEALED_MEMTABLES_MAX: usize = 3;
const LEVEL_0_RUNS_MAX: usize = 26;
/// How long a group that is smaller than the last ones waits for those who wrote then: on a fast disk an fsync ends
/// before they have prepared their next batch, and each would pay for one of its own. A lone writer never waits.
const LINGER_MAX: Duration = Duration::from_micros(250);
const LINGER_LOOK: Duration = Duration::from_micros(40);
/// How often the writer looks whether there is room again.
const ROOM_LOOK: Duration = Duration::from_millis(5);

type Answer = oneshot::Sender<Result<(), CommitError>>;

/// What may be asked of the writer.
#[derive(Debug)]
pub(super) enum Request {
    /// Commit a batch that is within the limits.
    Commit {
        batch: WriteBatch,
        fences: Vec<Fence>,
        answer: Answer,
        since: Instant,
    },
    /// Publish the newest version anew: the one that is published has expired. `done` is dropped then.
    Refresh { done: oneshot::Sender<()> },
    /// End in order; `done` is dropped when all is closed.
    Close { done: oneshot::Sender<()> },
}

impl Request {
    pub fn commit(batch: WriteBatch, fences: Vec<Fence>, answer: Answer) -> Self {
        Self::Commit {
            batch,
            fences,
            answer,
            since: now(),
        }
    }
}

/// The state of the thread.
pub(super) struct Writer {
    pub database: Database,
    pub data: Keyspace,
    pub requests: mpsc::Receiver<Request>,
    pub shared: Arc<Shared>,
    pub mode: PersistMode,
    /// Commits of the groups lately; falls by one with each smaller group.
    pub usual: usize,
    /// The planted stall of the tests.
    #[cfg(test)]
    pub stall: Arc<std::sync::atomic::AtomicBool>,
}

impl Writer {
    /// Serves until the queue is closed and empty. Answers who waits for the close.
    pub fn run(mut self) -> Vec<oneshot::Sender<()>> {
        let mut waiting = Vec::with_capacity(GROUP_COMMITS_MAX);
        let mut closers = Vec::new();
        while let Some(first) = self.requests.blocking_recv() {
            metrics::gauge!("cell_store_queue_commits").set((self.requests.len() + 1) as f64);
            self.gather(first, &mut waiting, &mut closers);
            self.linger(&mut waiting, &mut closers);
            if waiting.is_empty() {
                continue;
            }
            self.shared.begin();
            match self.wait_for_room() {
                Ok(()) => self.serve(&mut waiting),
                Err(error) => refuse(&mut waiting, &error),
            }
            self.shared.end();
        }
        closers
    }

    /// Takes what waits, within the bounds of a group.
    fn gather(&mut self, first: Request, waiting: &mut Vec<Request>, closers: &mut Vec<oneshot::Sender<()>>) {
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(request) = next {
            match request {
                Request::Refresh { done } => {
                    self.refresh();
                    drop(done);
                }
                Request::Close { done } => {
                    self.requests.close();
                    closers.push(done);
                }
                Request::Commit { ref batch, .. } => {
                    bytes += batch.bytes();
                    waiting.push(request);
                }
            }
            let full = waiting.len() >= GROUP_COMMITS_MAX || bytes >= GROUP_BYTES_MAX;
            next = if full { None } else { self.requests.try_recv().ok() };
        }
    }

    /// What is published can be read when this returns. Only this thread writes, and a write is in a version once it is
    /// durable, so the newest version is what the one that expired was.
    fn refresh(&self) {
        let published = Arc::clone(&self.shared.published.read());
        if published.is_expired() || !published.probe() {
            let newest = EmbeddedSnapshot::new(self.database.snapshot(), self.data.clone());
            *self.shared.published.write() = Arc::new(newest);
        }
    }

    /// Waits a moment for as many as wrote lately.
    fn linger(&mut self, waiting: &mut Vec<Request>, closers: &mut Vec<oneshot::Sender<()>>) {
        let until = now() + LINGER_MAX;
        while waiting.len() < self.usual && closers.is_empty() && now() < until {
            std::thread::sleep(LINGER_LOOK);
            if let Ok(request) = self.requests.try_recv() {
                self.gather(request, waiting, closers);
            }
        }
        self.usual = waiting.len().max(self.usual.saturating_sub(1));
    }

    fn serve(&mut self, waiting: &mut Vec<Request>) {
        self.refresh();
        let base = Arc::clone(&self.shared.published.read());
        let mut group = Group::new(&base);
        let mut admitted = Vec::with_capacity(waiting.len());
        let mut refused = Vec::new();
        for request in waiting.drain(..) {
            let Request::Commit {
                batch,
                fences,
                answer,
                since,
            } = request
            else {
                continue;
            };
            match self.check_age(since).and_then(|()| group.admit(batch, &fences)) {
                Ok(()) => admitted.push(answer),
                Err(error) => refused.push((answer, error)),
            }
        }
        let overlay = group.into_overlay();
        drop(base);
        let admitted = acknowledge_early(admitted);
        match self.write(overlay) {
            Ok(()) => self.answer(admitted, refused),
            Err(error) => self.fail(admitted, refused, &error),
        }
    }

    /// Waits, not for ever, until fjall takes a batch without a wait of its own.
    fn wait_for_room(&self) -> Result<(), CommitError> {
        let began = now();
        while self.data.sealed_memtable_count() >= SEALED_MEMTABLES_MAX
            || self.data.tree.l0_run_count() >= LEVEL_0_RUNS_MAX
        {
            stop_if_poisoned(&self.database, &self.shared);
            if self.shared.is_stopped() {
                return Err(self.shared.unavailable());
            }
            if now().duration_since(began) > Duration::from_millis(Limits::PORTABLE.commit_ms_max) {
                metrics::counter!("cell_store_no_room_total").increment(1);
                return Err(CommitError::Unavailable {
                    reason: "the disk does not keep up".into(),
                });
            }
            std::thread::sleep(ROOM_LOOK);
        }
        Ok(())
    }

    fn check_age(&self, since: Instant) -> Result<(), CommitError> {
        if self.shared.is_stopped() {
            return Err(self.shared.unavailable());
        }
        if now().duration_since(since) > Duration::from_millis(Limits::PORTABLE.commit_ms_max) {
            return Err(CommitError::Unavailable {
                reason: "the commit waited too long in the queue".into(),
            });
        }
        Ok(())
    }

    /// One batch with its fsync, then the new version. A group without writes is durable as it is.
    fn write(&self, overlay: Overlay) -> fjall::Result<()> {
        if overlay.is_empty() {
            return Ok(());
        }
        let position = self.shared.position.load(Ordering::Acquire) + 1;
        let mut batch = fjall::OwnedWriteBatch::with_capacity(self.database.clone(), overlay.len() + 1);
        for (key, value) in overlay {
            match value {
                Some(value) => batch.insert(&self.data, &key[..], &value[..]),
                None => batch.remove(&self.data, &key[..]),
            }
        }
        batch.insert(&self.data, POSITION_KEY, position.to_be_bytes());
        #[cfg(test)]
        while self.stall.load(Ordering::Acquire) {
            std::thread::sleep(ROOM_LOOK);
        }
        self.commit(batch)?;
        let version = EmbeddedSnapshot::new(self.database.snapshot(), self.data.clone());
        self.shared.position.store(position, Ordering::Release);
        *self.shared.published.write() = Arc::new(version);
        Ok(())
    }

    /// Writes and syncs in one.
    fn commit(&self, batch: fjall::OwnedWriteBatch) -> fjall::Result<()> {
        let started = now();
        batch.durability(Some(self.mode)).commit()?;
        let took = now().duration_since(started);
        self.shared.fsyncs.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.shared.fsync_us.fetch_add(micros, Ordering::Relaxed);
        metrics::histogram!("cell_store_fsync_seconds").record(took.as_secs_f64());
        Ok(())
    }

    fn answer(&self, admitted: Vec<Answer>, refused: Vec<(Answer, CommitError)>) {
        self.shared
            .commits
            .fetch_add(admitted.len() as u64, Ordering::Relaxed);
        metrics::counter!("cell_store_commits_total").increment(admitted.len() as u64);
        metrics::histogram!("cell_store_group_commits").record(admitted.len() as f64);
        for answer in admitted {
            drop(answer.send(Ok(())));
        }
        for (answer, error) in refused {
            drop(answer.send(Err(error)));
        }
    }

    /// Nothing is known of the members; the refused ones may have been refused for what is now unknown.
    fn fail(&self, admitted: Vec<Answer>, refused: Vec<(Answer, CommitError)>, error: &fjall::Error) {
        let reason = format!("a write failed, the engine has stopped: {error}");
        tracing::error!(error = %error, "the store cannot write and has stopped");
        self.shared.stop(&reason);
        for answer in admitted {
            drop(answer.send(Err(CommitError::Unknown {
                reason: reason.clone(),
            })));
        }
        for (answer, _) in refused {
            drop(answer.send(Err(self.shared.unavailable())));
        }
    }
}

/// Answers all that wait: nothing of them was written.
fn refuse(waiting: &mut Vec<Request>, error: &CommitError) {
    for request in waiting.drain(..) {
        if let Request::Commit { answer, .. } = request {
            drop(answer.send(Err(error.clone())));
        }
    }
}

/// Planted bug of failpoint builds: answers before anything is written, and holds the batch in memory meanwhile.
#[cfg(feature = "failpoints")]
fn acknowledge_early(admitted: Vec<Answer>) -> Vec<Answer> {
    if !admitted.is_empty() && fail::eval("ack-before-write", |_| ()).is_some() {
        for answer in admitted {
            drop(answer.send(Ok(())));
        }
        std::thread::sleep(Duration::from_secs(2));
        return Vec::new();
    }
    admitted
}

#[cfg(not(feature = "failpoints"))]
fn acknowledge_early(admitted: Vec<Answer>) -> Vec<Answer> {
    admitted
}

#[expect(
    clippy::disallowed_methods,
    reason = "only measures: how long a commit has waited, how long a write took"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}
