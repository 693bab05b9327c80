//! A shard in a store that nodes share goes from one to another without a copy.
//!
//! What binds: whoever leads has the fence of exactly the committed epoch; nobody reads while another may; nothing that was
//! acknowledged is lost; a standby elsewhere goes on with whoever took it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cell_store::memory::Memory;
use cell_store::{CommitError, Fence, KeyRange, Limits, Snapshot, Store, StoreError, Value, WriteBatch};
use control_plane_state::shard_config::{ConfigCommand, CopyState};
use platform_model::replica_set::SHARED_LEASE_MICROS;
use platform_model::{CopyRoute, Epoch, ErasedCopy, Generation, ReplicaId, ShardRoute};
use tokio::sync::Semaphore;

use super::ctl::fresh;
use super::world::{World, node, read, shard_id, try_read, try_write, write};
use crate::copy::{Copy, CopySettings, Planted, Standing, Taking};
use crate::error::OpenError;
use crate::fence::FenceValue;
use crate::keys::ShardKeys;
use crate::{Mode, WriteError};

const SHORT: Duration = Duration::from_millis(400);
/// Shorter than the lease of the shard's configuration.
const LEASE: Duration = Duration::from_micros(SHARED_LEASE_MICROS);

/// A store in which a dead node has left the shard locked: nothing is read or written until that is decided.
struct Locked {
    inner: Arc<dyn Store>,
    free: Semaphore,
    decided: AtomicUsize,
}

impl Locked {
    fn new(inner: &Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            free: Semaphore::new(0),
            decided: AtomicUsize::new(0),
        })
    }

    async fn met(&self) {
        let free = self.free.acquire().await;
        drop(free.expect("never closed"));
    }
}

#[async_trait]
impl Store for Locked {
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.met().await;
        self.inner.snapshot().await
    }

    async fn commit(&self, batch: WriteBatch, fences: Vec<Fence>) -> Result<(), CommitError> {
        self.met().await;
        self.inner.commit(batch, fences).await
    }

    async fn decide(&self, range: &KeyRange) -> Result<(), StoreError> {
        let keys = ShardKeys::new(&shard_id());
        assert!(range.contains(&keys.fence) && range.contains(&keys.absolute(b"d")));
        self.decided.fetch_add(1, Ordering::Relaxed);
        self.free.add_permits(1);
        Ok(())
    }

    async fn settled(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        self.inner.settled(key).await
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}

/// Node 0 has the shard, node 1 is on the same store.
pub(super) async fn two_on_one_store() -> (Arc<World>, Arc<dyn Store>) {
    let store: Arc<dyn Store> = Memory::new();
    let world = World::begin_shared(Planted::default(), Arc::clone(&store)).await;
    write(&world, "a", "1", Mode::Sync).await;
    (world, store)
}

fn primary(world: &World) -> ReplicaId {
    world.ctl.config().primary.replica
}

pub(super) fn give(world: &World, number: u16) -> Epoch {
    let command = ConfigCommand::Take {
        replica: primary(world),
        node: node(number),
    };
    assert!(world.ctl.command(command));
    world.ctl.config().epoch
}

/// Opens what lies in the store by no configuration that the world has.
async fn open_at(
    world: &World,
    number: u16,
    store: Arc<dyn Store>,
    taking: Taking,
) -> Result<Copy, OpenError> {
    let settings = CopySettings {
        taking: Some(taking),
        ..CopySettings::new(shard_id(), "a".repeat(64).parse().expect("a world"), node(number))
    };
    let (peers, control) = world.port(number);
    let tasks = platform_runtime::TaskGroup::new();
    Copy::open(store, settings, world.clock.clone(), &tasks, peers, control).await
}

