//! Leaders come, go and come back, and nothing that was acknowledged is lost or doubled.

use std::sync::Arc;

use super::world::{World, until};
use super::{Add, Register};
use crate::error::{InitializeError, ProposeError, ReadError};
use crate::node::Node;
use crate::status::Part;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_elect_replicate_and_survive_the_loss_of_their_leader() {
    let mut world = World::of(3).await;
    for id in 0..10 {
        world.add(id).await;
    }
    for id in 1..=3 {
        world.has_applied(id, 0..10).await;
    }
    let lost = world.leader().await;
    world.kill(lost).await;
    for id in 10..20 {
        world.add(id).await;
    }
    assert_ne!(world.leader().await, lost);
    world.start(lost).await;
    for id in 1..=3 {
        world.has_applied(id, 0..20).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_majority_that_restarts_has_all_that_was_acknowledged() {
    let mut world = World::of(3).await;
    for id in 0..10 {
        world.add(id).await;
    }
    for id in 1..=3 {
        world.kill(id).await;
    }
    world.start(1).await;
    world.start(3).await;
    world.add(10).await;
    for id in [1, 3] {
        world.has_applied(id, 0..=10).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_shuts_down_hands_over_first() {
    let mut world = World::of(3).await;
    world.add(1).await;
    let old = world.leader().await;
    let term = world.node(old).status().term;
    world.shut_down(old).await;
    // Known already when the old one has stopped, so nobody waited for an election timeout.
    let heard = world
        .running
        .values()
        .filter_map(|r| r.node.leader())
        .any(|(leader, _)| leader != old);
    assert!(heard);
    let new = world.leader().await;
    assert_eq!(world.node(new).status().term, term + 1);
    world.add(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_leader_reads_and_writes_and_only_while_a_majority_confirms_it() {
    let mut world = World::of(3).await;
    let leader = world.leader().await;
    let followers: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
    world.add(7).await;
    assert_eq!(world.node(leader).read_linearizable().await.unwrap().total, 1);

    let named = Some((leader, world.addresses[&leader].clone()));
    let follower = world.node(followers[0]);
    assert_eq!(
        follower.read_linearizable().await,
        Err(ReadError::NotLeader {
            leader: named.clone()
        })
    );
    let refused = follower.propose(Add { id: 8, by: 1 }).await;
    assert_eq!(refused, Err(ProposeError::NotLeader { leader: named }));
    let again = world.node(leader).initialize(world.addresses.clone()).await;
    assert_eq!(again, Err(InitializeError::AlreadyInitialized));

    for id in followers {
        world.kill(id).await;
    }
    // The lease still runs for a while; once it has ended, no read is served.
    let alone = world.node(leader);
    while let Ok(state) = alone.read_linearizable().await {
        assert_eq!(state.total, 1);
        tokio::task::yield_now().await;
    }
    assert!(alone.propose(Add { id: 9, by: 1 }).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_proposals_at_once_cost_few_fsyncs() {
    const PROPOSALS: u64 = 256;
    let world = World::of(3).await;
    let leader = world.leader().await;
    world.add(PROPOSALS).await;
    let count = || {
        (1..=3)
            .map(|id| world.node(id).log_stats().fsyncs())
            .collect::<Vec<_>>()
    };
    let before = count();
    let node: Node<Register> = world.node(leader).clone();
    let proposals = (0..PROPOSALS).map(|id| {
        let node = node.clone();
        async move { node.propose(Add { id, by: 1 }).await }
    });
    let outcomes = futures::future::join_all(proposals).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    for id in 1..=3 {
        world.has_applied(id, 0..=PROPOSALS).await;
    }
    let spent: Vec<u64> = count().iter().zip(before).map(|(now, then)| now - then).collect();
    println!("fsyncs of the three logs for {PROPOSALS} proposals: {spent:?}");
    assert!(spent.iter().all(|fsyncs| *fsyncs <= PROPOSALS / 16), "{spent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_its_answer_finds_its_effect_in_the_state() {
    let world = World::of(1).await;
    until(world.node(1), |s| s.part == Part::Leader).await;
    for id in 0..50 {
        let total = world.node(1).propose(Add { id, by: 1 }).await.unwrap();
        let state = Arc::clone(&world.node(1).state().borrow());
        assert!(state.total >= total);
    }
}
