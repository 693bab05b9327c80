//! What leaves a primary that is cut off: nothing that somebody else could contradict.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::world::{World, read, try_read, try_write, write};
use crate::{Mode, WriteError};

const SHORT: Duration = Duration::from_millis(400);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_lease_nothing_is_answered_and_with_it_everything_again() {
    let world = World::begin().await;
    world.add_standby(1).await;
    write(&world, "a", "1", Mode::Sync).await;
    let shard = world.serving().await;
    world.ctl.silent.store(true, Ordering::Relaxed);
    world.cut(0, 1);
    world
        .until("the lease lapses", || {
            !world.copy(0).report().expect("a copy").serves
        })
        .await;
    assert_eq!(try_read(&shard, "a", SHORT).await, Err(WriteError::Timeout));
    for mode in [Mode::Async, Mode::Sync] {
        let told = try_write(&shard, "a", "2", mode, SHORT).await.map(|_| ());
        assert!(
            matches!(told, Err(WriteError::Timeout | WriteError::Unknown)),
            "{told:?}"
        );
    }
    world.heal();
    let read = world
        .until_some("it serves again", || {
            world.copy(0).report().filter(|report| report.serves)
        })
        .await;
    assert!(read.leads);
    write(&world, "a", "3", Mode::Sync).await;
    assert_eq!(super::world::read(&world, "a").await, Some("3".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_write_is_answered_only_once_the_standby_has_it() {
    let world = World::begin().await;
    world.add_standby(1).await;
    write(&world, "a", "1", Mode::Sync).await;
    let shard = world.serving().await;
    world.ctl.silent.store(true, Ordering::Relaxed);
    world.cut(0, 1);
    let told = try_write(&shard, "a", "2", Mode::Sync, Duration::from_secs(2)).await;
    assert_eq!(
        told.map(|_| ()),
        Err(WriteError::Unknown),
        "handed over, and not acknowledged"
    );
    // Nor is a read that would show it.
    let seen = try_read(&shard, "a", SHORT).await;
    assert_eq!(seen, Err(WriteError::Timeout));
    world.heal();
    world.ctl.silent.store(false, Ordering::Relaxed);
    let value = read(&world, "a").await;
    assert!(
        value == Some("1".into()) || value == Some("2".into()),
        "{value:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_leaves_on_purpose_is_left_out_before_the_lease_lapses() {
    let world = World::begin().await;
    world.add_standby(1).await;
    world.copy(1).leave().await;
    let in_sync = world
        .ctl
        .config()
        .standbys
        .iter()
        .any(|copy| copy.state == control_plane_state::shard_config::CopyState::InSync);
    assert!(!in_sync, "its primary has asked for it");
    write(&world, "a", "1", Mode::Sync).await;
}

/// One thread ticks all copies of a process. Each world has a runtime of its own: that of the copy that is held stands still.
#[test]
fn a_copy_whose_machine_somebody_has_keeps_no_other_from_its_ticks() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().expect("threads")
    };
    let (of_held, of_other) = (runtime(), runtime());
    let (held, other) = (
        of_held.block_on(World::begin()),
        of_other.block_on(World::begin()),
    );
    let (there, here) = (Arc::clone(&held.copy(0).inner), Arc::clone(&other.copy(0).inner));
    let core = there.core.lock();
    of_other.block_on(async {
        for tick in 0..3 {
            // Due at once; a tick says when the next one is.
            here.tick_micros.store(1, Ordering::Relaxed);
            let ticked = || here.tick_micros.load(Ordering::Relaxed) != 1;
            other.until(&format!("tick {tick}"), ticked).await;
        }
    });
    drop(core);
    of_held.shutdown_background();
    of_other.shutdown_background();
}