async fn fence(store: &dyn Store) -> FenceValue {
    let keys = ShardKeys::new(&shard_id());
    let snapshot = store.snapshot().await.expect("a snapshot");
    let bytes = snapshot.get(&keys.fence).await.expect("readable").expect("set");
    FenceValue::decode(&bytes).expect("a fence")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_nodes_shard_is_taken_over_with_everything_that_was_acknowledged() {
    let (world, store) = two_on_one_store().await;
    world.abandon(0);
    let (begun, epoch) = (world.clock.monotonic(), give(&world, 1));
    world.put_node(1, Arc::clone(&store)).await;
    assert_eq!(read(&world, "a").await, Some("1".into()));
    let waited = world.clock.monotonic() - begun;
    assert!(
        waited >= LEASE,
        "whoever held it might have read until then: {waited:?}"
    );
    write(&world, "a", "2", Mode::Sync).await;
    let set = fence(&*store).await;
    assert_eq!(
        (set.epoch, &set.node),
        (epoch, &node(1)),
        "exactly what was committed"
    );
    let report = world.copy(1).report().expect("a copy");
    assert_eq!(report.term.epoch, epoch);
    assert_eq!(
        report.replica,
        primary(&world),
        "the same copy under the same name"
    );
}

/// It died in the midst of a commit: the fence itself cannot be read until that is decided.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_node_left_locked_is_decided_and_not_waited_for() {
    let (world, store) = two_on_one_store().await;
    world.abandon(0);
    give(&world, 1);
    let locked = Locked::new(&store);
    world.put_node(1, Arc::<Locked>::clone(&locked)).await;
    assert_eq!(read(&world, "a").await, Some("1".into()));
    assert!(locked.decided.load(Ordering::Relaxed) > 0);
}

/// Who comes with an older configuration touches nothing of the one who has the shard, who is in the midst of a commit: the
/// fence is locked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_too_late_decides_nothing() {
    let (world, store) = two_on_one_store().await;
    let stale = Taking::of(&world.ctl.config().route(), &node(0));
    world.kill(0).await;
    give(&world, 1);
    world.put_node(1, Arc::clone(&store)).await;
    let watched = Locked::new(&store);
    let late: Arc<dyn Store> = Arc::<Locked>::clone(&watched);
    let opened = open_at(&world, 0, late, stale).await;
    assert!(matches!(opened.err(), Some(OpenError::Fenced { .. })));
    assert_eq!(watched.decided.load(Ordering::Relaxed), 0);
}

/// What is under way of one who gave the shard up in order is nobody's to cut off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_decided_of_a_shard_that_was_given_up() {
    let (world, store) = two_on_one_store().await;
    world.copy(0).close().await;
    world.kill(0).await;
    give(&world, 1);
    let given_up = Locked::new(&store);
    given_up.free.add_permits(1);
    world.put_node(1, Arc::<Locked>::clone(&given_up)).await;
    assert_eq!(read(&world, "a").await, Some("1".into()));
    assert_eq!(given_up.decided.load(Ordering::Relaxed), 0);
}

/// It does not know that the shard is another's: a cut, or a stop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_taken_from_neither_writes_nor_reads_although_nobody_told_it() {
    let (world, store) = two_on_one_store().await;
    let old = world.serving().await;
    world.ctl.isolated.lock().insert(node(0));
    give(&world, 1);
    world.put_node(1, store).await;
    world
        .until("the new one serves", || {
            world.copy(1).standing() == Standing::Serving
        })
        .await;
    let seen = try_read(&old, "a", SHORT).await;
    assert!(
        matches!(
            seen,
            Err(WriteError::Fenced | WriteError::Timeout | WriteError::Unavailable)
        ),
        "{seen:?}"
    );
    let told = try_write(&old, "a", "3", Mode::Sync, SHORT).await.map(|_| ());
    assert!(told.is_err(), "{told:?}");
    world
        .until("it has failed", || world.copy(0).standing() == Standing::Failed)
        .await;
    let taker = world.copy(1).shard().expect("it serves");
    assert_eq!(try_read(&taker, "a", SHORT * 10).await, Ok(Some("1".into())));
}

/// The taker asks with an older configuration than the fence names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_with_an_older_configuration_does_not_get_the_fence_back() {
    let (world, store) = two_on_one_store().await;
    let stale = Taking::of(&world.ctl.config().route(), &node(0));
    world.kill(0).await;
    give(&world, 1);
    world.put_node(1, Arc::clone(&store)).await;
    let opened = open_at(&world, 0, store, stale).await;
    assert!(matches!(opened.err(), Some(OpenError::Fenced { .. })));
    write(&world, "a", "2", Mode::Sync).await;
}

/// The newest configuration, by which node 1 has only to erase what an earlier copy left in the store.
fn ordered_at_node_1(world: &World) -> ShardRoute {
    let mut route = world.ctl.config().route();
    let set = Arc::make_mut(&mut route.set);
    set.generation = Generation(set.generation.0 + 1);
    set.erased = vec![ErasedCopy {
        node: node(1),
        replica: fresh(),
        order: 1_000,
    }];
    route
}

