//! Async writes do not run away from a standby whose disk stands still.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use cell_store::memory::Memory;
use cell_store::{CommitError, Fence, Limits, Snapshot, Store, StoreError, WriteBatch};
use platform_model::replica_set::ASYNC_LAG_MICROS;
use tokio::sync::watch;

use super::world::{World, try_write, write};
use crate::{Mode, WriteError};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_async_write_waits_once_an_older_one_has_waited_for_its_standby_too_long() {
    let world = World::begin().await;
    let disk = Arc::new(Still {
        inner: Memory::new(),
        stands: watch::Sender::new(false),
    });
    world.add_standby_on(1, Arc::<Still>::clone(&disk)).await;
    write(&world, "a", "1", Mode::Sync).await;
    let shard = world.serving().await;
    // Nobody leaves the standby out: it speaks, and promises.
    world.ctl.silent.store(true, Ordering::Relaxed);
    disk.stands.send_replace(true);
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
    disk.stands.send_replace(false);
    world.ctl.silent.store(false, Ordering::Relaxed);
    write(&world, "a", "4", Mode::Async).await;
}
