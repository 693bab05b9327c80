//! What a node does while it has taken a shard and whoever held it before may still read: it lets nobody in and hands the
//! shard to nobody, for as long as that one may read by his own count; and what it does not wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cell_store::memory::Memory;
use cell_store::{CommitError, Fence, KeyRange, Limits, Snapshot, Store, StoreError, WriteBatch};
use platform_model::replica_set::SHARED_LEASE_MICROS;
use platform_model::{Epoch, Incarnation};
use platform_runtime::TaskGroup;

use super::switchover::hand_over;
use super::takeover::{give, two_on_one_store};
use super::world::{LEASE_MICROS, World, node, read, shard_id, try_write, write};
use crate::Mode;
use crate::copy::{Copy, CopySettings, Standing, Taking};
use crate::error::OpenError;
use crate::fence::FenceValue;
use crate::keys::ShardKeys;

const LEASE: Duration = Duration::from_micros(SHARED_LEASE_MICROS);
const A_MINUTE: u64 = 60_000_000;

/// Takes the shard for node 1 as `taking` says.
async fn take(
    world: &World,
    store: Arc<dyn Store>,
    taking: Taking,
    tasks: &TaskGroup,
) -> Result<Copy, OpenError> {
    let settings = CopySettings {
        taking: Some(taking),
        ..CopySettings::new(shard_id(), "a".repeat(64).parse().expect("a world"), node(1))
    };
    let (peers, control) = world.port(1);
    let copy = Copy::open(store, settings, world.clock.clone(), tasks, peers, control).await?;
    world.net.copies.lock().insert(node(1), copy.clone());
    Ok(copy)
}

fn of_node_1(world: &World) -> Taking {
    Taking::of(&world.ctl.config().route(), &node(1))
}

/// How long it takes until somebody is let in at node 1; then it may be written to.
async fn let_in_after(world: &World, begun: Duration) -> Duration {
    let shard = world
        .until_some("somebody is let in", || world.copy(1).shard())
        .await;
    let waited = world.clock.monotonic() - begun;
    let told = try_write(&shard, "a", "2", Mode::Sync, LEASE * 100).await;
    assert!(told.is_ok(), "{told:?}");
    waited
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_let_in_before_whoever_held_it_reads_no_more() {
    let (world, store) = two_on_one_store().await;
    world.abandon(0);
    let begun = world.clock.monotonic();
    give(&world, 1);
    world.put_node(1, store).await;
    let waited = let_in_after(&world, begun).await;
    assert!(
        waited >= LEASE,
        "a write would have been acknowledged: {waited:?}"
    );
}

/// Two releases, of which the later one counts a shorter lease: it waits for as long as the other one reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lease_that_whoever_held_it_said_is_waited_for() {
    let (world, store) = two_on_one_store().await;
    let tasks = TaskGroup::new();
    world.abandon(0);
    let begun = world.clock.monotonic();
    give(&world, 1);
    let shorter = Taking {
        lease_micros: 1_000,
        ..of_node_1(&world)
    };
    take(&world, store, shorter, &tasks).await.expect("taken");
    let waited = let_in_after(&world, begun).await;
    assert!(waited >= LEASE, "{waited:?}");
}

