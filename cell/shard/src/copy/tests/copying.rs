//! Copies made of a shard that is written meanwhile, their certificate, what a flipped byte comes to, what is erased.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cell_store::WriteBatch;
use cell_store::memory::Memory;
use control_plane_state::shard_config::{ConfigCommand, CopyState};
use platform_model::ReplicaId;

use super::ctl::fresh;
use super::world::{Weather, World, node, read, request, shard_id, write};
use crate::copy::{Planted, Told};
use crate::keys::ShardKeys;
use crate::{Mode, ShardLimits, Tx, TxError};

/// Rows of two kilobytes, many at a time.
pub(super) async fn fill(world: &World, rows: u64) {
    let shard = world.serving().await;
    for from in (0..rows).step_by(200) {
        let closure = |tx: Tx| async move {
            (from..(from + 200).min(rows)).try_for_each(|row| {
                tx.put(
                    format!("row/{row:06}"),
                    Bytes::from(vec![u8::try_from(row % 251).unwrap_or(0); 2_000]),
                )
            })
        };
        let request = request(Mode::Sync, Duration::from_secs(30));
        shard
            .write::<_, TxError, _, _>(&request, closure)
            .await
            .expect("written");
    }
}

/// Somebody who overwrites, clears and adds rows.
pub(super) struct Churning {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinSet<()>,
}

impl Churning {
    pub(super) fn begin(world: &Arc<World>, rows: u64) -> Self {
        let (stop, mut task) = (Arc::new(AtomicBool::new(false)), tokio::task::JoinSet::new());
        task.spawn(churn(Arc::clone(world), Arc::clone(&stop), rows));
        Self { stop, task }
    }

    pub(super) async fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.task.join_next().await.expect("it was started");
        ended.expect("it ends");
    }
}

/// Until it is told to stop.
async fn churn(world: Arc<World>, stop: Arc<AtomicBool>, rows: u64) {
    let mut n = 0u64;
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        let Some(shard) = world.server() else {
            tokio::time::sleep(Duration::from_millis(2)).await;
            continue;
        };
        let row = n.wrapping_mul(7_919) % rows;
        let closure = |tx: Tx| async move {
            tx.put(format!("row/{row:06}"), format!("changed {n}"))?;
            tx.clear(format!("row/{:06}", (row + 1) % rows))?;
            if n.is_multiple_of(16) {
                let (from, to) = (format!("row/{row:06}"), format!("row/{:06}", row + 5));
                tx.clear_range(crate::KeyRange::new(from, to))?;
            }
            tx.put(format!("new/{n}"), "x")
        };
        // Whatever it is told: the next round tries again.
        let _ = shard
            .write::<_, TxError, _, _>(&request(Mode::Async, Duration::from_secs(5)), closure)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_a_shard_that_is_written_meanwhile_is_equal_and_certified() {
    let world = World::begin().await;
    fill(&world, 6_000).await;
    let writer = Churning::begin(&world, 6_000);
    let replica = world.add_standby(1).await;
    let copied = world.copy(1).report().expect("a copy").copied_bytes;
    assert!(copied > 5_000_000, "{copied} bytes came as pages");
    certified(&world, replica).await;
    writer.end().await;
    world.equal(0, 1).await;
}

/// A page or an entry that is not what was sent is refused, and what it carried comes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_or_an_entry_that_arrives_garbled_is_refused_and_comes_again() {
    let world = World::begin().await;
    fill(&world, 6_000).await;
    *world.net.weather.lock() = Weather {
        garbled: 100,
        ..Weather::default()
    };
    let writer = Churning::begin(&world, 6_000);
    world.begin_standby(1, Memory::new()).await;
    let copied = || world.copy(1).report().map_or(0, |copy| copy.copied_bytes);
    world.until("most of it has come", || copied() > 5_000_000).await;
    let garbled = || world.net.garbled.load(Ordering::Relaxed);
    world.until("enough arrived garbled", || garbled() > 20).await;
    *world.net.weather.lock() = Weather::default();
    world.in_sync(1).await;
    writer.end().await;
    world.equal(0, 1).await;
}

