//! What takes time and is done beside the machine: reading pages, keys and entries, digesting. A job that is lost is asked
//! for again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cell_replica::{Head, NodeKey};
use platform_model::ReplicaId;
use platform_runtime::CancellationToken;
use tokio::sync::mpsc;

use super::content::Touched;
use super::inner::Inner;
use super::item::ToDigest;
use super::outgoing::{Run, send_from_store};
use super::{pages, undo, verify};

/// Jobs that may wait.
pub(crate) const JOBS_MAX: usize = 64;

/// Entries to be read and sent.
#[derive(Debug)]
pub(crate) struct EntriesJob {
    pub to: NodeKey,
    pub run: Run,
    /// Not before this time: that of now, but for a planted fault.
    pub due: Duration,
}

pub(crate) enum Job {
    /// The page that the standby asked for last.
    ReadPage {
        to: ReplicaId,
    },
    ReadKeys {
        to: ReplicaId,
        fork: Head,
        keys: Touched,
    },
    CollectKeys {
        fork: Head,
        end: Head,
    },
    Digest(Box<ToDigest>),
    /// Find where the next chunk of a verification ends.
    Measure {
        chunk: u32,
        start: Bytes,
    },
}

/// Sends entries in the order in which they were asked for.
pub(crate) async fn run_entries(
    inner: Arc<Inner>,
    mut jobs: mpsc::Receiver<EntriesJob>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            job = jobs.recv() => match job {
                Some(job) => send_from_store(&inner, job).await,
                None => return,
            },
        }
    }
}

pub(crate) async fn run_jobs(inner: Arc<Inner>, mut jobs: mpsc::Receiver<Job>, stop: CancellationToken) {
    loop {
        let job = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            job = jobs.recv() => match job {
                Some(job) => job,
                None => return,
            },
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = run(&inner, job) => {}
        }
    }
}

async fn run(inner: &Arc<Inner>, job: Job) {
    match job {
        Job::ReadPage { to } => pages::read_page(inner, to).await,
        Job::ReadKeys { to, fork, keys } => undo::read_keys(inner, to, fork, keys).await,
        Job::CollectKeys { fork, end } => undo::collect_keys(inner, fork, end).await,
        Job::Digest(digest) => verify::digest(inner, *digest).await,
        Job::Measure { chunk, start } => verify::measure(inner, chunk, start).await,
    }
}
