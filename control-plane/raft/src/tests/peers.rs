//! What is refused: data of another world, and calls of the wrong caller, world or addressee.

use openraft::Vote;
use openraft::raft::{VoteRequest, VoteResponse};
use platform_model::WorldId;
use platform_runtime::tls::{Expect, Identity};
use platform_wire::channel::connect;
use platform_wire::raft::raft_client::RaftClient;
use platform_wire::raft::{RaftCall, RaftReply, RaftVerb};
use tonic::{Code, Status};

use super::Add;
use super::world::{WITHIN, World};
use crate::error::StartError;
use crate::network::{Answered, Asked};
use crate::types::Types;

/// The copy that controller 2 says it has.
const COPY_OF_2: u64 = 22;

async fn call(world: &World, identity: &Identity, call: RaftCall) -> Result<RaftReply, Status> {
    let channel = connect(&world.addresses[&1], identity, Expect::Controller).unwrap();
    RaftClient::new(channel)
        .call(call)
        .await
        .map(tonic::Response::into_inner)
}

/// A candidate of a later term than any, with an empty log.
fn stale_candidate(world: &World, verb: RaftVerb) -> RaftCall {
    let request = VoteRequest::<Types>::new(Vote::new(1_000, 2), None);
    RaftCall {
        version: platform_wire::FRAME_VERSION,
        world: world.id().to_string(),
        from: 2,
        to: 1,
        verb: verb.into(),
        payload: serde_json::to_vec(&Asked {
            from_copy: COPY_OF_2,
            to_copy: None,
            body: request,
        })
        .unwrap(),
    }
}

fn another_world() -> WorldId {
    WorldId::new(&"7".repeat(64)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_of_another_world_or_controller_is_refused_and_stays_as_it_was() {
    let mut world = World::of(1).await;
    world.add(1).await;
    let busy = world.try_start(world.config(1)).await.err();
    assert!(matches!(busy, Some(StartError::InUse { .. })), "{busy:?}");
    world.kill(1).await;

    let mut config = world.config(1);
    config.world = another_world();
    let refused = world.try_start(config).await.err();
    assert!(
        matches!(&refused, Some(StartError::WrongWorld { found, .. }) if *found == world.id()),
        "{refused:?}"
    );
    let mut config = world.config(1);
    config.node_id = 9;
    let refused = world.try_start(config).await.err();
    assert!(
        matches!(
            refused,
            Some(StartError::WrongNode {
                found: 1,
                expected: 9,
                ..
            })
        ),
        "{refused:?}"
    );

    world.start(1).await;
    world.leader().await;
    world.has_applied(1, [1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_another_world_caller_or_addressee_is_refused_unread() {
    let world = World::of(1).await;
    let (controller, operator) = (world.controller(2), world.operator());
    let good = || stale_candidate(&world, RaftVerb::PreVote);

    let elsewhere = RaftCall {
        world: another_world().to_string(),
        payload: Vec::new(),
        ..good()
    };
    assert_eq!(
        call(&world, &controller, elsewhere).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let newer = RaftCall {
        version: platform_wire::FRAME_VERSION + 1,
        ..good()
    };
    assert_eq!(
        call(&world, &controller, newer).await.unwrap_err().code(),
        Code::FailedPrecondition
    );
    let misdirected = RaftCall { to: 3, ..good() };
    assert_eq!(
        call(&world, &controller, misdirected).await.unwrap_err().code(),
        Code::FailedPrecondition
    );
    assert_eq!(
        call(&world, &operator, good()).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let garbled = RaftCall {
        payload: b"{".to_vec(),
        ..good()
    };
    assert_eq!(
        call(&world, &controller, garbled).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    assert!(call(&world, &controller, good()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pre_vote_reaches_the_peer_and_is_refused_without_a_new_term() {
    let world = World::of(1).await;
    world.add(1).await;
    let term = world.node(1).status().term;
    let reply = call(
        &world,
        &world.controller(2),
        stale_candidate(&world, RaftVerb::PreVote),
    )
    .await
    .unwrap();
    let answer: Answered<VoteResponse<Types>> = serde_json::from_slice(&reply.payload).unwrap();
    assert!(!answer.body.vote_granted);
    world.add(2).await;
    assert_eq!(world.node(1).status().term, term);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_voter_keeps_its_promise_for_one_lease() {
    let mut world = World::of(1).await;
    world.kill(1).await;
    world.start(1).await;
    for verb in [RaftVerb::Vote, RaftVerb::PreVote] {
        let refused = call(&world, &world.controller(2), stale_candidate(&world, verb))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    }
    world.leader().await;
    assert!(
        call(
            &world,
            &world.controller(2),
            stale_candidate(&world, RaftVerb::PreVote)
        )
        .await
        .is_ok()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_lost_its_disk_is_not_taken_for_the_one_it_was() {
    let mut world = World::of(3).await;
    world.add(0).await;
    let leader = world.leader().await;
    let lost = (1..=3).find(|id| *id != leader).unwrap();
    world.has_applied(lost, [0]).await;
    world.kill(lost).await;
    std::fs::remove_dir_all(world.data_dir(lost)).unwrap();
    world.start(lost).await;
    let waiting = tokio::time::timeout(WITHIN, async {
        let mut id = 1;
        while world.node(lost).calls_refused() == 0 {
            world.node(leader).propose(Add { id, by: 1 }).await.unwrap();
            id += 1;
        }
    });
    waiting.await.unwrap();
    // Untouched, so it can neither vote nor acknowledge; and it can still be given another id.
    assert!(!world.node(lost).initialized().await);
    assert!(world.node(leader).is_leader());
}
