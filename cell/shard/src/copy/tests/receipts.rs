//! Several copies of one shard are to be erased on one node.

use std::sync::Arc;

use control_plane_state::shard_config::ConfigCommand;
use platform_model::{ErasedCopy, ReplicaId};

use super::copying::{fill, left_out};
use super::ctl::fresh;
use super::world::{World, node};
use crate::copy::Told;

/// Orders, numbered from `first` on, that the control plane of this world knows nothing of: whatever answers them is
/// lost.
fn order(world: &World, first: u64, copies: &[ReplicaId]) {
    let mut route = world.ctl.config().route();
    let erased = (first..).zip(copies).map(|(order, replica)| ErasedCopy {
        node: node(1),
        replica: *replica,
        order,
    });
    Arc::make_mut(&mut route.set).erased = erased.collect();
    world.copy(1).configure(&route);
}

/// Order and keys of each receipt of a copy that was told.
fn receipts(world: &World, of: ReplicaId) -> Vec<(u64, u64)> {
    let heard = world.ctl.heard.lock();
    let receipts = heard.iter().filter_map(|told| match told {
        Told::Erased {
            replica, order, keys, ..
        } if *replica == of => Some((*order, *keys)),
        _ => None,
    });
    receipts.collect()
}

/// Keys of each receipt of a copy that was told.
fn told(world: &World, of: ReplicaId) -> Vec<u64> {
    receipts(world, of).into_iter().map(|(_, keys)| keys).collect()
}

/// A copy that was in-sync on node 1, and is in no configuration any more.
async fn removed(world: &World) -> ReplicaId {
    fill(world, 200).await;
    let left = world.add_standby(1).await;
    left_out(world).await;
    let remove = ConfigCommand::RemoveCopy { replica: left };
    world
        .until("it leaves", || world.ctl.command(remove.clone()))
        .await;
    left
}

/// The planted omission: what one copy held is told, is not heard, and what goes on record is the nothing of the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_is_told_until_its_order_is_gone_whatever_else_is_to_be_erased() {
    let world = World::begin().await;
    let left = removed(&world).await;
    let never_there = fresh();
    let often = || {
        order(&world, 1_000, &[left, never_there]);
        told(&world, left).len() > 10
    };
    world.until("its receipt is told again and again", often).await;
    let keys = told(&world, left);
    assert!(keys.iter().all(|keys| *keys > 200), "{keys:?}");
    assert!(told(&world, never_there).is_empty(), "it waits");
    let answered = || {
        order(&world, 1_000, &[never_there]);
        !told(&world, never_there).is_empty()
    };
    world.until("the other is answered", answered).await;
    assert_eq!(told(&world, never_there).first(), Some(&0));
}

/// The planted omission: the receipt is told by the number of an order that a recovered world does not remember, is not
/// heard, and keeps every other order waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_ordered_anew_after_it_was_erased_is_told_by_the_new_number() {
    let world = World::begin().await;
    let left = removed(&world).await;
    let erased = || {
        order(&world, 1_000, &[left]);
        !receipts(&world, left).is_empty()
    };
    world.until("it is erased", erased).await;
    let never_there = fresh();
    let of = |number| {
        receipts(&world, left)
            .into_iter()
            .find(|(order, _)| *order == number)
    };
    let anew = || {
        order(&world, 2_000, &[left, never_there]);
        of(2_000)
    };
    let (_, keys) = world.until_some("the newer order is answered", anew).await;
    assert_eq!(of(1_000), Some((1_000, keys)), "what was erased then");
    assert!(keys > 200, "{keys}");
    let answered = || {
        order(&world, 2_001, &[never_there]);
        !told(&world, never_there).is_empty()
    };
    world.until("the other is answered", answered).await;
}
