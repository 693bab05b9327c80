//! How each log stands, in memory: it is sought anew when the node, or the shard's term, begins.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cell_backup::{BackupName, Manifest, Run};
use cell_shard::Shard;
use parking_lot::Mutex;
use platform_model::{Epoch, Position, ShardId};

/// So many entries do not wait for their time.
const ENTRIES_WAIT_MAX: u64 = 1_000;

/// Clones share the logs.
#[derive(Clone, Default)]
pub(in super::super) struct Logs(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    logs: BTreeMap<ShardId, Log>,
    backups: BTreeMap<ShardId, Backup>,
    /// Backups that were removed while their logs were perhaps being written on.
    removed: BTreeMap<ShardId, BackupName>,
}

/// A backup from which on a new log is to begin.
enum Backup {
    /// Of the shard as it was there.
    Written(Position),
    Made(Box<Manifest>),
}

/// The log of one shard.
#[derive(Debug, Clone)]
pub(super) struct Log {
    /// In which the shard is served.
    epoch: Epoch,
    pub stage: Stage,
    /// When it is looked at, by the monotonic clock.
    pub next: Duration,
    /// Why it is not kept on.
    pub why: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) enum Stage {
    /// Where it ends is to be looked for.
    Sought,
    Kept(Box<Run>),
    /// For a backup.
    Waits,
}

impl Stage {
    /// Whether it has not come to where that backup begins.
    pub fn is_before(&self, base: &Manifest) -> bool {
        matches!(self, Self::Kept(run) if run.end.position < base.origin.position)
    }

    /// Whether it is that backup's.
    pub fn is_behind(&self, name: &BackupName) -> bool {
        matches!(self, Self::Kept(run) if run.base.name == *name)
    }
}

impl Log {
    pub fn is_due(&self, now: Duration, committed: Position) -> bool {
        match &self.stage {
            Stage::Waits => false,
            Stage::Sought => now >= self.next,
            Stage::Kept(run) => {
                let waiting = committed.0.saturating_sub(run.end.position.0);
                now >= self.next || (waiting >= ENTRIES_WAIT_MAX && self.why.is_none())
            }
        }
    }
}

impl Logs {
    /// Forgets those of shards that are served here no more.
    pub fn retain(&self, served: &[Shard]) {
        let is_served = |id: &ShardId| served.iter().any(|shard| shard.id() == id);
        let mut shared = self.0.lock();
        shared.logs.retain(|id, _| is_served(id));
        shared.backups.retain(|id, _| is_served(id));
        shared.removed.retain(|id, _| is_served(id));
    }

    /// How it stands, and the backup behind which another is to begin.
    pub(super) fn of(&self, shard: &Shard) -> (Log, Option<Manifest>) {
        let mut shared = self.0.lock();
        // Nobody writes it on at this moment: whoever asks here is about to.
        shared.removed.remove(shard.id());
        let known = shared.logs.get(shard.id());
        let known = known.filter(|log| log.epoch == shard.epoch());
        let log = known.cloned().unwrap_or(Log {
            epoch: shard.epoch(),
            stage: Stage::Sought,
            next: Duration::ZERO,
            why: None,
        });
        let made = match shared.backups.get(shard.id()) {
            Some(Backup::Made(manifest)) => Some(Manifest::clone(manifest)),
            Some(Backup::Written(_)) | None => None,
        };
        (log, made)
    }

    /// Notes it, and has the shard keep what is not kept yet.
    pub(super) fn put(&self, shard: &Shard, log: Log) {
        let mut shared = self.0.lock();
        if shared
            .removed
            .remove(shard.id())
            .is_some_and(|name| log.stage.is_behind(&name))
        {
            return shard.want_log_behind(None);
        }
        let ends = match &log.stage {
            Stage::Kept(run) => Some(run.end.position),
            Stage::Sought | Stage::Waits => None,
        };
        let begins = shared.backups.get(shard.id()).map(|backup| match backup {
            Backup::Written(position) => *position,
            Backup::Made(manifest) => manifest.origin.position,
        });
        shard.want_log_behind(ends.into_iter().chain(begins).min());
        shared.logs.insert(shard.id().clone(), log);
    }

    /// A backup of the shard as it is at that position is being written: its log will begin there.
    pub fn writing(&self, shard: &Shard, at: Position) {
        let mut shared = self.0.lock();
        shared.backups.insert(shard.id().clone(), Backup::Written(at));
        let log = shared.logs.get(shard.id());
        let ends = log.and_then(|log| match &log.stage {
            Stage::Kept(run) => Some(run.end.position),
            Stage::Sought | Stage::Waits => None,
        });
        shard.want_log_behind(ends.into_iter().chain([at]).min());
    }

    /// It is there; or there will be none.
    pub fn written(&self, shard: &Shard, manifest: Option<&Manifest>) {
        let mut shared = self.0.lock();
        match manifest {
            Some(manifest) => {
                let made = Backup::Made(Box::new(manifest.clone()));
                shared.backups.insert(shard.id().clone(), made);
            }
            None => {
                shared.backups.remove(shard.id());
                // What a log that goes on wants is said anew with its next segment.
                shard.want_log_behind(None);
            }
        }
    }

    /// A backup is not there any more: its log, if it is this node's to write on, is sought anew.
    pub fn removed(&self, id: &ShardId, name: &BackupName) {
        let mut shared = self.0.lock();
        if shared.logs.get(id).is_some_and(|log| log.stage.is_behind(name)) {
            shared.logs.remove(id);
            shared.removed.insert(id.clone(), name.clone());
        }
    }

    /// Its log has begun.
    pub(super) fn begun(&self, base: &Manifest) {
        let mut shared = self.0.lock();
        let is_it = |backup: &Backup| matches!(backup, Backup::Made(made) if made.name == base.name);
        if shared.backups.get(&base.shard).is_some_and(is_it) {
            shared.backups.remove(&base.shard);
        }
    }

    /// Logs that are not kept on, and why: `SHARD: WHY`.
    pub fn problems(&self) -> Vec<String> {
        let shared = self.0.lock();
        let told = |(id, log): (&ShardId, &Log)| Some(format!("{id}: {}", log.why.as_ref()?));
        shared.logs.iter().filter_map(told).collect()
    }
}