/// The planted omission: the order raised the generation, and so whoever is to erase takes the fence from the primary,
/// for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_only_to_erase_does_not_take_the_fence_from_who_holds_the_shard() {
    let (world, store) = two_on_one_store().await;
    let erases = Taking::of(&ordered_at_node_1(&world), &node(1));
    let opened = open_at(&world, 1, Arc::clone(&store), erases.clone()).await;
    assert!(matches!(opened.err(), Some(OpenError::Fenced { .. })));
    assert_eq!(fence(&*store).await.node, node(0));
    write(&world, "a", "2", Mode::Sync).await;
    // Nor while its process begins anew.
    world.copy(0).close().await;
    assert!(fence(&*store).await.released);
    let opened = open_at(&world, 1, Arc::clone(&store), erases).await;
    assert!(matches!(opened.err(), Some(OpenError::Fenced { .. })));
    world.kill(0).await;
    world.start(0).await;
    assert_eq!(read(&world, "a").await, Some("2".into()));
}

/// A standby lies in the store, and its primary elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_from_who_holds_a_standby_there_but_from_who_holds_nothing() {
    let (world, store) = two_on_one_store().await;
    world.copy(0).close().await;
    let mut route = ordered_at_node_1(&world);
    route.node = node(2);
    let mut standby = route.clone();
    Arc::make_mut(&mut standby.set).standbys = vec![CopyRoute {
        node: node(0),
        replica: fresh(),
        state: platform_model::CopyState::CatchingUp,
    }];
    let opened = open_at(&world, 1, Arc::clone(&store), Taking::of(&standby, &node(1))).await;
    assert!(matches!(opened.err(), Some(OpenError::Fenced { .. })));
    let opened = open_at(&world, 1, Arc::clone(&store), Taking::of(&route, &node(1))).await;
    assert_eq!(opened.err().map(|error| error.to_string()), None);
    assert_eq!(fence(&*store).await.node, node(1), "what the dead left is erased");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_is_closed_is_given_up_in_its_fence_and_taken() {
    let (world, store) = two_on_one_store().await;
    world.copy(0).close().await;
    assert!(fence(&*store).await.released);
    world.kill(0).await;
    give(&world, 1);
    world.put_node(1, Arc::clone(&store)).await;
    assert_eq!(read(&world, "a").await, Some("1".into()));
    assert!(!fence(&*store).await.released);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_holder_goes_on_reading_for_it_proves_the_fence() {
    let (world, _) = two_on_one_store().await;
    let shard = world.serving().await;
    let begun = world.clock.monotonic();
    while world.clock.monotonic() - begun < LEASE * 3 {
        assert_eq!(try_read(&shard, "a", LEASE * 20).await, Ok(Some("1".into())));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_elsewhere_follows_whoever_took_the_primary() {
    let (world, store) = two_on_one_store().await;
    world
        .ctl
        .shared
        .store(false, std::sync::atomic::Ordering::Relaxed);
    world.add_standby(2).await;
    world.ctl.shared.store(true, std::sync::atomic::Ordering::Relaxed);
    write(&world, "b", "1", Mode::Sync).await;
    world.abandon(0);
    give(&world, 1);
    world.put_node(1, store).await;
    write(&world, "b", "2", Mode::Sync).await;
    world.in_sync(2).await;
    world.equal(1, 2).await;
}

/// A standby that lies in a shared store goes to another node: it is not in-sync until its primary has met it there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_in_a_shared_store_is_taken_over_too() {
    let world = World::begin().await;
    write(&world, "a", "1", Mode::Sync).await;
    let store: Arc<dyn Store> = Memory::new();
    let replica = world.add_standby_on(1, Arc::clone(&store)).await;
    world.kill(1).await;
    world.ctl.shared.store(true, std::sync::atomic::Ordering::Relaxed);
    let command = ConfigCommand::Take {
        replica,
        node: node(2),
    };
    world
        .until("it is taken", || world.ctl.command(command.clone()))
        .await;
    let copy = world.ctl.config().standbys.first().cloned().expect("a standby");
    assert_eq!((copy.node, copy.replica), (node(2), replica));
    assert!(copy.state < CopyState::InSync);
    world.put_node(2, store).await;
    world.in_sync(2).await;
    write(&world, "a", "2", Mode::Sync).await;
    world.equal(0, 2).await;
}
