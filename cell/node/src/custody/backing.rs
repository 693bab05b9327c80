//! Backups written and restored.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cell_backup::restore::{self, Wanted};
use cell_backup::{
    BackupError, BackupName, ErasedPeople, Goal, Pace, Permit, Progress, Resident, Residents, Writer,
};
use cell_law::{Part, Withheld};
use cell_layers::keys::Kek;
use cell_layers::place;
use cell_shard::{Restore, Shard};
use futures::future::BoxFuture;
use platform_model::{Epoch, ReplicaId, ShardId};
use platform_runtime::random;
use platform_wire::backup::Erased;
use platform_wire::{Refusal, RefusalCode};

use super::jobs::{Done, Failed, Job, Restored};
use super::{Custody, Sink, faults, misplaced};
use crate::directory;
use crate::hosted::Hosted;

/// What is done for a job.
pub(super) type Work = BoxFuture<'static, Result<Done, BackupError>>;

/// A shard whose newest entry is not committed by then has no majority, and is backed up later.
const COMMITTED_WITHIN: Duration = Duration::from_secs(60);

impl Custody {
    /// Begins to back up a shard that is served here.
    pub(super) fn begin_backup(&self, shard: &ShardId) -> Result<Job, Refusal> {
        let (job, work) = self.backup_of(shard)?;
        self.run(job.id, work);
        Ok(job)
    }

    /// A backup that may be made, and that whoever asks for it has made.
    pub(super) fn backup_of(&self, shard: &ShardId) -> Result<(Job, Work), Refusal> {
        let (sink, served, kek) = self.may_back_up(shard)?;
        let job = self.jobs.begin(Some(shard.clone()), String::new())?;
        let (custody, progress) = (self.clone(), Arc::clone(&job.progress));
        let work: Work = Box::pin(async move { custody.written(served, &sink, &kek, &progress).await });
        Ok((job, work))
    }

    /// What a backup of a shard begins with, if it may.
    pub(super) fn may_back_up(&self, shard: &ShardId) -> Result<(Sink, Shard, Kek), Refusal> {
        let sink = self.sink()?.clone();
        let served = served(&self.shared.hosted, shard)?;
        let kek = self.kek(shard)?;
        let table = self.shared.followed.current();
        let permitted = self.shared.law.may_back_up(&table, shard, &sink.name);
        permitted.map_err(|why| withheld(&why))?;
        Ok((sink, served, kek))
    }

    async fn written(
        &self,
        served: Shard,
        sink: &Sink,
        kek: &Kek,
        progress: &Progress,
    ) -> Result<Done, BackupError> {
        let clock = self.shared.clock.clone();
        let frozen = tokio::select! {
            frozen = served.freeze() => frozen?,
            () = clock.sleep(COMMITTED_WITHIN) => return Err(BackupError::Uncommitted),
        };
        let writer = Writer {
            world: &self.shared.world,
            kek,
            store: &sink.store,
            pace: Pace::new(clock, sink.bytes_per_second),
            permit: &|| self.permit(served.id(), sink),
        };
        let is_logged = sink.log_every.is_some() && !matches!(served.id(), ShardId::Keys { .. });
        if is_logged {
            self.logs.writing(&served, frozen.origin().position);
        }
        let written = writer.write(frozen, progress).await;
        if is_logged {
            self.logs.written(&served, written.as_ref().ok());
        }
        let manifest = written?;
        Ok(Done {
            reaches: manifest.origin,
            manifest,
            restored: None,
        })
    }

    /// What the newest law that is known here says of bytes of that shard that are about to leave.
    pub(super) fn permit(&self, shard: &ShardId, sink: &Sink) -> Permit {
        let table = self.shared.followed.current();
        if let Some(why) = misplaced(&table, sink) {
            return Permit::Denied(why);
        }
        match self.shared.law.may_back_up(&table, shard, &sink.name) {
            Ok(()) => Permit::Granted,
            Err(why) if why.waits() => Permit::Held(why.to_string()),
            Err(why) => Permit::Denied(why.to_string()),
        }
    }

    /// Begins to restore a backup on this node's disk, without who was erased.
    pub(super) async fn begin_restore(
        &self,
        name: &BackupName,
        (shard, goal): (&ShardId, Goal),
        epoch: Epoch,
    ) -> Result<Job, Refusal> {
        let sink = self.sink()?.clone();
        let kek = self.kek(shard)?;
        let shared = &self.shared;
        if shared.hosted.copy(shard).is_some() {
            let message = format!("a copy of {shard} is open on this node");
            return Err(Refusal::new(RefusalCode::Placement, message).hint("cellctl shard show"));
        }
        let table = shared.followed.current();
        let permitted = shared.law.may_open(&table, shard, Part::Primary, false);
        permitted.map_err(|why| withheld(&why))?;
        let erased = self.erased(shard).await?;
        let job = self.jobs.begin(Some(shard.clone()), name.to_string())?;
        let asked = Asked {
            sink,
            kek,
            name: name.clone(),
            shard: shard.clone(),
            goal,
            epoch,
            erased,
        };
        let (custody, progress) = (self.clone(), Arc::clone(&job.progress));
        self.run(job.id, async move { asked.run(&custody, &progress).await });
        Ok(job)
    }

