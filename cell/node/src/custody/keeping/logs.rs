//! How each log stands, in memory: it is sought anew when the node, or the shard's term, begins.

use std::collections::{BTreeMap, BTreeSet};
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
    backups: BTreeMap<ShardId, Backups>,
    /// Of each shard whose log somebody is at, the backups that were removed meanwhile.
    looking: BTreeMap<ShardId, BTreeSet<BackupName>>,
}

/// Backups of a shard from which on a new log is to begin.
#[derive(Default)]
struct Backups {
    /// One is being written, of the shard as it was there.
    written: Option<Position>,
    /// The newest that is there.
    made: Option<Box<Manifest>>,
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
    /// Whether it is behind an older backup than that one, as far as that is known.
    pub fn is_behind_older(&self, base: &Manifest) -> bool {
        !matches!(self, Self::Kept(run) if run.base.origin.pair() >= base.origin.pair())
    }

    /// Whether nothing lacks between its end and where that backup begins.
    pub fn has_come_to(&self, base: &Manifest) -> bool {
        match self {
            Self::Sought => false,
            Self::Kept(run) => run.end.position >= base.origin.position,
            Self::Waits => true,
        }
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
        shared.looking.retain(|id, _| is_served(id));
    }

    /// How it stands, and the backup behind which another is to begin. Whoever asks is about to write it on, until he
    /// puts it back.
    pub(super) fn of(&self, shard: &Shard) -> (Log, Option<Manifest>) {
        let mut shared = self.0.lock();
        shared.looking.insert(shard.id().clone(), BTreeSet::new());
        let known = shared.logs.get(shard.id());
        let known = known.filter(|log| log.epoch == shard.epoch());
        let log = known.cloned().unwrap_or(Log {
            epoch: shard.epoch(),
            stage: Stage::Sought,
            next: Duration::ZERO,
            why: None,
        });
        let backups = shared.backups.get(shard.id());
        (log, backups.and_then(|backups| backups.made.as_deref().cloned()))
    }

    /// Notes it, and has the shard keep what is not kept yet. One behind a backup that was removed meanwhile is sought
    /// anew.
    pub(super) fn put(&self, shard: &Shard, log: Log) {
        let mut shared = self.0.lock();
        let removed = shared.looking.remove(shard.id()).unwrap_or_default();
        if !removed.iter().any(|name| log.stage.is_behind(name)) {
            shared.logs.insert(shard.id().clone(), log);
        }
        shared.hold(shard);
    }

    /// A backup of the shard as it is at that position is being written: its log will begin there.
    pub fn writing(&self, shard: &Shard, at: Position) {
        let mut shared = self.0.lock();
        let backups = shared.backups.entry(shard.id().clone()).or_default();
        backups.written = Some(at);
        shared.hold(shard);
    }

    /// It is there; or there will be none.
    pub fn written(&self, shard: &Shard, manifest: Option<&Manifest>) {
        let mut shared = self.0.lock();
        let backups = shared.backups.entry(shard.id().clone()).or_default();
        backups.written = None;
        if let Some(manifest) = manifest {
            backups.made = Some(Box::new(manifest.clone()));
        }
        shared.hold(shard);
    }

    /// A backup is not there any more: its log, if it is this node's to write on, is sought anew, and none begins behind
    /// it.
    pub fn removed(&self, id: &ShardId, name: &BackupName) {
        let mut shared = self.0.lock();
        shared.forget_made(id, name);
        if shared.logs.get(id).is_some_and(|log| log.stage.is_behind(name)) {
            shared.logs.remove(id);
        }
        if let Some(removed) = shared.looking.get_mut(id) {
            removed.insert(name.clone());
        }
    }

    /// Behind which backup a shard's log is written on.
    pub fn base(&self, id: &ShardId) -> Option<BackupName> {
        match &self.0.lock().logs.get(id)?.stage {
            Stage::Kept(run) => Some(run.base.name.clone()),
            Stage::Sought | Stage::Waits => None,
        }
    }

    /// Its log has begun, or never will.
    pub(super) fn begun(&self, base: &Manifest) {
        self.0.lock().forget_made(&base.shard, &base.name);
    }

    /// Logs that are not kept on, and why: `SHARD: WHY`.
    pub fn problems(&self) -> Vec<String> {
        let shared = self.0.lock();
        let told = |(id, log): (&ShardId, &Log)| Some(format!("{id}: {}", log.why.as_ref()?));
        shared.logs.iter().filter_map(told).collect()
    }
}

impl Shared {
    fn forget_made(&mut self, id: &ShardId, name: &BackupName) {
        if let Some(backups) = self.backups.get_mut(id) {
            let made = backups.made.take();
            backups.made = made.filter(|made| made.name != *name);
        }
    }

    /// Has the shard keep what is not kept elsewhere yet, and what a log that will begin begins with. While it is not
    /// known where the log ends, that is all that it has.
    fn hold(&self, shard: &Shard) {
        let log = self.logs.get(shard.id());
        let log = log.filter(|log| log.epoch == shard.epoch());
        let ends = match log.map(|log| &log.stage) {
            Some(Stage::Kept(run)) => Some(run.end.position),
            Some(Stage::Sought) | None => Some(Position(0)),
            Some(Stage::Waits) => None,
        };
        let backups = self.backups.get(shard.id());
        let begins = backups.into_iter().flat_map(|backups| {
            let made = backups.made.as_ref().map(|made| made.origin.position);
            backups.written.into_iter().chain(made)
        });
        shard.want_log_behind(ends.into_iter().chain(begins).min());
    }
}

#[cfg(test)]
mod tests;
