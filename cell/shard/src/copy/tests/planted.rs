//! Bugs put in on purpose are caught by what the other tests look at: each scene is played sound, and with the bug.

use std::sync::Arc;
use std::time::Duration;

use cell_replica::{Plant, Plants};
use cell_store::memory::Memory;

use super::copying::{Churning, fill};
use super::world::{Weather, World, node, read, try_read, try_write, write};
use crate::copy::{Planted, Standing, Told};
use crate::{Mode, ShardLimits};

const SHORT: Duration = Duration::from_millis(800);

fn planted(plant: Plant) -> Planted {
    Planted {
        protocol: Plants::one(plant),
        ..Planted::default()
    }
}

async fn pair(plants: Planted) -> Arc<World> {
    let world = World::begin_with(plants, ShardLimits::default(), Memory::new()).await;
    world.add_standby(1).await;
    write(&world, "a", "old", Mode::Sync).await;
    world.level(0, 1).await;
    world
}

/// Whether a sync write was answered that a failover then lost.
async fn an_acknowledged_write_is_lost(plants: Planted) -> bool {
    let world = pair(plants).await;
    let shard = world.serving().await;
    // Nobody leaves the standby out meanwhile.
    world.ctl.isolated.lock().insert(node(0));
    world.cut(0, 1);
    let answered = try_write(&shard, "a", "new", Mode::Sync, SHORT).await.is_ok();
    world.kill(0).await;
    world
        .until("node 1 leads", || world.ctl.config().primary.node == node(1))
        .await;
    answered && read(&world, "a").await != Some("new".into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_before_the_standby_is_caught() {
    assert!(!an_acknowledged_write_is_lost(Planted::default()).await);
    assert!(an_acknowledged_write_is_lost(planted(Plant::AcknowledgeBeforeTheStandby)).await);
}

/// Whether a primary that was replaced still shows what was before.
async fn a_replaced_primary_answers(plants: Planted) -> bool {
    let world = pair(plants).await;
    let former = world.serving().await;
    world.ctl.isolated.lock().insert(node(0));
    world.cut(0, 1);
    world
        .until("node 1 leads", || world.ctl.config().primary.node == node(1))
        .await;
    let serves = || world.copy(1).standing() == Standing::Serving;
    world.until("node 1 serves", serves).await;
    let shard = world.copy(1).shard().expect("it serves");
    try_write(&shard, "a", "new", Mode::Async, Duration::from_secs(20))
        .await
        .expect("written");
    try_read(&former, "a", SHORT).await == Ok(Some("old".into()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serving_without_a_lease_is_caught() {
    assert!(!a_replaced_primary_answers(Planted::default()).await);
    assert!(a_replaced_primary_answers(planted(Plant::ServeWithoutLease)).await);
}

/// Whether a copy whose store was opened again elsewhere in the process still gets its writes answered.
async fn a_stale_task_writes(plants: Planted) -> bool {
    let world = World::begin_with(plants, ShardLimits::default(), Memory::new()).await;
    write(&world, "a", "old", Mode::Sync).await;
    let stale = world.copy(0);
    let shard = stale.shard().expect("it serves");
    // The same store, the same node: a task of before that nobody ended.
    let again = world.start(0).await;
    world
        .until("it serves", || again.standing() == Standing::Serving)
        .await;
    try_write(&shard, "a", "stale", Mode::Async, SHORT).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_fence_is_caught() {
    assert!(!a_stale_task_writes(Planted::default()).await);
    let dropped = Planted {
        skips_fence: true,
        ..Planted::default()
    };
    assert!(a_stale_task_writes(dropped).await);
}

/// Whether a copy that was made under load is found to differ.
async fn a_copy_differs(plants: Planted) -> bool {
    let world = World::begin_with(plants, ShardLimits::default(), Memory::new()).await;
    fill(&world, 6_000).await;
    *world.net.weather.lock() = Weather {
        pages_late: true,
        ..Weather::default()
    };
    let writer = Churning::begin(&world, 6_000);
    world.add_standby(1).await;
    *world.net.weather.lock() = Weather::default();
    let judged = |told: &Told| match told {
        Told::Mismatch { .. } => Some(true),
        Told::Certified { chunks, of, .. } if *of > 0 && chunks >= of => Some(false),
        _ => None,
    };
    let differs = world
        .until_some("it is verified", || {
            world.copy(0).verify();
            world.ctl.heard.lock().iter().find_map(judged)
        })
        .await;
    writer.end().await;
    differs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_over_a_log_that_is_applied_already_are_caught() {
    assert!(!a_copy_differs(Planted::default()).await);
    for _ in 0..8 {
        if a_copy_differs(planted(Plant::PageAfterLog)).await {
            return;
        }
    }
    panic!("older pages overwrote newer rows, and nobody saw it");
}