    /// Takes a restored copy back, if no configuration took it.
    pub(super) async fn take_back(&self, shard: &ShardId, replica: ReplicaId) -> Result<bool, Refusal> {
        if self.shared.hosted.copy(shard).is_some() {
            return Ok(false);
        }
        self.jobs.discarded(replica);
        let disk = Arc::clone(&self.shared.disk);
        let removed = Restore::discard(disk, shard.clone(), replica).await;
        removed.map_err(|error| Refusal::new(RefusalCode::Unavailable, error.to_string()))
    }

    /// The list as the controllers have it now. Whether it is the newest still, they judge when they take the copy.
    async fn erased(&self, shard: &ShardId) -> Result<Erased, Refusal> {
        let read = self.shared.register.read_erased(shard).await;
        read.map_err(|error| {
            let message = format!("no controller tells who of {shard} was erased: {error}");
            Refusal::new(RefusalCode::Unavailable, message)
        })
    }

    /// Runs work beside the requests, when there is room.
    pub(super) fn run(
        &self,
        id: u64,
        work: impl Future<Output = Result<Done, BackupError>> + Send + 'static,
    ) {
        let custody = self.clone();
        self.shared.tasks.spawn("custody", async move {
            let _told = custody.carry_out(id, work).await;
        });
    }

    /// Does the work of a job when there is room, and notes how it ended.
    pub(super) async fn carry_out(
        &self,
        id: u64,
        work: impl Future<Output = Result<Done, BackupError>> + Send,
    ) -> Result<Done, Failed> {
        let (jobs, token) = (self.jobs.clone(), self.shared.tasks.token());
        let _running = jobs.running(id);
        let within = async {
            let _room = jobs.room.acquire().await;
            work.await
        };
        let end = match token.run_until_cancelled(within).await {
            Some(end) => end.map_err(|error| failed(&error)),
            None => Err(Failed {
                code: "stopped",
                why: "the node stopped".to_owned(),
            }),
        };
        match &end {
            Ok(done) => {
                tracing::info!(target: "audit", job = id, backup = %done.manifest.name, "custody: done")
            }
            Err(Failed { code, why }) => {
                metrics::counter!("celld_backup_failures_total", "code" => *code).increment(1);
                tracing::warn!(target: "audit", job = id, code, why, "custody: failed");
            }
        }
        self.jobs.end(id, end.clone());
        end
    }
}

/// A restore that is about to run.
struct Asked {
    sink: Sink,
    kek: Kek,
    name: BackupName,
    shard: ShardId,
    goal: Goal,
    epoch: Epoch,
    erased: Erased,
}

impl Asked {
    async fn run(self, custody: &Custody, progress: &Progress) -> Result<Done, BackupError> {
        let replica = ReplicaId(u128::from_be_bytes(random::bytes()));
        let left_out = self.erased.users.iter().copied();
        let left_out = left_out.filter(|_| !faults::forgets_who_was_erased());
        let people: ErasedPeople = left_out.collect();
        let wanted = Wanted {
            name: &self.name,
            world: &custody.shared.world,
            shard: &self.shard,
            goal: self.goal,
            node: &custody.shared.node,
            replica,
            epoch: self.epoch,
            erased: &people,
            claimant: directory::claimant,
            residents: &Registered(custody, &self.shard),
            notes: directory::notes(&self.shard, self.epoch),
        };
        let disk = Arc::clone(&custody.shared.disk);
        let restored = restore::restore(&wanted, &self.kek, &self.sink.store, disk, progress).await?;
        Ok(Done {
            manifest: restored.manifest,
            reaches: restored.end,
            restored: Some(Restored {
                replica,
                erased: self.erased.digest,
                left_out: restored.left_out,
                at_ms: custody.shared.clock.unix_ms(),
            }),
        })
    }
}

/// As the directory has them.
struct Registered<'a>(&'a Custody, &'a ShardId);

impl Residents for Registered<'_> {
    fn elsewhere(&self, people: Vec<Resident>) -> BoxFuture<'_, Result<Vec<(Bytes, Bytes)>, String>> {
        let Self(custody, shard) = self;
        let asked = async move {
            let Some(home) = shard.home() else {
                return Ok(Vec::new());
            };
            let gone = custody.shared.elsewhere.gone_from(home, people).await?;
            for (user, standing) in &gone {
                let place = &standing.place;
                tracing::warn!(target: "audit", %shard, %user, ?place, "somebody of a backup lives elsewhere by now: he is not served where it is restored");
            }
            Ok(gone
                .iter()
                .map(|(user, standing)| place::row_of(*user, standing))
                .collect())
        };
        Box::pin(asked)
    }
}

/// The shard, if it is served here.
pub(super) fn served(hosted: &Hosted, shard: &ShardId) -> Result<Shard, Refusal> {
    hosted.get(shard).ok_or_else(|| {
        let message = format!("{shard} is not served by this node");
        Refusal::new(RefusalCode::Moved, message).hint("cellctl shard show")
    })
}

fn withheld(why: &Withheld) -> Refusal {
    let code = if why.waits() {
        RefusalCode::Unavailable
    } else {
        RefusalCode::LawForbids
    };
    Refusal::new(code, why.to_string()).hint("cellctl policy why-not")
}

fn failed(error: &BackupError) -> Failed {
    Failed {
        code: error.code(),
        why: told(error),
    }
}

/// With all its causes.
pub(super) fn told(error: &BackupError) -> String {
    let mut why = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        why = format!("{why}: {next}");
        cause = next.source();
    }
    why
}
