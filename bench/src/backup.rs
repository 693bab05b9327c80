//! Backups: how fast a shard on the embedded engine is written to a folder, and what that costs the writes beside it.
//!
//! One process, one disk. The foreground is an open loop at a fixed rate, timed from when each write was due; it runs
//! alone and beside backups in turn, so that a drift of the machine falls on both.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use cell_backup::{BackupStore, Pace, Permit, Progress, Writer, pace};
use cell_layers::keys::Kek;
use cell_shard::{Mode, Ownership, Request, Scope, Shard, ShardLimits, Tx, TxError};
use cell_store::Store;
use cell_store::embedded::{Embedded, EmbeddedOptions};
use platform_model::{Actor, Epoch, RequestId, RootRef, UserId, WorldId};
use platform_report::{Document, Figure};
use platform_runtime::{Clock, TaskGroup, random};
use serde_json::Value;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::output;
use crate::statistics::{Spread, millis};
use crate::versions;

/// What the foreground's p99 may be beside a backup, in those of an idle machine.
const P99_RATIO_MOST: f64 = 1.25;
const VALUE_BYTES: usize = 8 << 10;
/// Rows of one transaction while the shard is filled.
const ROWS_AT_ONCE: usize = 64;
const DEADLINE: Duration = Duration::from_secs(30);
const SHUTDOWN: Duration = Duration::from_secs(10);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// What the shard holds.
    pub mib: usize,
    /// Idle and beside a backup, in turn.
    pub pairs: usize,
    pub phase: Duration,
    /// Foreground writes in a second.
    pub rate: u32,
}

impl Plan {
    pub fn full() -> Self {
        Self {
            mib: 256,
            pairs: 5,
            phase: Duration::from_secs(8),
            rate: 100,
        }
    }

    pub fn quick() -> Self {
        Self {
            mib: 8,
            pairs: 1,
            phase: Duration::from_secs(2),
            rate: 100,
        }
    }
}

/// # Errors
/// The shard or the folder fails.
pub fn run(plan: Plan, dir: &Path) -> Result<Document> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let engine = Embedded::open(&dir.join("data"), EmbeddedOptions::default())?;
    let tasks = TaskGroup::new();
    let measured = runtime.block_on(async {
        let scene = Scene::open(&engine, &tasks, dir).await?;
        let measured = scene.measure(plan).await;
        scene.shard.close().await;
        tasks.shutdown(SHUTDOWN).await;
        measured
    })?;
    document(plan, &measured)
}

struct Scene {
    shard: Shard,
    store: BackupStore,
    kek: Kek,
    world: WorldId,
    clock: Clock,
}

#[derive(Default)]
struct Measured {
    alone_mib_per_s: Vec<f64>,
    beside_mib_per_s: Vec<f64>,
    idle_p99_ms: Vec<f64>,
    beside_p99_ms: Vec<f64>,
}

impl Scene {
    async fn open(engine: &Arc<Embedded>, tasks: &TaskGroup, dir: &Path) -> Result<Self> {
        let ownership = Ownership {
            shard: "eu/eu-central/000".parse()?,
            node: "eu-central-1/0".parse()?,
            epoch: Epoch(1),
        };
        let (clock, store) = (Clock::system(), Arc::<Embedded>::clone(engine) as Arc<dyn Store>);
        let shard = Shard::open(store, ownership, clock.clone(), tasks, ShardLimits::default()).await;
        Ok(Self {
            shard: shard.context("the shard does not open")?,
            store: BackupStore::folder(&dir.join("backups"))?,
            kek: Kek::from_bytes(random::bytes()),
            world: "a".repeat(64).parse()?,
            clock,
        })
    }

    async fn measure(&self, plan: Plan) -> Result<Measured> {
        output::progress(&format!("backup: a shard of {} MiB is filled", plan.mib));
        for _ in 0..(plan.mib << 20) / (ROWS_AT_ONCE * VALUE_BYTES) {
            put(&self.shard, ROWS_AT_ONCE, VALUE_BYTES).await?;
        }
        let mut measured = Measured::default();
        for pair in 1..=plan.pairs {
            output::progress(&format!("backup: pair {pair} of {}", plan.pairs));
            measured.alone_mib_per_s.push(self.back_up(0).await?);
            let foreground = foreground(self.shard.clone(), self.clock.clone(), plan);
            measured.idle_p99_ms.push(foreground.await?);
            let over = Arc::new(AtomicBool::new(false));
            let beside = async {
                let p99 = foreground_of(self, plan).await;
                over.store(true, Ordering::Release);
                p99
            };
            let (p99, rates) = tokio::join!(beside, self.back_up_until(&over));
            measured.beside_p99_ms.push(p99?);
            measured.beside_mib_per_s.extend(rates?);
        }
        Ok(measured)
    }

    /// One after the other, until the foreground is over; the last one is whole.
    async fn back_up_until(&self, over: &AtomicBool) -> Result<Vec<f64>> {
        let mut rates = Vec::new();
        while !over.load(Ordering::Acquire) {
            rates.push(self.back_up(pace::BYTES_PER_SECOND).await?);
        }
        Ok(rates)
    }

