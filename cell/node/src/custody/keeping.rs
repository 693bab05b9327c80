//! The logs of the shards that this node serves, kept behind their newest backups: every few seconds, sooner when much
//! is written, what is committed and not kept yet goes to the backup store. Nobody asks for it; the settings say how
//! often.
//!
//! A backup that is made here begins a new log, once the log before it has come to where it begins: no time lies
//! between the two. Whoever comes to serve a shard looks in the store where its log ends. A log that cannot be kept on
//! is told, and waits for the next backup of the shard. Of key shards there is none ([`cell_backup::log`]).

mod logs;

use std::time::Duration;

use cell_backup::{BackupError, Kept, Manifest, Pace, Permit, Run, Writer};
use cell_shard::Shard;
use futures::stream::{self, StreamExt as _};
use platform_model::ShardId;

use super::{Custody, Sink};
use logs::Stage;

pub(super) use logs::Logs;

/// How often it is looked whether much was written.
const LOOK: Duration = Duration::from_secs(1);
/// Segments of one shard before others have their turn.
const SEGMENTS_AT_ONCE: usize = 16;
/// Shards whose logs are written at once: each has a segment in memory.
const SHARDS_AT_ONCE: usize = 4;

impl Custody {
    /// Until it is dropped; at once, where the settings want no logs.
    pub(super) async fn keep_logs_on(&self) {
        let Some(sink) = self.shared.sink.as_ref().filter(|sink| sink.log_every.is_some()) else {
            return;
        };
        loop {
            self.shared.clock.sleep(LOOK).await;
            self.keep_logs(sink).await;
        }
    }

    /// One look at every shard that is served here.
    pub(super) async fn keep_logs(&self, sink: &Sink) {
        let mut served = self.shared.hosted.served();
        served.retain(|shard| !matches!(shard.id(), ShardId::Keys { .. }));
        self.logs.retain(&served);
        let each = stream::iter(served);
        each.for_each_concurrent(SHARDS_AT_ONCE, |shard| async move {
            self.keep_log_of(&shard, sink).await
        })
        .await;
        let unkept = u32::try_from(self.logs.problems().len()).unwrap_or(u32::MAX);
        metrics::gauge!("celld_log_unkept").set(f64::from(unkept));
    }

    async fn keep_log_of(&self, shard: &Shard, sink: &Sink) {
        let (clock, every) = (&self.shared.clock, sink.log_every.unwrap_or_default());
        let (mut log, made) = self.logs.of(shard);
        if made.is_none() && !log.is_due(clock.monotonic(), shard.status().committed) {
            return;
        }
        let kept = self.kept_on(shard, sink, &mut log.stage, made.as_ref()).await;
        let why = kept.err().map(|error| super::backing::told(&error));
        if let Some(why) = why.as_ref().filter(|why| log.why.as_ref() != Some(*why)) {
            tracing::warn!(target: "audit", shard = %shard.id(), why, "the log behind its backup is not kept on");
        }
        log.why = why;
        log.next = clock.monotonic() + every;
        self.logs.put(shard, log);
    }

    /// As far as there is something, and the law lets it lie there.
    async fn kept_on(
        &self,
        shard: &Shard,
        sink: &Sink,
        stage: &mut Stage,
        made: Option<&Manifest>,
    ) -> Result<(), BackupError> {
        if let Permit::Held(why) | Permit::Denied(why) = self.permit(shard.id(), sink) {
            return Err(BackupError::Withheld(why));
        }
        let kek = self.kek(shard.id());
        let kek = kek.map_err(|refusal| BackupError::NoKey(refusal.message))?;
        let writer = Writer {
            world: &self.shared.world,
            kek: &kek,
            store: &sink.store,
            pace: Pace::new(self.shared.clock.clone(), sink.bytes_per_second),
            permit: &|| self.permit(shard.id(), sink),
        };
        let kept = self.go_on(shard, stage, writer).await;
        let is_over = kept.as_ref().is_err_and(is_end);
        if is_over {
            metrics::counter!("celld_log_gaps_total").increment(1);
        }
        let newer = made.filter(|base| stage.is_behind_older(base));
        if let Some(base) = newer.filter(|base| is_over || stage.has_come_to(base)) {
            if let Err(error) = &kept {
                let why = super::backing::told(error);
                tracing::warn!(target: "audit", shard = %shard.id(), why, "a log ends before the next backup");
            }
            *stage = Stage::Kept(Box::new(Run::begin(base.clone())?));
            self.logs.begun(base);
            return Ok(());
        }
        if let Some(base) = made.filter(|_| newer.is_none()) {
            self.logs.begun(base);
        }
        if is_over {
            *stage = Stage::Waits;
        }
        kept
    }

    /// Looks where the log ends, if that is not known, and writes on from there.
    async fn go_on(
        &self,
        shard: &Shard,
        stage: &mut Stage,
        mut writer: Writer<'_>,
    ) -> Result<(), BackupError> {
        if matches!(stage, Stage::Sought) {
            let found = Run::seek(writer.store, writer.kek, writer.world, shard).await?;
            *stage = found.map_or(Stage::Waits, |run| Stage::Kept(Box::new(run)));
        }
        let Stage::Kept(run) = stage else {
            return Ok(());
        };
        for _ in 0..SEGMENTS_AT_ONCE {
            // What is put there now would stay behind.
            if self.jobs.is_removing(run.base.name.as_str()) {
                return Ok(());
            }
            match writer.keep_log(shard, run).await? {
                Kept::Entries(_) => metrics::counter!("celld_log_segments_total").increment(1),
                Kept::Nothing => return Ok(()),
                // By another node, or by this one, whose answer was lost. It stays the same log: of a newer backup of
                // this term it would be known here, and this one has to come to where that begins.
                Kept::Taken => {
                    **run = Run::of(writer.store, writer.kek, run.base.clone()).await?;
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Whether that log is never kept on.
fn is_end(error: &BackupError) -> bool {
    error.is_damage() || matches!(error, BackupError::Gap { .. } | BackupError::LogFull(_))
}
