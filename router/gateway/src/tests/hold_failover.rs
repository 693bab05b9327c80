//! Primaries that die, fall silent or are being replaced: what was on its way waits for the next one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Response;
use platform_model::matrix::plain;
use platform_model::{Epoch, Generation, SetPhase, ShardId};

use super::hold::{NEVER, get, held, post, shut};
use super::stand_in::{Body, full};
use super::world::{Answer, World, until};

/// `eu/eu-central` at the spare node, an epoch later.
fn promote_the_spare(world: &World) {
    let mut table = world.table.clone();
    table.generation = Generation(7);
    for (shard, route) in &mut table.shards {
        if matches!(shard, ShardId::Root { home, .. } if home.region.as_str() == "eu-central") {
            (route.node, route.epoch) = (world.spare.id.clone(), Epoch(4));
        }
    }
    world.running().known.take(Arc::new(table));
}

#[tokio::test]
async fn a_dead_primary_is_waited_for_until_the_table_names_another() {
    let world = World::with(|config| config.hold.within = NEVER).await;
    assert_eq!(world.get("eu/eu-central", "/v1/profile").await.status, 200);
    world.central.tasks.shutdown(Duration::from_millis(50)).await;
    // Never put on a connection: whatever its method, it may wait.
    let sent = world.send_apart(post(&world, "here"));
    until("a place in the line", || held(&world, &world.central) == 1).await;
    promote_the_spare(&world);
    let answer = Answer::read(sent.await.expect("an answer")).await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"here"[..]));
    let seen = world.spare.seen.lock();
    assert_eq!(seen[0].headers["meridian-epoch"], "4");
}

#[tokio::test]
async fn a_dead_primary_is_waited_for_until_it_is_back() {
    let world = World::with(|config| config.hold.within = NEVER).await;
    world.central.tasks.shutdown(Duration::from_millis(50)).await;
    let sent = world.send_apart(post(&world, "here"));
    until("a place in the line", || held(&world, &world.central) == 1).await;
    let revived = world.revive(&world.central).await;
    let answer = Answer::read(sent.await.expect("an answer")).await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"here"[..]));
    assert_eq!(revived.requests(), 1);
}

/// While the next primary is chosen nobody asks the old one, and then nobody but the new one.
#[tokio::test]
async fn a_shard_whose_primary_is_being_chosen_is_held_by_the_table() {
    let world = World::with(|config| config.hold.within = NEVER).await;
    let mut table = world.table.clone();
    table.generation = Generation(6);
    for route in table.shards.values_mut() {
        Arc::make_mut(&mut route.set).phase = SetPhase::Promoting {
            epoch: Epoch(4),
            order: 9,
        };
    }
    world.running().known.take(Arc::new(table));
    let sent = world.send_apart(post(&world, "here"));
    until("a place in the line", || held(&world, &world.central) == 1).await;
    promote_the_spare(&world);
    assert_eq!(sent.await.expect("an answer").status(), 200);
    assert_eq!((world.central.requests(), world.spare.requests()), (0, 1));
    assert_eq!(world.central.probes.load(Ordering::SeqCst), 0);
}

/// A primary that is stopped, or cut off, says nothing at all.
#[tokio::test]
async fn what_a_silent_primary_was_sent_is_sent_to_the_next_if_it_may_be() {
    let world = World::new().await;
    world.central.always(|_| std::future::pending::<Response<Body>>());
    let keyed = world
        .request("eu/eu-central", "POST", "/v1/activities")
        .header("idempotency-key", uuid::Uuid::now_v7().to_string());
    let keyed = world.send_apart(keyed.body(full("keyed")).expect("a request"));
    let unkeyed = world.send_apart(post(&world, "unkeyed"));
    until("both", || world.central.requests() == 2).await;
    promote_the_spare(&world);
    let keyed = Answer::read(keyed.await.expect("an answer")).await;
    assert_eq!((keyed.status, &keyed.body[..]), (200, &b"keyed"[..]));
    let unkeyed = Answer::read(unkeyed.await.expect("an answer")).await;
    assert_eq!(
        (unkeyed.status, unkeyed.code().as_str()),
        (502, "outcome-unknown-without-key")
    );
    assert_eq!(world.spare.requests(), 1, "what may not be repeated is not");
}

/// The law may be another by the time that a shard is served again: it is asked again.
#[tokio::test]
async fn what_was_held_is_decided_anew() {
    let world = World::with(|config| config.hold.within = NEVER).await;
    let open = shut(&world.central);
    let sent = world.send_apart(get(&world));
    until("a place in the line", || held(&world, &world.central) == 1).await;
    let mut table = world.table.clone();
    table.generation = Generation(6);
    table.law = Some(plain::in_force(
        &[("eu", "DE", &["eu-west"]), ("us", "US", &["us-east"])],
        [2; 32],
        false,
    ));
    world.running().known.take(Arc::new(table));
    open.store(true, Ordering::SeqCst);
    let answer = Answer::read(sent.await.expect("an answer")).await;
    assert_eq!((answer.status, answer.code().as_str()), (451, "law-forbids"));
    assert_eq!(world.central.requests(), 1);
}
