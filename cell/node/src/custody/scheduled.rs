//! Backups that keep themselves: of every shard that is served here one is made as often as the settings say, read
//! back, and those that it takes the place of are removed; what was never finished is removed a day later. What is to
//! be done next is decided by [`cell_backup::retention`], one step at a time, one job at a time.
//!
//! It goes the way of what an operator asks for: the law is asked, and each step is on record before it is begun.
//! Without a controller nothing is made, and nothing removed; what failed is tried again, soon at first, then no more
//! often than the rest is looked at.
//!
//! Only backups of this world are touched, of shards that are served here, in this node's own store. What lies in the
//! store of a node that served a shard before is told by `cellctl doctor`, and removed by people.

mod memory;

use std::collections::BTreeMap;
use std::time::Duration;

use cell_backup::retention::{Kept, Proof, Rules, Standing, Step};
use cell_backup::store::Found;
use cell_backup::{BackupError, BackupName, Manifest, Pace, read};
use cell_shard::Shard;
use platform_model::{EpochPosition, ShardId};
use platform_runtime::random;
use platform_runtime::retry::Policy;
use platform_wire::{Refusal, RefusalCode, pb};

use super::jobs::{Done, Failed};
use super::{Custody, Sink};
use memory::{Learnt, kept_of, told};

pub(super) use memory::Memory;

/// The longest time between two looks at what is to be done; half of it is the shortest.
const EVERY: Duration = Duration::from_secs(1_800);
/// After what failed.
const AGAIN: Policy = Policy {
    attempts: u32::MAX,
    base: Duration::from_secs(60),
    cap: EVERY,
    within: Duration::MAX,
};
/// Steps of one shard in one look.
const STEPS_MAX: usize = 32;
/// What has no manifest by then is not being written any more.
pub(super) const UNFINISHED_MS: u64 = 24 * 3_600_000;

impl Custody {
    /// Keeps backups until the node ends, if the settings say so.
    pub(super) async fn keep_on(&self) {
        let rules = self.shared.sink.as_ref().and_then(|sink| sink.rules);
        let Some(rules) = rules else { return };
        let (mut memory, mut failures) = (Memory::default(), 0_u32);
        loop {
            self.shared.clock.sleep(pause(failures)).await;
            let well = self.keep(&rules, &mut memory).await;
            failures = if well { 0 } else { failures.saturating_add(1) };
        }
    }

    /// Does what is to be done for every shard that is served here. False: something failed.
    pub(super) async fn keep(&self, rules: &Rules, memory: &mut Memory) -> bool {
        let mut served = self.shared.hosted.served();
        // Keys last: a key that is older than what it opens would lack people.
        served.sort_by_key(|shard| matches!(shard.id(), ShardId::Keys { .. }));
        let learnt = self.learn(&served, memory).await;
        self.tell(rules, &served, memory);
        let mut well = noted("store", &learnt);
        let Ok(learnt) = learnt else { return well };
        for found in learnt.unfinished {
            let cleared = self.clear_unfinished(&found).await;
            well &= noted(found.name.as_str(), &cleared.map_err(Failed::from));
        }
        well &= learnt.untold.is_empty();
        for shard in &served {
            if learnt.untold.contains(shard.id()) {
                continue;
            }
            let kept = self.keep_one(rules, shard, memory).await;
            well &= noted(&shard.id().to_string(), &kept);
        }
        self.tell(rules, &served, memory);
        well
    }

    /// Looks what lies in the store of those shards.
    async fn learn(&self, served: &[Shard], memory: &mut Memory) -> Result<Learnt, Failed> {
        let sink = self.sink()?;
        let is_served = |id: &ShardId| served.iter().any(|shard| shard.id() == id);
        let ours = |name: &BackupName| name.shard().is_ok_and(|id| is_served(&id));
        let looked = sink.store.look(ours).await.map_err(|error| unavailable(&error))?;
        if looked.more {
            let message = "the store holds more backups than can be told apart: none is made or removed";
            return Err(Refusal::new(RefusalCode::Limit, message).into());
        }
        let (mut known, mut learnt) = (BTreeMap::<ShardId, Vec<Kept>>::new(), Learnt::default());
        for found in looked.folders {
            let Ok(shard) = found.name.shard() else { continue };
            if !found.whole {
                learnt.unfinished.push(found);
                continue;
            }
            if let Some(kept) = memory.of(&shard, &found.name) {
                known.entry(shard).or_default().push(kept.clone());
                continue;
            }
            let opened = self.opened(sink, &found.name, &shard).await.map_err(Failed::from);
            noted(found.name.as_str(), &opened);
            match opened {
                Ok(open) => known.entry(shard).or_default().extend(open.as_ref().map(kept_of)),
                // Of one shard: the others are kept.
                Err(_) => {
                    learnt.untold.insert(shard);
                }
            }
        }
        memory.known = known;
        Ok(learnt)
    }

