//! A world whose members are lost begins anew with a state that was kept.

use std::collections::BTreeMap;

use super::Sum;
use super::toy::Register;
use super::world::{World, until};
use crate::begin::{Alone, BeginError, begin_with};
use crate::status::Part;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_begins_alone_with_a_state_from_elsewhere_and_others_join_it() {
    let mut world = World::new().await;
    let kept = Sum {
        total: 7,
        times: BTreeMap::from([(1, 1)]),
    };
    drop(world.listen(1).await);
    let (id, address) = (world.id(), world.addresses[&1].clone());
    let alone = Alone {
        world: &id,
        node_id: 1,
        address: &address,
        term: 77,
    };
    let dir = world.data_dir(1);
    begin_with::<Register>(&dir, &alone, &kept).expect("an empty directory");
    world.start(1).await;
    let leads = until(world.node(1), |status| status.part == Part::Leader).await;
    assert!(leads.term > 77, "above every term of before");
    assert_eq!(**world.node(1).state().borrow(), kept);
    for id in 2..5 {
        world.add(id).await;
    }
    // It holds over a restart, and for whoever joins.
    world.kill(1).await;
    world.start(1).await;
    world.has_applied(1, 1..5).await;
    world.start(2).await;
    let address = world.addresses[&2].clone();
    until(world.node(1), |status| status.part == Part::Leader).await;
    world.node(1).add_learner(2, address).await.unwrap();
    world.has_applied(2, 1..5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_run_is_never_begun_over() {
    let mut world = World::of(1).await;
    world.add(1).await;
    world.kill(1).await;
    let id = world.id();
    let begin = |node_id| {
        let alone = Alone {
            world: &id,
            node_id,
            address: "127.0.0.1:1",
            term: 77,
        };
        begin_with::<Register>(&world.data_dir(1), &alone, &Sum::default())
    };
    assert!(matches!(begin(1), Err(BeginError::HasBegun)));
    assert!(matches!(begin(2), Err(BeginError::Foreign { node_id: 1, .. })));
    world.start(1).await;
    world.has_applied(1, 1..2).await;
}

/// Killed between any two of its writes, it goes on where it was.
#[test]
fn what_broke_off_goes_on_and_what_was_done_stays() {
    let dir = tempfile::tempdir().expect("a folder");
    let id: platform_model::WorldId = "a".repeat(64).parse().expect("an id");
    let alone = Alone {
        world: &id,
        node_id: 1,
        address: "127.0.0.1:1",
        term: 77,
    };
    let kept = |total| Sum {
        total,
        times: BTreeMap::new(),
    };
    begin_with::<Register>(dir.path(), &alone, &kept(7)).expect("an empty directory");
    begin_with::<Register>(dir.path(), &alone, &kept(7)).expect("as it was");
    let other = begin_with::<Register>(dir.path(), &alone, &kept(8));
    assert!(matches!(other, Err(BeginError::HasBegun)));
    // The snapshot was written, the log was not.
    std::fs::remove_file(dir.path().join("raft.redb")).expect("there");
    let other = begin_with::<Register>(dir.path(), &alone, &kept(8));
    assert!(matches!(other, Err(BeginError::HasBegun)));
    begin_with::<Register>(dir.path(), &alone, &kept(7)).expect("it goes on");
}
