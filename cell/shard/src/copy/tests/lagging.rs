//! Async writes do not run away from a standby whose disk stands still; nor is what it lacks kept elsewhere, nor trimmed before
//! it was.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use cell_store::memory::Memory;
use cell_store::{CommitError, Fence, Limits, Snapshot, Store, StoreError, WriteBatch};
use platform_model::Position;
use platform_model::replica_set::ASYNC_LAG_MICROS;
use tokio::sync::watch;

use super::world::{World, try_write, write};
use crate::copy::Planted;
use crate::{LogError, Mode, Origin, Shard, ShardLimits, WriteError};

const SHORT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(5);

/// A disk that makes nothing durable while it stands still.
struct Still {
    inner: Arc<Memory>,
    stands: watch::Sender<bool>,
}

#[async_trait]
impl Store for Still {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.inner.snapshot().await
    }

    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        // The sender lives as long as this.
        let _ = self.stands.subscribe().wait_for(|stands| !stands).await;
        self.inner.commit(batch, fences).await
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}

impl Still {
    /// Stands still, or goes on; nobody leaves the standby out meanwhile.
    fn stand(&self, world: &World, still: bool) {
        world.ctl.silent.store(true, Ordering::Relaxed);
        self.stands.send_replace(still);
        world.ctl.silent.store(still, Ordering::Relaxed);
    }
}

/// A shard with a row, and a standby in sync on such a disk.
async fn with_a_slow_standby() -> (Arc<World>, Arc<Still>) {
    let world = World::begin().await;
    let disk = Arc::new(Still {
        inner: Memory::new(),
        stands: watch::Sender::new(false),
    });
    world.add_standby_on(1, Arc::<Still>::clone(&disk)).await;
    write(&world, "a", "1", Mode::Sync).await;
    (world, disk)
}

/// A shard with a row, whose log keeps few entries unless somebody wants more.
async fn keeping(log_entries_kept: usize, log_bytes_kept: usize) -> Arc<World> {
    let limits = ShardLimits {
        log_entries_kept,
        log_step_entries: 4,
        log_bytes_kept,
        ..ShardLimits::default()
    };
    let world = World::begin_with(Planted::default(), limits, Memory::new()).await;
    write(&world, "a", "0", Mode::Sync).await;
    world
}

async fn write_rows(world: &World, rows: u32) {
    for n in 0..rows {
        write(world, "a", &n.to_string(), Mode::Sync).await;
    }
}

/// How many entries behind `base` are kept; none: some of them are gone.
async fn kept_behind(shard: &Shard, base: &Origin) -> Option<usize> {
    match shard.tail(base, 1_000, 1 << 20).await {
        Ok(kept) => Some(kept.len()),
        Err(LogError::Trimmed { .. }) => None,
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_async_write_waits_once_an_older_one_has_waited_for_its_standby_too_long() {
    let (world, disk) = with_a_slow_standby().await;
    let shard = world.serving().await;
    // It speaks, and promises.
    disk.stand(&world, true);
    // Answered or not: it is in the log, and its standby lacks it.
    let _ = try_write(&shard, "a", "2", Mode::Async, LONG).await;
    let begun = world.clock.monotonic();
    let bound = Duration::from_micros(ASYNC_LAG_MICROS);
    world
        .until("it is older than the bound", || {
            world.clock.monotonic() - begun > bound
        })
        .await;
    let told = try_write(&shard, "a", "3", Mode::Async, SHORT).await.map(|_| ());
    assert!(
        matches!(told, Err(WriteError::Timeout | WriteError::Unknown)),
        "{told:?}"
    );
    disk.stand(&world, false);
    write(&world, "a", "4", Mode::Async).await;
}

/// The planted omission: what is durable at the primary alone is kept elsewhere, and cut off by a failover.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_is_not_committed_is_given_to_nobody_who_keeps_the_log() {
    let (world, disk) = with_a_slow_standby().await;
    let shard = world.serving().await;
    let base = shard.freeze().await.expect("committed").origin();
    disk.stand(&world, true);
    // Nobody is told that it is written; it is in the primary's log.
    let waits = try_write(&shard, "a", "2", Mode::Sync, SHORT).await;
    assert!(waits.is_err(), "{waits:?}");
    let last = || world.copy(0).report().expect("it has a name").last;
    world
        .until("it is durable at the primary", || last() > base.position)
        .await;
    assert_eq!(shard.tail(&base, 100, 1 << 20).await, Ok(Vec::new()));
    disk.stand(&world, false);
    world
        .until("it is committed", || shard.status().committed > base.position)
        .await;
    let kept = shard.tail(&base, 100, 1 << 20).await.expect("kept");
    assert_eq!(
        kept.first().expect("the write").entry.position,
        base.position.next()
    );
}

/// The planted omission: the log goes at its usual bound, and what somebody was about to keep elsewhere is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_wants_of_the_log_is_kept_up_to_a_bound() {
    let world = keeping(20, ShardLimits::default().log_bytes_kept).await;
    let shard = world.serving().await;
    let base = shard.freeze().await.expect("committed").origin();
    shard.want_log_behind(Some(base.position));
    write_rows(&world, 50).await;
    let kept = kept_behind(&shard, &base).await;
    assert!(kept >= Some(50), "{kept:?}");
    write_rows(&world, 100).await;
    assert_eq!(kept_behind(&shard, &base).await, None, "past the bound");
    let base = shard.freeze().await.expect("committed").origin();
    shard.want_log_behind(None);
    write_rows(&world, 50).await;
    assert_eq!(kept_behind(&shard, &base).await, None, "nobody wants it");
}