    /// What a backup says of itself; nothing if it is none of this world's.
    pub(super) async fn opened(
        &self,
        sink: &Sink,
        name: &BackupName,
        shard: &ShardId,
    ) -> Result<Option<Manifest>, Refusal> {
        let kek = self.kek(shard)?;
        match read::manifest(&sink.store, name, &kek).await {
            Ok(open) => Ok(Some(open).filter(|open| open.shard == *shard && open.world == self.shared.world)),
            // Of what cannot be told now it is not said that it is not there.
            Err(error @ BackupError::Store(_)) => Err(unavailable(&error)),
            Err(_) => Ok(None),
        }
    }

    async fn keep_one(&self, rules: &Rules, shard: &Shard, memory: &mut Memory) -> Result<(), Failed> {
        let id = shard.id();
        for _ in 0..STEPS_MAX {
            // Somebody else has something done with it.
            if self.jobs.is_busy(id) {
                return Ok(());
            }
            let replaceable = self.replaceable(id, memory);
            let step = rules.next(&Standing {
                backups: &replaceable,
                ..self.standing(shard, memory)
            });
            match step {
                Step::Nothing => return Ok(()),
                Step::Make => self.make(rules, id, memory).await?,
                Step::Read(name) => {
                    self.note_own(id, "verify-backup", &format!("{name}: others wait to be removed"))
                        .await?;
                    self.read_back(id, &name, memory).await?;
                }
                Step::Remove { name, instead } => self.remove_replaced(id, &name, &instead, memory).await?,
            }
        }
        Ok(())
    }

    /// Backups of which others may take the place: all, but for an older one behind which the log is still written on. That
    /// one reaches further than they do, until the log of a newer one has begun.
    fn replaceable(&self, id: &ShardId, memory: &Memory) -> Vec<Kept> {
        let known = memory.known.get(id).map(Vec::as_slice).unwrap_or_default();
        let newest = known.iter().map(|kept| kept.at).max();
        let base = self.logs.base(id);
        let stays = |kept: &Kept| base.as_ref() == Some(&kept.name) && Some(kept.at) < newest;
        known.iter().filter(|kept| !stays(kept)).cloned().collect()
    }

