//! Members join late, through a snapshot, and leave.

use std::collections::BTreeSet;

use super::world::{World, until};
use crate::config::Compaction;
use crate::error::MembershipError;
use crate::status::Part;

const ENTRIES: u64 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_member_is_sent_a_snapshot_votes_and_comes_back_from_it() {
    let mut world = World::new().await;
    world.compaction = Compaction {
        entries_per_snapshot: 20,
        entries_kept: 2,
    };
    world.start(1).await;
    world.node(1).initialize(world.addresses.clone()).await.unwrap();
    for id in 0..ENTRIES {
        world.add(id).await;
    }
    until(world.node(1), |s| s.purged.is_some_and(|index| index >= 20)).await;

    let unknown = world.node(1).add_voter(2).await;
    assert_eq!(unknown, Err(MembershipError::UnknownLearner { node_id: 2 }));
    world.start(2).await;
    assert!(!world.node(2).initialized().await);
    let address = world.addresses[&2].clone();
    world.node(1).add_learner(2, address.clone()).await.unwrap();
    world.has_applied(2, 0..ENTRIES).await;
    let joined = until(world.node(2), |s| s.part == Part::Learner && s.snapshot.is_some()).await;
    assert!(joined.snapshot >= Some(20) && joined.purged >= joined.snapshot.map(|index| index.min(20)));
    assert!(world.node(2).initialized().await);

    world.node(1).add_voter(2).await.unwrap();
    assert_eq!(world.node(1).members(), world.addresses);
    until(world.node(2), |s| s.voters.len() == 2 && s.part == Part::Follower).await;
    world.kill(2).await;
    world.start(2).await;
    world.has_applied(2, 0..ENTRIES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_leader_leaves_the_others_to_go_on() {
    let world = World::of(3).await;
    world.add(1).await;
    let removed = world.leader().await;
    let stay: BTreeSet<u64> = (1..=3).filter(|id| *id != removed).collect();
    world.node(removed).remove_voter(removed).await.unwrap();
    for id in &stay {
        let others = |s: &crate::NodeStatus| s.leader.as_ref().is_some_and(|(l, _)| *l != removed);
        let status = until(world.node(*id), others).await;
        assert_eq!(status.voters.keys().copied().collect::<BTreeSet<_>>(), stay);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_members_added_at_once_both_vote() {
    let mut world = World::of(1).await;
    for id in [2, 3] {
        world.start(id).await;
    }
    let add = async |id: u64| {
        let address = &world.addresses[&id];
        while let Err(error) = world.node(1).add_learner(id, address.clone()).await {
            assert!(error.retryable(), "{error}");
        }
        while let Err(error) = world.node(1).add_voter(id).await {
            assert!(error.retryable(), "{error}");
        }
    };
    tokio::join!(add(2), add(3));
    until(world.node(1), |s| s.voters.len() == 3).await;
}