/// The planted omission: a term begins as if nobody kept the log elsewhere, and trims what he has not taken yet before
/// he is heard.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_term_that_begins_keeps_the_log_for_whoever_keeps_it_elsewhere() {
    let world = keeping(20, ShardLimits::default().log_bytes_kept).await;
    assert_eq!(world.serving().await.log_wanted_behind(), None);
    world.log_kept_elsewhere.store(true, Ordering::Relaxed);
    world.kill(0).await;
    world.start(0).await;
    let shard = world.serving().await;
    assert_eq!(shard.log_wanted_behind(), Some(Position(0)));
    let base = shard.freeze().await.expect("committed").origin();
    write_rows(&world, 50).await;
    let kept = kept_behind(&shard, &base).await;
    assert!(kept >= Some(50), "nobody said otherwise: {kept:?}");
    write_rows(&world, 100).await;
    assert_eq!(kept_behind(&shard, &base).await, None, "past the bound");
}

/// So many rows of 2 kB are written to a log of which somebody wants everything: how many entries that made, and
/// whether all since the `from`th row are still kept.
async fn held(log_entries_kept: usize, log_bytes_kept: usize, rows: u64, from: u64) -> (u64, bool) {
    let world = keeping(log_entries_kept, log_bytes_kept).await;
    let shard = world.serving().await;
    let first = shard.freeze().await.expect("committed").origin();
    shard.want_log_behind(Some(first.position));
    let mut base = first;
    for n in 0..rows {
        if n == from {
            base = shard.freeze().await.expect("committed").origin();
        }
        let row = format!("{n:02000}");
        write(&world, "a", &row, Mode::Sync).await;
    }
    assert_eq!(kept_behind(&shard, &first).await, None, "past the bound");
    let kept = kept_behind(&shard, &base).await.is_some();
    (shard.status().committed.0 - first.position.0, kept)
}

/// The planted omission: each trim makes room for itself alone, and the next follows at once, until no more is kept
/// than if nobody wanted it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_full_of_what_somebody_wants_is_trimmed_by_steps() {
    // 80 entries at most, of about 170 kB: between the smaller bound in bytes and the larger.
    let (entries, kept) = held(20, 60_000, 100, 40).await;
    assert!(entries <= 120, "{entries} for 100 rows");
    assert!(kept, "up to the bound");
    // 160 kB at most.
    let (entries, kept) = held(1_000, 40_000, 200, 160).await;
    assert!(entries <= 260, "{entries} for 200 rows");
    assert!(kept, "up to the bound");
}
