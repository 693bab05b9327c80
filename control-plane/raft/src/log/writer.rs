//! The one thread that writes the log: it takes all that waits, commits it at once, then tells each caller.
//!
//! Order is the order of the queue. After a failed commit nothing is written any more: the log on disk may lack
//! what is readable in memory, and the library stops the node.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use openraft::storage::IOFlushed;
use tokio::sync::{mpsc, oneshot};

use super::disk::{Disk, Write};
use crate::types::{LogId, Types};

/// Changes that wait; a full queue makes the library wait.
const QUEUE_MAX: usize = 4_096;
/// Changes of one commit.
const BATCH_MAX: usize = 1_024;

/// Whom to tell that a change is durable.
pub enum Done {
    Nobody,
    Library(IOFlushed<Types>),
    Caller(oneshot::Sender<io::Result<()>>),
}

struct Job {
    write: Write,
    done: Done,
}

/// Counters of one log, for metrics and tests.
#[derive(Debug, Clone)]
pub struct LogStats {
    fsyncs: Arc<AtomicU64>,
    commits: Arc<AtomicU64>,
}

impl LogStats {
    /// Fsyncs of the log's file since it was opened.
    pub fn fsyncs(&self) -> u64 {
        self.fsyncs.load(Ordering::Relaxed)
    }

    /// Transactions since it was opened.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }
}

/// The queue's end for the log store. The thread ends when the last one is dropped.
#[derive(Debug, Clone)]
pub struct Writer {
    queue: mpsc::Sender<Job>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.write.fmt(f)
    }
}

/// Starts the thread. The receiver resolves when the file is closed again.
pub fn start(disk: Disk) -> io::Result<(Writer, LogStats, oneshot::Receiver<()>)> {
    let (queue, jobs) = mpsc::channel(QUEUE_MAX);
    let (closed, is_closed) = oneshot::channel();
    let stats = LogStats {
        fsyncs: disk.fsyncs(),
        commits: Arc::default(),
    };
    let commits = Arc::clone(&stats.commits);
    thread::Builder::new()
        .name("raft-log".to_owned())
        .spawn(move || {
            run(&disk, jobs, &commits);
            drop(disk);
            // Nobody may be waiting for it.
            let _ = closed.send(());
        })?;
    Ok((Writer { queue }, stats, is_closed))
}

impl Writer {
    /// Queues a change. Waits while the queue is full.
    pub async fn submit(&self, write: Write, done: Done) -> io::Result<()> {
        self.queue.send(Job { write, done }).await.map_err(|_| stopped())
    }

    /// Queues a change and waits until it is durable.
    pub async fn durably(&self, write: Write) -> io::Result<()> {
        let (tell, told) = oneshot::channel();
        self.submit(write, Done::Caller(tell)).await?;
        told.await.map_err(|_| stopped())?
    }
}

fn run(disk: &Disk, mut jobs: mpsc::Receiver<Job>, commits: &AtomicU64) {
    let mut committed = None;
    let mut broken: Option<String> = None;
    while let Some(first) = jobs.blocking_recv() {
        let (mut writes, waiting) = gather(first, &mut jobs, &mut committed);
        if writes.is_empty() {
            continue;
        }
        writes.extend(committed.take().map(Write::Committed));
        if broken.is_none() {
            commits.fetch_add(1, Ordering::Relaxed);
            broken = disk.commit(&writes).err().map(|e| e.to_string());
        }
        for done in waiting {
            tell(done, broken.as_deref());
        }
    }
    if let (Some(last), None) = (committed, &broken)
        && let Err(error) = disk.commit(&[Write::Committed(last)])
    {
        tracing::warn!(%error, "the commit index was not saved at the end; the next start reads it from its peers");
    }
}

/// Everything that waits. The commit index alone is not worth a commit: it rides on the next change.
fn gather(
    first: Job,
    jobs: &mut mpsc::Receiver<Job>,
    committed: &mut Option<LogId>,
) -> (Vec<Write>, Vec<Done>) {
    let (mut writes, mut waiting) = (Vec::new(), Vec::new());
    let mut next = Some(first);
    while let Some(job) = next {
        match job.write {
            Write::Committed(log_id) => *committed = Some(log_id),
            write => writes.push(write),
        }
        waiting.push(job.done);
        next = if writes.len() < BATCH_MAX {
            jobs.try_recv().ok()
        } else {
            None
        };
    }
    (writes, waiting)
}

fn tell(done: Done, broken: Option<&str>) {
    let result = || match broken {
        None => Ok(()),
        Some(why) => Err(io::Error::other(format!(
            "the log is not written any more: {why}"
        ))),
    };
    match done {
        Done::Nobody => {}
        Done::Library(flushed) => flushed.io_completed(result()),
        // The caller may have given up; the change stands.
        Done::Caller(caller) => drop(caller.send(result())),
    }
}

fn stopped() -> io::Error {
    io::Error::new(
        io::ErrorKind::BrokenPipe,
        "the thread that writes the log has ended",
    )
}