    fn standing<'a>(&self, shard: &Shard, memory: &'a Memory) -> Standing<'a> {
        let now = self.shared.clock.monotonic();
        let made = memory.made.get(shard.id());
        Standing {
            keys: matches!(shard.id(), ShardId::Keys { .. }),
            at: EpochPosition {
                epoch: shard.epoch(),
                position: shard.status().committed,
            },
            now_ms: self.shared.clock.unix_ms(),
            made_ago: made.map(|made| now.saturating_sub(*made)),
            backups: memory
                .known
                .get(shard.id())
                .map(Vec::as_slice)
                .unwrap_or_default(),
        }
    }

    /// Makes one, and reads it back.
    async fn make(&self, rules: &Rules, id: &ShardId, memory: &mut Memory) -> Result<(), Failed> {
        // What is refused anyway is not put on record over and over.
        self.may_back_up(id).map(drop)?;
        let hours = rules.every.as_secs() / 3_600;
        self.note_own(id, "back-up", &format!("on schedule: every {hours} h"))
            .await?;
        let (job, work) = self.backup_of(id)?;
        let done = self.carry_out(job.id, work).await?;
        memory.made.insert(id.clone(), self.shared.clock.monotonic());
        let kept = kept_of(&done.manifest);
        let name = kept.name.clone();
        memory.known.entry(id.clone()).or_default().push(kept);
        count("made");
        self.read_back(id, &name, memory).await
    }

    async fn read_back(&self, id: &ShardId, name: &BackupName, memory: &mut Memory) -> Result<(), Failed> {
        let (sink, kek) = (self.sink()?.clone(), self.kek(id)?);
        let pace = Pace::new(self.shared.clock.clone(), sink.bytes_per_second);
        let job = self.jobs.begin(None, name.to_string())?;
        let mut proof = Proof::Unread;
        let work = async {
            let read = read::verify_slowly(&sink.store, name, &kek, pace, &job.progress).await;
            proof = match &read {
                Ok(_) => Proof::Good,
                Err(error) if error.is_damage() => Proof::Damaged,
                Err(_) => Proof::Unread,
            };
            let manifest = read?;
            Ok::<_, BackupError>(Done {
                reaches: manifest.origin,
                manifest,
                restored: None,
            })
        };
        let end = self.carry_out(job.id, work).await;
        memory.prove(id, name, proof);
        end.map(drop)
    }

    /// Removes one of which another, that was read back, takes the place.
    async fn remove_replaced(
        &self,
        id: &ShardId,
        name: &BackupName,
        instead: &BackupName,
        memory: &mut Memory,
    ) -> Result<(), Refusal> {
        let sink = self.sink()?;
        let _alone = self.removing.lock().await;
        if self.opened(sink, instead, id).await?.is_none() {
            let message = format!("{instead} is not there any more: nothing is removed in its favour");
            return Err(Refusal::new(RefusalCode::Placement, message));
        }
        let why = format!("on schedule: {instead} takes the place of {name}");
        self.remove_own(sink, id, name, &why).await?;
        memory.forget(id, name);
        Ok(())
    }

    /// Removes what was never finished, if nobody can be at it any more.
    async fn clear_unfinished(&self, found: &Found) -> Result<(), Refusal> {
        let (sink, id) = (self.sink()?, found.name.shard().map_err(Refusal::invalid)?);
        let age_ms = self.shared.clock.unix_ms().saturating_sub(found.written_ms);
        if age_ms < UNFINISHED_MS || self.jobs.is_busy(&id) {
            return Ok(());
        }
        let _alone = self.removing.lock().await;
        let kek = self.kek(&id)?;
        let still = read::manifest(&sink.store, &found.name, &kek).await;
        if !matches!(still, Err(BackupError::NoSuchBackup(_))) {
            return Ok(());
        }
        let why = format!("on schedule: {} was never finished", found.name);
        self.remove_own(sink, &id, &found.name, &why).await
    }

    /// On record first. What broke off is unfinished from then on, and goes as that.
    async fn remove_own(
        &self,
        sink: &Sink,
        id: &ShardId,
        name: &BackupName,
        why: &str,
    ) -> Result<(), Refusal> {
        let _unread = self.jobs.remove(name.as_str())?;
        self.note_own(id, "remove-backup", why).await?;
        let removed = sink.store.remove(name).await;
        self.logs.removed(id, name);
        removed.map_err(|error| unavailable(&error))?;
        count("removed");
        Ok(())
    }

    async fn note_own(&self, id: &ShardId, work: &'static str, why: &str) -> Result<(), Refusal> {
        let by = format!("node {}", self.shared.node);
        self.note(id, work, (&by, why)).await.map(drop)
    }

    /// What operators raise an alarm by.
    fn tell(&self, rules: &Rules, served: &[Shard], memory: &Memory) {
        let standings = served.iter().map(|shard| self.standing(shard, memory));
        let standings: Vec<Standing<'_>> = standings.collect();
        let overdue = standings.iter().filter(|shard| rules.is_overdue(shard)).count();
        let overdue = u32::try_from(overdue).unwrap_or(u32::MAX);
        let oldest = standings.iter().filter_map(|shard| rules.age(shard)).max();
        metrics::gauge!("celld_backups_overdue").set(f64::from(overdue));
        metrics::gauge!("celld_backup_age_seconds_max").set(oldest.unwrap_or_default().as_secs_f64());
    }

    /// What is served here, and backed up by itself, of which the newest of those backups is missing or too old.
    pub(super) fn overdue(&self, rules: &Rules, backups: &[pb::Backup]) -> Vec<ShardId> {
        let mut memory = Memory::default();
        for (shard, kept) in backups.iter().filter_map(told) {
            memory.known.entry(shard).or_default().push(kept);
        }
        let served = self.shared.hosted.served().into_iter();
        let late = served.filter(|shard| rules.is_overdue(&self.standing(shard, &memory)));
        late.map(|shard| shard.id().clone()).collect()
    }
}

/// Between two looks. Spread, so that the nodes of a world do not come all at once.
fn pause(failures: u32) -> Duration {
    let bound = if failures == 0 {
        EVERY
    } else {
        AGAIN.bound(failures)
    };
    let half = bound / 2;
    half + Duration::from_secs(random::below(half.as_secs() + 1))
}

/// Whether it went well; if not, that is told.
fn noted<T>(of: &str, done: &Result<T, Failed>) -> bool {
    if let Err(Failed { code, why }) = done {
        metrics::counter!("celld_backup_keeping_failures_total", "code" => *code).increment(1);
        tracing::warn!(target: "audit", of, code, why, "backups are not kept as the settings say; it is tried again");
    }
    done.is_ok()
}

fn count(what: &'static str) {
    metrics::counter!("celld_backups_kept_total", "what" => what).increment(1);
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.code.as_str(),
            why: refusal.message,
        }
    }
}

pub(super) fn unavailable(error: &BackupError) -> Refusal {
    Refusal::new(RefusalCode::Unavailable, super::backing::told(error))
}