    /// MiB a second of one backup, held back to so many bytes a second (0: not at all), which is then removed.
    #[expect(clippy::cast_precision_loss, reason = "bytes of a shard are far below 2^53")]
    async fn back_up(&self, bytes_per_second: u64) -> Result<f64> {
        let (progress, began) = (Progress::default(), self.clock.monotonic());
        let frozen = self.shard.freeze().await?;
        let writer = Writer {
            world: &self.world,
            kek: &self.kek,
            store: &self.store,
            pace: Pace::new(self.clock.clone(), bytes_per_second),
            permit: &|| Permit::Granted,
        };
        let manifest = writer.write(frozen, &progress).await?;
        let took = self.clock.monotonic().saturating_sub(began);
        ensure!(
            manifest.bytes > 0 && manifest.bytes == progress.bytes(),
            "{manifest:?}"
        );
        self.store.remove(&manifest.name).await?;
        Ok(manifest.bytes as f64 / f64::from(1 << 20) / took.as_secs_f64())
    }
}

async fn foreground_of(scene: &Scene, plan: Plan) -> Result<f64> {
    foreground(scene.shard.clone(), scene.clock.clone(), plan).await
}

/// The p99 of writes at a fixed rate, in milliseconds from when each was due.
async fn foreground(shard: Shard, clock: Clock, plan: Plan) -> Result<f64> {
    let pause = Duration::from_secs(1) / plan.rate;
    let (mut writes, began) = (JoinSet::new(), clock.monotonic());
    let mut due = began;
    while due < began + plan.phase {
        clock.sleep(due.saturating_sub(clock.monotonic())).await;
        let (shard, clock) = (shard.clone(), clock.clone());
        writes.spawn(async move {
            put(&shard, 1, 1 << 10).await?;
            Ok::<_, anyhow::Error>(millis(clock.monotonic().saturating_sub(due)))
        });
        due += pause;
    }
    let mut latencies = Vec::new();
    while let Some(latency) = writes.join_next().await {
        latencies.push(latency??);
    }
    Ok(Spread::quantile(&latencies, 0.99))
}

/// Rows of a person of its own, of bytes that do not pack.
async fn put(shard: &Shard, rows: usize, bytes: usize) -> Result<()> {
    let request = Request {
        actor: Actor::Service("bench".to_owned()),
        domain: "bench",
        request_id: RequestId::from_uuid(random::uuid_v7()),
        mode: Mode::Sync,
        scope: Scope::Root(RootRef::user(UserId::from_uuid(
            Uuid::from_bytes(random::bytes()),
        ))),
        not_older_than: None,
        deadline: DEADLINE,
    };
    let values: Vec<Bytes> = (0..rows).map(|_| value(bytes)).collect();
    let write = |tx: Tx| {
        let values = values.clone();
        async move {
            for (row, value) in values.into_iter().enumerate() {
                tx.put(format!("row {row:04}"), value)?;
            }
            Ok::<_, TxError>(())
        }
    };
    let answer = shard.write(&request, write).await;
    answer
        .map(drop)
        .map_err(|error| anyhow!("a write was not taken: {error}"))
}

fn value(bytes: usize) -> Bytes {
    let block: [u8; 64] = random::bytes();
    Bytes::from(block.repeat(bytes / block.len()))
}

fn document(plan: Plan, measured: &Measured) -> Result<Document> {
    let of = |values: &[f64]| Spread::of(values.iter().copied());
    let (idle, beside) = (of(&measured.idle_p99_ms), of(&measured.beside_p99_ms));
    let pairs = measured.beside_p99_ms.iter().zip(&measured.idle_p99_ms);
    let ratio = Spread::of(pairs.map(|(beside, idle)| beside / idle));
    let (alone, loaded) = (of(&measured.alone_mib_per_s), of(&measured.beside_mib_per_s));
    let mut document = Document::new("backup");
    document.figures = vec![
        Figure::info("backup-mib-per-s", alone.median, "MiB/s"),
        Figure::info("backup-beside-writes-mib-per-s", loaded.median, "MiB/s"),
        Figure::info("foreground-idle-p99-ms", idle.median, "ms"),
        Figure::info("foreground-backup-p99-ms", beside.median, "ms"),
        Figure::at_most("foreground-p99-ratio", ratio.median, "times idle", P99_RATIO_MOST),
    ];
    let rows = vec![
        alone.row("backup-mib-per-s"),
        loaded.row("backup-beside-writes-mib-per-s"),
        idle.row("foreground-idle-p99-ms"),
        beside.row("foreground-backup-p99-ms"),
        ratio.row("foreground-p99-ratio"),
    ];
    document
        .tables
        .insert("backup-spread".to_owned(), Value::Array(rows));
    document.versions = versions::versions(&["fjall", "object_store"])?;
    document.notes.push(format!(
        "one process, one disk: a shard of {} MiB on the embedded engine to a folder; {} writes of 1 KiB a second, timed from \
         when each was due; {} pairs of {:?}",
        plan.mib, plan.rate, plan.pairs, plan.phase
    ));
    document.notes.extend(versions::profile_note());
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_is_there_and_is_something() {
        let dir = tempfile::tempdir().expect("a folder");
        let plan = Plan {
            mib: 1,
            pairs: 1,
            phase: Duration::from_millis(200),
            rate: 50,
        };
        let document = run(plan, dir.path()).expect("measured");
        assert_eq!(document.figures.len(), 5);
        assert!(
            document.figures.iter().all(|figure| figure.value > 0.0),
            "{document}"
        );
    }
}