/// Verifies until every chunk of the copy is found equal.
async fn certified(world: &World, replica: ReplicaId) {
    let full = |told: &Told| {
        matches!(told, Told::Certified { replica: of_whom, chunks, of, .. }
            if *of_whom == replica && *of > 0 && chunks >= of)
    };
    world
        .until("it is certified", || {
            world.copy(0).verify();
            world.ctl.heard.lock().iter().any(full)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_is_found_and_the_copy_made_anew() {
    let world = World::begin().await;
    fill(&world, 4_000).await;
    let replica = world.add_standby(1).await;
    certified(&world, replica).await;
    let (store, keys) = (world.store(1), ShardKeys::new(&shard_id()));
    let [data, _] = ShardKeys::replicated();
    let range = keys.replicated_in(&data.start, &data.end).remove(0);
    let snapshot = store.snapshot().await.expect("a snapshot");
    let (key, value) = snapshot
        .scan(&range, 2_500, false)
        .await
        .expect("rows")
        .rows
        .pop()
        .expect("a row");
    let mut flipped = value.to_vec();
    flipped[1_000] ^= 0x20;
    let mut batch = WriteBatch::new();
    batch.put(key, flipped);
    store.commit(batch, Vec::new()).await.expect("damaged");
    let mismatch = |told: &Told| matches!(told, Told::Mismatch { replica: whose, .. } if *whose == replica);
    world
        .until("the difference is found", || {
            world.copy(0).verify();
            world.ctl.heard.lock().iter().any(mismatch)
        })
        .await;
    world
        .until("another copy is made", || {
            let config = world.ctl.config();
            let copy = config.standbys.first();
            copy.is_some_and(|copy| copy.replica != replica && copy.state == CopyState::InSync)
        })
        .await;
    world.equal(0, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_goes_on_where_it_was_after_a_crash_of_either_side() {
    let world = World::begin().await;
    fill(&world, 8_000).await;
    world.begin_standby(1, Memory::new()).await;
    let pages = |world: &World| world.copy(1).report().map_or(0, |report| report.copied_bytes);
    world.until("pages come", || pages(&world) > 2_000_000).await;
    world.kill(1).await;
    let again = world.start(1).await;
    let kept = again.inner.core.lock().chunk.clone();
    assert!(
        kept.chunk > 0 && kept.bytes > 0,
        "it remembers where it was: {kept:?}"
    );
    world.until("more pages come", || pages(&world) > 4_000_000).await;
    world.kill(0).await;
    world.start(0).await;
    world.in_sync(1).await;
    world.equal(0, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_is_away_for_long_costs_bounded_memory_and_is_copied_anew() {
    let limits = ShardLimits {
        log_entries_kept: 40,
        ..ShardLimits::default()
    };
    let world = World::begin_with(Planted::default(), limits, Memory::new()).await;
    let first = world.add_standby(1).await;
    world.kill(1).await;
    let alone = || {
        world
            .ctl
            .config()
            .standbys
            .iter()
            .all(|copy| copy.state != CopyState::InSync)
    };
    world.until("it is left out", alone).await;
    for n in 0..500 {
        write(&world, "k", &n.to_string(), Mode::Sync).await;
        let copy = world.copy(0);
        let core = copy.inner.core.lock();
        let kept = core.machine.log().end().0 - core.machine.log().base().position.0;
        assert!(kept <= 4 * 40 + 2 * 64, "{kept} entries are kept in memory");
        assert!(core.items.len() <= 2 && core.arriving.is_empty());
    }
    world.start(1).await;
    let second = world
        .until_some("another copy is in-sync", || {
            let config = world.ctl.config();
            let copy = config
                .standbys
                .into_iter()
                .find(|copy| copy.state == CopyState::InSync);
            copy.map(|copy| copy.replica)
        })
        .await;
    assert_ne!(first, second, "what it lacked was trimmed");
    world.equal(0, 1).await;
    assert_eq!(read(&world, "k").await, Some("499".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_ordered_to_erase_itself_is_gone_and_gives_a_receipt() {
    let world = World::begin().await;
    fill(&world, 2_000).await;
    let replica = world.add_standby(1).await;
    world.cut(0, 1);
    let dropped = || {
        world
            .ctl
            .config()
            .standbys
            .iter()
            .all(|copy| copy.state != CopyState::InSync)
    };
    world.until("it is left out", dropped).await;
    assert!(world.ctl.command(ConfigCommand::RemoveCopy { replica }));
    world
        .until("its erasure is ordered", || {
            world.ctl.command(ConfigCommand::EraseCopy { replica })
        })
        .await;
    world
        .until("the receipt is in", || world.ctl.config().erasing.is_empty())
        .await;
    let erased = world.ctl.heard.lock().iter().find_map(|told| match told {
        Told::Erased { keys, bytes, .. } => Some((*keys, *bytes)),
        _ => None,
    });
    let (keys, bytes) = erased.expect("told");
    assert!(keys > 2_000 && bytes > 4_000_000, "{keys} keys, {bytes} bytes");
    let store = world.store(1);
    let snapshot = store.snapshot().await.expect("a snapshot");
    let keys = ShardKeys::new(&shard_id());
    let end = crate::copy::pages::end_of_all();
    for range in keys
        .replicated_in(b"", &end)
        .into_iter()
        .chain([keys.whole_log()])
    {
        assert!(
            snapshot
                .scan(&range, 1, false)
                .await
                .expect("readable")
                .rows
                .is_empty()
        );
    }
    world.kill(1).await;
    world.start(1).await;
    assert_eq!(world.ctl.config().primary.node, node(0));
    assert_eq!(world.copy(1).report(), None, "an empty disk");
}

/// Until the primary counts on no standby.
pub(super) async fn left_out(world: &World) {
    world.cut(0, 1);
    let dropped = || {
        let config = world.ctl.config();
        config.standbys.iter().all(|copy| copy.state != CopyState::InSync)
    };
    world.until("it is left out", dropped).await;
}

/// Orders the erasure of a copy that has left, and waits for the receipt: its keys.
async fn erased(world: &World, replica: ReplicaId) -> Option<u64> {
    world
        .until("its erasure is ordered", || {
            world.ctl.command(ConfigCommand::EraseCopy { replica })
        })
        .await;
    world
        .until("the receipt is in", || world.ctl.config().erasing.is_empty())
        .await;
    world.ctl.heard.lock().iter().find_map(|told| match told {
        Told::Erased {
            replica: gone, keys, ..
        } if *gone == replica => Some(*keys),
        _ => None,
    })
}

/// Else the order stands for ever, and whoever waits for its receipt waits as long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_to_erase_what_is_not_there_any_more_is_answered() {
    let world = World::begin().await;
    fill(&world, 200).await;
    let first = world.add_standby(1).await;
    left_out(&world).await;
    let by = fresh();
    let replace = ConfigCommand::ReplaceCopy { replica: first, by };
    world
        .until("another is to be made over it", || {
            world.ctl.command(replace.clone())
        })
        .await;
    world.heal();
    assert_eq!(world.in_sync(1).await, by);
    assert_eq!(erased(&world, first).await, Some(0));
    world.level(0, 1).await;
    assert_eq!(world.digest(0).await, world.digest(1).await, "the new one stays");
    // And where the disk is another one.
    left_out(&world).await;
    let remove = ConfigCommand::RemoveCopy { replica: by };
    world
        .until("it leaves", || world.ctl.command(remove.clone()))
        .await;
    world.kill(1).await;
    world.put_node(1, Memory::new()).await;
    assert_eq!(erased(&world, by).await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_a_crash_interrupts_is_finished_at_the_next_start() {
    let world = World::begin().await;
    fill(&world, 3_000).await;
    let replica = world.add_standby(1).await;
    world.cut(0, 1);
    let dropped = || {
        let config = world.ctl.config();
        config.standbys.iter().all(|copy| copy.state != CopyState::InSync)
    };
    world.until("it is left out", dropped).await;
    assert!(world.ctl.command(ConfigCommand::RemoveCopy { replica }));
    let wiping = async || {
        let snapshot = world.store(1).snapshot().await.expect("a snapshot");
        let key = ShardKeys::new(&shard_id()).wiping;
        snapshot.get(&key).await.expect("readable").is_some()
    };
    world
        .until("its erasure is ordered", || {
            world.ctl.command(ConfigCommand::EraseCopy { replica })
        })
        .await;
    // Whether it is met in the middle or not: what is started again has nothing.
    while !wiping().await && !world.ctl.config().erasing.is_empty() {
        tokio::task::yield_now().await;
    }
    world.kill(1).await;
    world.start(1).await;
    assert_eq!(world.copy(1).report(), None, "an empty disk");
    assert!(!wiping().await);
    world
        .until("the receipt is in", || world.ctl.config().erasing.is_empty())
        .await;
}
