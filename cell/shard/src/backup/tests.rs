//! Reading a shard out, and making a copy of that.

use std::sync::Arc;

use bytes::Bytes;
use cell_store::Store;
use cell_store::memory::Memory;
use control_plane_state::shard_config::ShardConfig;
use platform_model::{Epoch, NodeId, ReplicaId, ShardId};
use platform_runtime::{Clock, TaskGroup};

use super::{Frozen, Restore, RestoreError};
use crate::copy::{Control, Copy, CopySettings, FrameKind, Peers, Told};
use crate::tests::harness::{get, open, ownership, put};
use crate::{Shard, Unclaimed, copies, unclaimed};

mod replay;

const REPLICA: ReplicaId = ReplicaId(77);

/// Nobody to speak to.
struct Alone;

impl Peers for Alone {
    fn send(&self, _: &NodeId, _: &ShardId, _: FrameKind, _: Bytes) {}
}

impl Control for Alone {
    fn tell(&self, _: &ShardId, _: Told) {}
}

fn elsewhere() -> NodeId {
    "eu-west-1/0".parse().expect("a node")
}

async fn rows(frozen: &Frozen, bytes_max: usize) -> Vec<(Bytes, Bytes)> {
    let (mut rows, mut next) = (Vec::new(), Some(Bytes::new()));
    while let Some(start) = next {
        let page = frozen.page(start, bytes_max).await.expect("readable");
        rows.extend(page.rows);
        next = page.next;
    }
    rows
}

/// A shard with some rows, read out, and what came to it afterwards.
async fn frozen() -> (Shard, Frozen) {
    let shard = open(Memory::new(), 3).await.expect("opens");
    for n in 0..40 {
        put(&shard, &format!("row {n:02}"), "before")
            .await
            .expect("written");
    }
    let frozen = shard.freeze().await.expect("served");
    put(&shard, "row 00", "after").await.expect("written");
    put(&shard, "row 99", "after").await.expect("written");
    (shard, frozen)
}

async fn restored(store: &Arc<dyn Store>, frozen: &Frozen, epoch: Epoch) {
    let shard = frozen.shard().clone();
    let mut restore = Restore::begin(Arc::clone(store), shard, elsewhere())
        .await
        .expect("an empty disk");
    restore.put(rows(frozen, 200).await).await.expect("written");
    restore
        .finish(REPLICA, epoch, frozen.origin())
        .await
        .expect("written");
}

async fn opened(store: &Arc<dyn Store>, tasks: &TaskGroup) -> Copy {
    let world = "a".repeat(64).parse().expect("a world");
    let settings = CopySettings::new(ownership(1).shard, world, elsewhere());
    let (peers, control) = (Arc::new(Alone), Arc::new(Alone));
    let copy = Copy::open(
        Arc::clone(store),
        settings,
        Clock::system(),
        tasks,
        peers,
        control,
    );
    copy.await.expect("opens")
}

