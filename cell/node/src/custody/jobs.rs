//! Long work that an operator began: how far it is, how it ended. Kept in memory, the newest ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cell_backup::{BackupName, Manifest, Progress};
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
    /// Backups that are being removed.
    removing: BTreeSet<String>,
}

/// A backup that is being removed, until this is dropped: nobody begins to read it.
pub struct Removing {
    shared: Arc<Mutex<Shared>>,
    backup: String,
}

impl Drop for Removing {
    fn drop(&mut self) {
        self.shared.lock().removing.remove(&self.backup);
    }
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

/// A job that is being done. Once this is dropped it has ended, also if nobody has said how: else nobody could do
/// anything with its shard any more.
pub struct Running {
    shared: Arc<Mutex<Shared>>,
    id: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut shared = self.shared.lock();
        let job = shared.jobs.get_mut(&self.id);
        if let Some(job) = job.filter(|job| job.end.is_none()) {
            job.end = Some(Err(Failed {
                code: "stopped",
                why: "it broke off".to_owned(),
            }));
        }
    }
}

impl Jobs {
    pub fn new() -> Self {
        Self {
            shared: Arc::default(),
            room: Arc::new(Semaphore::new(RUNNING_MAX)),
        }
    }

    /// A job that is about to run: the only one with that shard, if it has one.
    ///
    /// # Errors
    /// `placement` while another is under way with that shard, or that backup is being removed; `limit` when too many
    /// wait.
    pub fn begin(&self, shard: Option<ShardId>, backup: String) -> Result<Job, Refusal> {
        let mut shared = self.shared.lock();
        let open = shared.open().count();
        if open >= WAITING_MAX {
            let message = format!("{open} backups and restores are under way on this node");
            return Err(Refusal::new(RefusalCode::Limit, message));
        }
        if let Some(busy) = shard.as_ref().filter(|shard| shared.is_busy(shard)) {
            let message = format!("a job with {busy} is under way on this node");
            return Err(Refusal::new(RefusalCode::Placement, message).hint("wait until it has ended"));
        }
        if shared.removing.contains(&backup) {
            let message = format!("{backup} is being removed");
            return Err(Refusal::new(RefusalCode::Placement, message).hint("cellctl backup list"));
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

    /// It is being done from here on.
    pub fn running(&self, id: u64) -> Running {
        Running {
            shared: Arc::clone(&self.shared),
            id,
        }
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
        self.shared.lock().is_busy(shard)
    }

    /// Whether something that is under way reads that backup, or may read its log.
    pub fn reads(&self, backup: &str) -> bool {
        self.shared.lock().reads(backup)
    }

    /// A backup is about to be removed: from here on nobody begins to read it.
    ///
    /// # Errors
    /// `placement` if somebody does.
    pub fn remove(&self, backup: &str) -> Result<Removing, Refusal> {
        let mut shared = self.shared.lock();
        if shared.reads(backup) {
            let message = format!("{backup} is read at this moment");
            return Err(Refusal::new(RefusalCode::Placement, message).hint("wait until that is done"));
        }
        shared.removing.insert(backup.to_owned());
        Ok(Removing {
            shared: Arc::clone(&self.shared),
            backup: backup.to_owned(),
        })
    }

    pub fn is_removing(&self, backup: &str) -> bool {
        self.shared.lock().removing.contains(backup)
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

impl Shared {
    fn open(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values().filter(|job| job.end.is_none())
    }

    fn is_busy(&self, shard: &ShardId) -> bool {
        self.open().any(|job| job.shard.as_ref() == Some(shard))
    }

    /// A restore reads logs of newer backups of its shard, too: one that is removed meanwhile would end it earlier, without
    /// a word.
    fn reads(&self, backup: &str) -> bool {
        let shard_of = |backup: &str| backup.parse::<BackupName>().ok()?.shard().ok();
        self.open().any(|job| {
            let restores = job.shard.as_ref().filter(|_| !job.backup.is_empty());
            job.backup == backup || restores.is_some_and(|shard| shard_of(backup).as_ref() == Some(shard))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Failed {
        Failed {
            code: "x",
            why: "y".into(),
        }
    }

    /// The planted omission: of two backups of one shard the one that fails takes the log from behind the other.
    #[test]
    fn a_shard_has_one_job_at_a_time_and_what_is_read_by_a_name_alone_none() {
        let (jobs, shard): (_, ShardId) = (Jobs::new(), "eu/eu-central/000".parse().expect("a shard"));
        let first = jobs.begin(Some(shard.clone()), String::new()).expect("alone");
        let refused = jobs.begin(Some(shard.clone()), String::new());
        let refused = refused.map(drop).expect_err("the first is under way");
        assert_eq!(refused.code, RefusalCode::Placement);
        jobs.begin(None, "b".into()).expect("of no shard");
        let other = "eu/eu-central/001".parse().expect("a shard");
        jobs.begin(Some(other), String::new()).expect("another's");
        jobs.end(first.id, Err(failed()));
        jobs.begin(Some(shard), String::new())
            .expect("the first has ended");
    }

    /// The planted omission: what panicked is under way for ever, and its shard is never backed up again.
    #[test]
    fn what_broke_off_has_ended_and_what_has_ended_stays_so() {
        let (jobs, shard): (_, ShardId) = (Jobs::new(), "eu/eu-central/000".parse().expect("a shard"));
        let code = |id| {
            jobs.get(id)
                .expect("remembered")
                .end
                .map(|end| end.map(drop).map_err(|end| end.code))
        };
        for (said, code_of_it) in [(false, "stopped"), (true, "x")] {
            let job = jobs.begin(Some(shard.clone()), String::new()).expect("alone");
            let running = jobs.running(job.id);
            assert_eq!(code(job.id), None);
            if said {
                jobs.end(job.id, Err(failed()));
            }
            drop(running);
            assert_eq!(code(job.id), Some(Err(code_of_it)));
        }
    }

    /// The planted omission: a restore begins while its backup is being removed, and finds a part of it.
    #[test]
    fn what_is_being_removed_is_not_read_and_what_is_read_is_not_removed() {
        let jobs = Jobs::new();
        let reads = jobs.begin(None, "b".into()).expect("there");
        let refused = jobs.remove("b").map(drop).expect_err("it is read");
        assert_eq!(refused.code, RefusalCode::Placement);
        jobs.end(reads.id, Err(failed()));
        let removing = jobs.remove("b").expect("nobody reads it");
        assert!(jobs.is_removing("b"));
        let refused = jobs
            .begin(None, "b".into())
            .map(drop)
            .expect_err("it is being removed");
        assert_eq!(refused.code, RefusalCode::Placement);
        jobs.begin(None, "c".into()).expect("another");
        drop(removing);
        jobs.begin(None, "b".into()).expect("nobody removes it any more");
    }

    #[test]
    fn jobs_are_bounded_and_the_newest_are_remembered() {
        let jobs = Jobs::new();
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

    /// The planted omission: all that was kept is being restored, over the logs of newer backups; one of them is removed, and
    /// the copy ends where that began.
    #[test]
    fn while_a_shard_is_restored_no_backup_of_it_is_removed() {
        let jobs = Jobs::new();
        let named = |shard: &str| format!("eu_eu-central_{shard}.e4.1711.5f2c9a01");
        let shard: ShardId = "eu/eu-central/000".parse().expect("a shard");
        let older = "eu_eu-central_000.e4.9.00000000".to_owned();
        let restores = jobs.begin(Some(shard.clone()), older).expect("alone");
        let refused = jobs.remove(&named("000")).map(drop).expect_err("its log is read");
        assert_eq!(refused.code, RefusalCode::Placement);
        jobs.remove(&named("001")).expect("of another shard");
        jobs.end(restores.id, Err(failed()));
        jobs.remove(&named("000")).expect("nobody reads it");
        // A backup that is made reads none.
        jobs.begin(Some(shard), String::new()).expect("alone");
        jobs.remove(&named("000")).expect("nobody reads it");
    }
}
