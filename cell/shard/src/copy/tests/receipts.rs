//! Several copies of one shard are to be erased on one node.

use std::sync::Arc;

use control_plane_state::shard_config::ConfigCommand;
use platform_model::{ErasedCopy, ReplicaId};

use super::copying::{fill, left_out};
use super::ctl::fresh;
use super::world::{World, node};
use crate::copy::Told;

/// Orders that the control plane of this world knows nothing of: whatever answers them is lost.
fn order(world: &World, copies: &[ReplicaId]) {
    let mut route = world.ctl.config().route();
    let erased = (1_000..).zip(copies).map(|(order, replica)| ErasedCopy {
        node: node(1),
        replica: *replica,
        order,
    });
    Arc::make_mut(&mut route.set).erased = erased.collect();
    world.copy(1).configure(&route);
}

/// Keys of each receipt of a copy that was told.
fn told(world: &World, of: ReplicaId) -> Vec<u64> {
    let heard = world.ctl.heard.lock();
    let keys = heard.iter().filter_map(|told| match told {
        Told::Erased { replica, keys, .. } if *replica == of => Some(*keys),
        _ => None,
    });
    keys.collect()
}

/// The planted omission: what one copy held is told, is not heard, and what goes on record is the nothing of the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_is_told_until_its_order_is_gone_whatever_else_is_to_be_erased() {
    let world = World::begin().await;
    fill(&world, 200).await;
    let left = world.add_standby(1).await;
    left_out(&world).await;
    let remove = ConfigCommand::RemoveCopy { replica: left };
    world
        .until("it leaves", || world.ctl.command(remove.clone()))
        .await;
    let never_there = fresh();
    let often = || {
        order(&world, &[left, never_there]);
        told(&world, left).len() > 10
    };
    world.until("its receipt is told again and again", often).await;
    let keys = told(&world, left);
    assert!(keys.iter().all(|keys| *keys > 200), "{keys:?}");
    assert!(told(&world, never_there).is_empty(), "it waits");
    let answered = || {
        order(&world, &[never_there]);
        !told(&world, never_there).is_empty()
    };
    world.until("the other is answered", answered).await;
    assert_eq!(told(&world, never_there).first(), Some(&0));
}