/// The copy, told that it leads in this epoch, once it serves or says that it cannot.
async fn led(copy: &Copy, epoch: Epoch) -> Option<Shard> {
    let mut config = ShardConfig::new(elsewhere(), REPLICA, 600_000);
    (config.epoch, config.epoch_max, config.unborn) = (epoch, epoch, false);
    copy.configure(&config.route());
    for _ in 0..2_000 {
        // After a restart it asks whether that is the newest.
        copy.confirmed(Clock::system().monotonic(), config.generation);
        if let Some(shard) = copy.shard() {
            return Some(shard);
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    None
}

/// Told that it leads, it does not. A restored copy does at once.
async fn never_leads(copy: &Copy, epoch: Epoch) {
    let mut config = ShardConfig::new(elsewhere(), REPLICA, 600_000);
    (config.epoch, config.epoch_max, config.unborn) = (epoch, epoch, false);
    copy.configure(&config.route());
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    copy.confirmed(Clock::system().monotonic(), config.generation);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(copy.shard().is_none(), "it leads in {epoch}");
}

#[tokio::test]
async fn what_is_read_out_is_one_position_whatever_is_written_meanwhile() {
    let (shard, frozen) = frozen().await;
    let small = rows(&frozen, 100).await;
    assert_eq!(
        small,
        rows(&frozen, 1 << 20).await,
        "however it is cut into pages"
    );
    let values = |rows: &[(Bytes, Bytes)]| rows.iter().filter(|(_, value)| value == "before").count();
    assert_eq!(values(&small), 40);
    assert!(!small.iter().any(|(_, value)| value == "after"));
    assert!(frozen.origin().position < shard.status().committed);
    let again = shard.freeze().await.expect("served");
    assert_eq!(
        values(&rows(&again, 100).await),
        39,
        "a later one has what came later"
    );
}

#[tokio::test]
async fn a_restored_copy_leads_in_its_new_epoch_with_every_row_and_goes_on_from_there() {
    let (_shard, frozen) = frozen().await;
    let store: Arc<dyn Store> = Memory::new();
    restored(&store, &frozen, Epoch(9)).await;
    let tasks = TaskGroup::new();
    let copy = opened(&store, &tasks).await;
    let shard = led(&copy, Epoch(9)).await.expect("it serves");
    assert_eq!(shard.epoch(), Epoch(9));
    for n in 0..40 {
        let row = get(&shard, &format!("row {n:02}")).await.expect("read");
        assert_eq!(row.as_deref(), Some(&b"before"[..]), "row {n}");
    }
    assert_eq!(get(&shard, "row 99").await.expect("read"), None);
    let answer = put(&shard, "row 99", "anew").await.expect("written");
    assert!(answer.position.position > frozen.origin().position);
    copy.close().await;
    let copy = opened(&store, &tasks).await;
    let shard = led(&copy, Epoch(9)).await;
    let shard = shard.unwrap_or_else(|| panic!("it serves again: {:?} {:?}", copy.standing(), copy.report()));
    assert_eq!(
        get(&shard, "row 99").await.expect("read").as_deref(),
        Some(&b"anew"[..])
    );
}

#[tokio::test]
async fn a_copy_that_was_restored_for_one_epoch_leads_in_no_later_one_that_it_was_not_asked_for() {
    let (_shard, frozen) = frozen().await;
    let store: Arc<dyn Store> = Memory::new();
    restored(&store, &frozen, Epoch(9)).await;
    let copy = opened(&store, &TaskGroup::new()).await;
    never_leads(&copy, Epoch(10)).await;
}

#[tokio::test]
async fn until_the_last_batch_it_is_nothing_and_may_be_begun_again() {
    let (_shard, frozen) = frozen().await;
    let store: Arc<dyn Store> = Memory::new();
    let begin = || Restore::begin(Arc::clone(&store), frozen.shard().clone(), elsewhere());
    let mut restore = begin().await.expect("an empty disk");
    let mut some = rows(&frozen, 200).await;
    some.truncate(20);
    restore.put(some).await.expect("written");
    restore.flush().await.expect("written");
    drop(restore);
    // Whoever opens it takes it for an empty disk, and removes what there is.
    let tasks = TaskGroup::new();
    let copy = opened(&store, &tasks).await;
    assert!(copy.report().is_none(), "it has a name");
    never_leads(&copy, Epoch(9)).await;
    copy.close().await;
    assert_eq!(copies(&*store).await.expect("read"), [], "rows are left");
    // Nobody opened this one: the next try removes it.
    let mut restore = begin().await.expect("nothing lies there");
    let stray = Bytes::from_static(b"stray");
    let mut odd = rows(&frozen, 200).await;
    odd.truncate(1);
    odd[0].1 = stray.clone();
    restore.put(odd).await.expect("written");
    restore.flush().await.expect("written");
    restored(&store, &frozen, Epoch(9)).await;
    let copy = opened(&store, &tasks).await;
    let shard = led(&copy, Epoch(9)).await.expect("it serves");
    assert!(
        !rows(&shard.freeze().await.expect("served"), 200)
            .await
            .iter()
            .any(|(_, v)| *v == stray)
    );
}

#[tokio::test]
async fn nothing_is_restored_over_a_copy_nor_under_two_hands() {
    let (_shard, frozen) = frozen().await;
    let store: Arc<dyn Store> = Memory::new();
    let begin = || Restore::begin(Arc::clone(&store), frozen.shard().clone(), elsewhere());
    let mut first = begin().await.expect("an empty disk");
    let _second = begin().await.expect("the first is taken for a crashed one");
    first.put(rows(&frozen, 200).await).await.expect("kept in memory");
    let late = first.finish(REPLICA, Epoch(9), frozen.origin()).await;
    assert!(matches!(late, Err(RestoreError::Fenced { .. })), "{late:?}");
    restored(&store, &frozen, Epoch(9)).await;
    assert!(matches!(begin().await, Err(RestoreError::Held { .. })));
}

#[tokio::test]
async fn rows_that_no_copy_has_are_refused() {
    let (_shard, frozen) = frozen().await;
    let store: Arc<dyn Store> = Memory::new();
    let begun = Restore::begin(store, frozen.shard().clone(), elsewhere()).await;
    let mut restore = begun.expect("an empty disk");
    let keys = crate::keys::ShardKeys::new(frozen.shard());
    let meta = keys.relative(&keys.meta);
    let put = restore.put(vec![(meta, Bytes::from_static(b"x"))]).await;
    assert!(matches!(put, Err(RestoreError::NoSuchRow)), "{put:?}");
}

#[tokio::test]
async fn a_copy_that_no_configuration_took_is_taken_back_and_no_other() {
    let (_shard, frozen) = frozen().await;
    let store: Arc<dyn Store> = Memory::new();
    let shard = frozen.shard().clone();
    let discard = |replica| Restore::discard(Arc::clone(&store), shard.clone(), replica);
    restored(&store, &frozen, Epoch(9)).await;
    assert!(!discard(ReplicaId(78)).await.expect("read"), "another's");
    assert!(discard(REPLICA).await.expect("removed"));
    assert_eq!(copies(&*store).await.expect("read"), []);
    restored(&store, &frozen, Epoch(9)).await;
    let copy = opened(&store, &TaskGroup::new()).await;
    led(&copy, Epoch(9)).await.expect("it serves");
    copy.close().await;
    assert!(!discard(REPLICA).await.expect("read"), "it is in use");
}

/// The planted omission: whoever looks for what nobody took up sees whole copies only.
#[tokio::test]
async fn what_a_restore_left_that_broke_off_is_told_from_a_copy_and_removed() {
    let (_shard, frozen) = frozen().await;
    let store: Arc<dyn Store> = Memory::new();
    let shard = frozen.shard().clone();
    let left = async || unclaimed(&*store, &shard).await.expect("read");
    let clear = || Restore::clear_half(Arc::clone(&store), shard.clone(), elsewhere());
    assert_eq!(left().await, None);
    assert!(!clear().await.expect("read"), "nothing lies there");
    let begun = Restore::begin(Arc::clone(&store), shard.clone(), elsewhere()).await;
    let mut restore = begun.expect("an empty disk");
    restore
        .put(rows(&frozen, 200).await)
        .await
        .expect("kept in memory");
    restore.flush().await.expect("written");
    assert_eq!(left().await, Some(Unclaimed::Half));
    assert!(clear().await.expect("removed"));
    assert_eq!(left().await, None);
    assert_eq!(copies(&*store).await.expect("read"), [], "rows are left");
    let late = restore.finish(REPLICA, Epoch(9), frozen.origin()).await;
    assert!(matches!(late, Err(RestoreError::Fenced { .. })), "{late:?}");
    restored(&store, &frozen, Epoch(9)).await;
    assert_eq!(left().await, Some(Unclaimed::Whole(REPLICA)));
    assert!(!clear().await.expect("read"), "it is whole");
    assert_eq!(left().await, Some(Unclaimed::Whole(REPLICA)));
}
