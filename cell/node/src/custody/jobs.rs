//! Long work that an operator began: how far it is, how it ended. Kept in memory, the newest ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use cell_backup::{Manifest, Progress};
use cell_shard::Origin;
use parking_lot::Mutex;
use platform_model::{ReplicaId, ShardId};
use platform_wire::{Refusal, RefusalCode};
use tokio::sync::Semaphore;

/// Jobs that are remembered.
const KEPT_MAX: usize = 256;
/// Jobs that run at once: each holds a few parts in memory.
const RUNNING_MAX: usize = 4;
/// Jobs that run or wait to.
const WAITING_MAX: usize = 128;

/// Clones share the jobs.
#[derive(Clone)]
pub struct Jobs {
    shared: Arc<Mutex<Shared>>,
    pub(super) room: Arc<Semaphore>,
}

#[derive(Default)]
struct Shared {
    last: u64,
    jobs: BTreeMap<u64, Job>,
}

/// One of them. Clones share its progress.
#[derive(Clone)]
pub struct Job {
    pub id: u64,
    pub shard: Option<ShardId>,
    pub backup: String,
    pub progress: Arc<Progress>,
    pub end: Option<Result<Done, Failed>>,
}

/// How it ended well.
#[derive(Debug, Clone)]
pub struct Done {
    pub manifest: Manifest,
    /// How far it goes, its log included as far as that was read.
    pub reaches: Origin,
    pub restored: Option<Restored>,
}

#[derive(Debug, Clone, Copy)]
pub struct Restored {
    pub replica: ReplicaId,
    /// Of the list of erased people that was applied.
    pub erased: [u8; 32],
    pub left_out: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// How it did not.
#[derive(Debug, Clone)]
pub struct Failed {
    pub code: &'static str,
    pub why: String,
}

impl Jobs {
    pub fn new() -> Self {
        Self {
            shared: Arc::default(),
            room: Arc::new(Semaphore::new(RUNNING_MAX)),
        }
    }

    /// A job that is about to run.
    ///
    /// # Errors
    /// `limit` when too many wait.
    pub fn begin(&self, shard: Option<ShardId>, backup: String) -> Result<Job, Refusal> {
        let mut shared = self.shared.lock();
        let open = shared.jobs.values().filter(|job| job.end.is_none()).count();
        if open >= WAITING_MAX {
            let message = format!("{open} backups and restores are under way on this node");
            return Err(Refusal::new(RefusalCode::Limit, message));
        }
        shared.last += 1;
        let job = Job {
            id: shared.last,
            shard,
            backup,
            progress: Arc::default(),
            end: None,
        };
        shared.jobs.insert(job.id, job.clone());
        let surplus = shared.jobs.len().saturating_sub(KEPT_MAX);
        let ended = shared.jobs.values().filter(|job| job.end.is_some());
        let gone: Vec<u64> = ended.map(|job| job.id).take(surplus).collect();
        for id in gone {
            shared.jobs.remove(&id);
        }
        Ok(job)
    }

    pub fn end(&self, id: u64, end: Result<Done, Failed>) {
        if let Some(job) = self.shared.lock().jobs.get_mut(&id) {
            job.end = Some(end);
        }
    }

    /// The copy that a restore made is about to be removed: whoever asks from here on is not told that it is there.
    pub fn discarded(&self, replica: ReplicaId) {
        let mut shared = self.shared.lock();
        for job in shared.jobs.values_mut() {
            let of = |done: &Done| done.restored.is_some_and(|restored| restored.replica == replica);
            if job.end.as_ref().is_some_and(|end| end.as_ref().is_ok_and(of)) {
                job.end = Some(Err(Failed {
                    code: "discarded",
                    why: "the copy was removed again: nobody took it up".to_owned(),
                }));
            }
        }
    }

    /// Whether something is under way with a shard.
    pub fn is_busy(&self, shard: &ShardId) -> bool {
        let shared = self.shared.lock();
        let mut open = shared.jobs.values().filter(|job| job.end.is_none());
        open.any(|job| job.shard.as_ref() == Some(shard))
    }

    /// Whether something that is under way reads that backup.
    pub fn reads(&self, backup: &str) -> bool {
        let shared = self.shared.lock();
        let mut open = shared.jobs.values().filter(|job| job.end.is_none());
        open.any(|job| job.backup == backup)
    }

    /// # Errors
    /// `unknown-record` for one that is not remembered.
    pub fn get(&self, id: u64) -> Result<Job, Refusal> {
        self.shared.lock().jobs.get(&id).cloned().ok_or_else(|| {
            let message =
                format!("this node remembers no job {id}: it has ended long ago, or the node began anew");
            Refusal::new(RefusalCode::Unknown, message).hint("cellctl backup list")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_bounded_and_the_newest_are_remembered() {
        let jobs = Jobs::new();
        let failed = || Failed {
            code: "x",
            why: "y".into(),
        };
        for _ in 0..WAITING_MAX {
            jobs.begin(None, String::new()).expect("room");
        }
        assert!(jobs.begin(None, String::new()).is_err(), "no room");
        for id in 1..=100 {
            jobs.end(id, Err(failed()));
        }
        for _ in 0..KEPT_MAX {
            let job = jobs.begin(None, String::new()).expect("room again");
            jobs.end(job.id, Err(failed()));
        }
        assert!(jobs.get(1).is_err(), "forgotten");
        assert!(jobs.get(101).is_ok(), "it runs still");
        assert!(jobs.shared.lock().jobs.len() <= KEPT_MAX + 1);
    }
}