/// A release that does not say it may have counted the lease of the shard's configuration.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_did_not_say_his_lease_may_have_had_the_longest() {
    let (world, store) = two_on_one_store().await;
    world.abandon(0);
    let mut forget = WriteBatch::new();
    forget.clear(ShardKeys::new(&shard_id()).lease);
    store.commit(forget, Vec::new()).await.expect("committed");
    let begun = world.clock.monotonic();
    give(&world, 1);
    world.put_node(1, store).await;
    let waited = let_in_after(&world, begun).await;
    assert!(waited >= Duration::from_micros(LEASE_MICROS), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_does_not_hand_over_to_a_copy_elsewhere() {
    let (world, store) = two_on_one_store().await;
    world.ctl.shared.store(false, Ordering::Relaxed);
    let target = world.add_standby(2).await;
    world.ctl.shared.store(true, Ordering::Relaxed);
    world.abandon(0);
    let begun = world.clock.monotonic();
    give(&world, 1);
    world.put_node(1, store).await;
    world
        .until("it serves elsewhere", || {
            world.ctl.command(hand_over(target));
            let (copy, elsewhere) = (world.copy(1), world.copy(2));
            let core = copy.inner.core.lock();
            let state = core.machine.state();
            assert!(
                core.waits_until().is_none() || !["draining", "released"].contains(&state),
                "{state}"
            );
            drop(core);
            elsewhere.standing() == Standing::Serving
        })
        .await;
    let waited = world.clock.monotonic() - begun;
    assert!(waited >= LEASE, "whoever held it might have read: {waited:?}");
    write(&world, "a", "2", Mode::Sync).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_ends_while_it_waits_waits_for_nothing_any_more() {
    let (world, store) = two_on_one_store().await;
    let tasks = TaskGroup::new();
    world.abandon(0);
    give(&world, 1);
    let long = Taking {
        lease_micros: A_MINUTE,
        ..of_node_1(&world)
    };
    let copy = take(&world, Arc::clone(&store), long, &tasks)
        .await
        .expect("taken");
    assert!(copy.inner.core.lock().waits_until().is_some());
    // Another node has taken it: what it writes next fails.
    let mut others = WriteBatch::new();
    let fence = FenceValue::first(Epoch(99), node(2), Incarnation(99));
    others.put(ShardKeys::new(&shard_id()).fence, fence.encode());
    store.commit(others, Vec::new()).await.expect("committed");
    world
        .until("it has failed", || {
            // A change of the configuration is written down.
            give(&world, 2);
            give(&world, 1);
            copy.standing() == Standing::Failed
        })
        .await;
    assert_eq!(copy.inner.core.lock().waits_until(), None);
}

/// Lets another node take the shard just before a commit lands.
struct Overtaken {
    inner: Arc<dyn Store>,
    decided: AtomicUsize,
}

#[async_trait]
impl Store for Overtaken {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.inner.snapshot().await
    }

    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        let mut others = WriteBatch::new();
        let fence = FenceValue::first(Epoch(99), node(2), Incarnation(99));
        others.put(ShardKeys::new(&shard_id()).fence, fence.encode());
        self.inner.commit(others, Vec::new()).await?;
        self.inner.commit(batch, fences).await
    }

    async fn decide(&self, _: &KeyRange) -> Result<(), StoreError> {
        self.decided.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}

/// What the one who came first has under way is his.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_overtaken_between_two_tries_decides_nothing_more() {
    let (world, store) = two_on_one_store().await;
    let tasks = TaskGroup::new();
    world.abandon(0);
    give(&world, 1);
    let overtaken = Arc::new(Overtaken {
        inner: store,
        decided: AtomicUsize::new(0),
    });
    let store: Arc<dyn Store> = Arc::<Overtaken>::clone(&overtaken);
    let opened = take(&world, store, of_node_1(&world), &tasks).await;
    assert!(matches!(opened.err(), Some(OpenError::Fenced { .. })));
    assert_eq!(
        overtaken.decided.load(Ordering::Relaxed),
        1,
        "before the first try, and never again"
    );
}

/// A shard that came into the cell by a move: its copy was a standby once, and has led since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_copy_promised_before_it_led_is_not_waited_for_when_it_is_taken() {
    let world = World::begin().await;
    write(&world, "a", "1", Mode::Sync).await;
    let store: Arc<dyn Store> = Memory::new();
    let target = world.add_standby_on(1, Arc::clone(&store)).await;
    world.ctl.command(hand_over(target));
    let promised = |number: u16| {
        let copy = world.copy(number);
        let core = copy.inner.core.lock();
        core.machine.meta().lease_micros_max
    };
    world
        .until("it leads, and what it promised is over", || {
            world.copy(1).standing() == Standing::Serving && promised(1) == 0
        })
        .await;
    // The moment at which the copy remembers it for good.
    write(&world, "a", "2", Mode::Sync).await;
    world.abandon(1);
    world.ctl.shared.store(true, Ordering::Relaxed);
    give(&world, 2);
    world.put_node(2, store).await;
    assert_eq!(promised(2), 0, "nothing to wait out");
    assert_eq!(read(&world, "a").await, Some("2".into()));
}
