//! A primary that goes away: what was acknowledged is there, whoever serves next.

use cell_store::embedded::{Embedded, EmbeddedOptions};
use cell_store::memory::Memory;

use super::world::{PATIENCE, World, node, read, try_write, write};
use crate::{Mode, Planted, ShardLimits, TxError, WriteError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_copy_serves_and_opens_again() {
    let world = World::begin().await;
    write(&world, "a", "1", Mode::Sync).await;
    assert_eq!(read(&world, "a").await, Some("1".into()));
    for _ in 0..3 {
        let term = world.serving().await.status().term;
        world.kill(0).await;
        world.start(0).await;
        assert_eq!(read(&world, "a").await, Some("1".into()));
        assert!(
            world.serving().await.status().term > term,
            "no two terms share a name"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_read_after_a_failover() {
    let world = World::begin().await;
    write(&world, "before", "0", Mode::Sync).await;
    world.add_standby(1).await;
    let mut seen = Vec::new();
    for n in 0..40 {
        let mode = if n % 2 == 0 { Mode::Sync } else { Mode::Async };
        seen.push(write(&world, &format!("k{n}"), &n.to_string(), mode).await);
    }
    // The last is sync, and carries all before it.
    let last = write(&world, "last", "x", Mode::Sync).await;
    world.kill(0).await;
    world
        .until("node 1 leads", || world.ctl.config().primary.node == node(1))
        .await;
    for n in 0..40 {
        assert_eq!(read(&world, &format!("k{n}")).await, Some(n.to_string().into()));
    }
    assert_eq!(read(&world, "before").await, Some("0".into()));
    let shard = world.serving().await;
    assert!(shard.epoch() > last.epoch);
    let mut request = super::world::request(Mode::Async, PATIENCE);
    request.not_older_than = Some(last);
    let honoured = shard
        .read(&request, |tx| async move { tx.get(b"last").await })
        .await;
    assert_eq!(honoured.map(|answer| answer.value), Ok(Some("x".into())));
    let mut cut_off = last;
    cut_off.position.0 += 1_000;
    request.not_older_than = Some(cut_off);
    let lost = shard
        .read(&request, |tx| async move { tx.get(b"last").await })
        .await;
    assert_eq!(lost.map(|answer| answer.value), Err(WriteError::<TxError>::Lost));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_primary_comes_back_as_a_standby_and_leads_again() {
    let (first, second) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    let open = |folder: &tempfile::TempDir| {
        Embedded::open(folder.path(), EmbeddedOptions::default()).expect("opens")
    };
    let world = World::begin_with(Planted::default(), ShardLimits::default(), open(&first)).await;
    world.add_standby_on(1, open(&second)).await;
    let mut leads = 0;
    for round in 0..3 {
        write(&world, "round", &round.to_string(), Mode::Sync).await;
        world.kill(leads).await;
        let other = 1 - leads;
        world
            .until("the other leads", || {
                world.ctl.config().primary.node == node(other)
            })
            .await;
        assert_eq!(read(&world, "round").await, Some(round.to_string().into()));
        world.start(leads).await;
        world.in_sync(leads).await;
        leads = other;
    }
}

/// A store that has stopped comes back with its node only: whoever ends the node does not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_whose_store_has_stopped_is_closed_at_once() {
    let (store, limits) = (Memory::new(), ShardLimits::default());
    let world = World::begin_with(Planted::default(), limits, store.clone()).await;
    write(&world, "before", "0", Mode::Sync).await;
    store.stop(true);
    let copy = world.copy(0);
    let stalled = || copy.report().is_some_and(|report| report.stalled_micros > 50_000);
    let shard = world.serving().await;
    let written = try_write(&shard, "lost", "1", Mode::Sync, PATIENCE);
    let closed = async {
        world.until("a batch is under way", stalled).await;
        let closed = tokio::time::timeout(limits.settle_max / 2, copy.close()).await;
        assert!(closed.is_ok(), "it went on to try");
    };
    let (written, ()) = tokio::join!(written, closed);
    assert!(written.is_err(), "{written:?}");
    store.stop(false);
    world.kill(0).await;
    world.start(0).await;
    assert_eq!(read(&world, "before").await, Some("0".into()));
}
