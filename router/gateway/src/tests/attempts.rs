//! What is sent again and where, and who is blamed for what went wrong.

use std::sync::Arc;
use std::time::Duration;

use http::Response;
use platform_model::{Epoch, ShardId};
use router_table::Moved;

use super::bounds::{raw, whole_first};
use super::stand_in::{Body, StandIn, echo, full, moved};
use super::world::{Answer, COMMON, SHORT, World, until};

/// A node whose next answer never comes, until the test stops it.
fn hangs_once(node: &StandIn) {
    let tasks = node.tasks.clone();
    node.once(move |_| {
        let tasks = tasks.clone();
        async move {
            tasks.cancelled().await;
            std::future::pending::<Response<Body>>().await
        }
    });
}

async fn stop(node: &StandIn) {
    node.tasks.shutdown(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn a_lost_connection_is_made_anew_and_only_what_may_be_repeated_is_repeated() {
    let world = World::new().await;
    assert_eq!(world.get("eu/eu-central", "/v1/profile").await.status, 200);
    // The node dies under a request: a GET is sent again to the node that came back, a POST without a key is not.
    for (method, key, expected) in [
        ("GET", None, 200),
        ("POST", None, 502),
        ("POST", Some(uuid::Uuid::now_v7()), 200),
    ] {
        let world = World::new().await;
        let dying = Arc::clone(&world.central);
        let tasks = dying.tasks.clone();
        world.central.once(move |_| {
            let tasks = tasks.clone();
            async move {
                // The answer never comes: the test stops this node below.
                tasks.cancelled().await;
                std::future::pending::<Response<Body>>().await
            }
        });
        let mut request = world.request("eu/eu-central", method, "/v1/activities");
        if let Some(key) = key {
            request = request.header("idempotency-key", key.to_string());
        }
        let sent = world.send_apart(request.body(full("x")).expect("a request"));
        until("the request", || dying.requests() == 1).await;
        dying.tasks.shutdown(std::time::Duration::from_millis(50)).await;
        let revived = world.revive(&dying).await;
        revived.always(echo);
        let answer = Answer::read(sent.await.expect("an answer")).await;
        assert_eq!(answer.status, expected, "{method} {key:?}: {answer:?}");
        if expected == 502 {
            assert_eq!(answer.code(), "outcome-unknown-without-key");
            assert!(
                !answer.headers.contains_key("retry-after"),
                "nobody sends it again unasked"
            );
        }
    }
}

#[tokio::test]
async fn a_key_that_is_not_forwarded_permits_no_replay() {
    let world = World::new().await;
    hangs_once(&world.central);
    let request = world
        .request("eu/eu-central", "POST", "/v1/activities")
        .header("idempotency-key", uuid::Uuid::now_v7().to_string())
        .header("connection", "idempotency-key");
    let sent = world.send_apart(request.body(full("x")).expect("a request"));
    until("the request", || world.central.requests() == 1).await;
    let seen = world.central.seen.lock()[0].clone();
    assert!(
        !seen.headers.contains_key("idempotency-key"),
        "the app says that it is for the router"
    );
    stop(&world.central).await;
    let revived = world.revive(&world.central).await;
    let answer = Answer::read(sent.await.expect("an answer")).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (502, "outcome-unknown-without-key")
    );
    assert_eq!(revived.requests(), 0, "not sent a second time");
}

/// Teaches the router that the whole of `eu/eu-central` is at the spare node.
fn learn_the_spare(world: &World) {
    let known = &world.running().known;
    let snapshot = known.snapshot.load_full();
    let now_ms = platform_runtime::clock::Clock::system().unix_ms();
    for shard in world.table.shards.keys() {
        let ShardId::Root { home, index } = shard else {
            continue;
        };
        if home.region.as_str() != "eu-central" {
            continue;
        }
        let place = snapshot.table.find_shard(home, *index).place().expect("placed");
        let said = Moved {
            shard: shard.clone(),
            epoch: Epoch(9),
            node: world.spare.id.clone(),
        };
        let learned = known
            .overrides
            .write()
            .learn(&snapshot.table, place.shard, said, now_ms);
        learned.expect("in the home's region");
    }
}

#[tokio::test]
async fn a_place_is_taken_in_the_cell_where_the_request_goes_next() {
    let world = World::with(|config| config.nodes.in_flight_per_cell_max = 1).await;
    let (gate, waits) = (
        Arc::new(tokio::sync::Notify::new()),
        Arc::new(tokio::sync::Notify::new()),
    );
    let (opened, waiting) = (Arc::clone(&gate), Arc::clone(&waits));
    hangs_once(&world.central);
    world.spare.once(move |_| {
        let (opened, waiting) = (Arc::clone(&opened), Arc::clone(&waiting));
        async move {
            waiting.notify_one();
            opened.notified().await;
            Response::new(full("there"))
        }
    });
    let request = world.request("eu/eu-central", "GET", "/v1/profile");
    let sent = world.send_apart(request.body(full("")).expect("a request"));
    until("the request", || world.central.requests() == 1).await;
    learn_the_spare(&world);
    stop(&world.central).await;
    waits.notified().await;
    assert!(world.is_free(&world.central, 1), "nothing is in flight there");
    assert!(!world.is_free(&world.spare, 1), "the place is taken here");
    gate.notify_one();
    let answer = Answer::read(sent.await.expect("an answer")).await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"there"[..]));
    assert!(world.is_free(&world.spare, 1));
}

#[tokio::test]
async fn a_timeout_is_charged_to_the_node_where_the_request_is() {
    let world = World::with(|config| {
        config.nodes.request_deadline = SHORT;
        config.hold.within = SHORT;
        // Each request goes by the first node.
        config.learned.life.0 = Duration::ZERO;
    })
    .await;
    let spare = world.spare.id.clone();
    world
        .central
        .always(move |request| std::future::ready(moved(&request, 4, &spare)));
    world.spare.always(|_| std::future::pending::<Response<Body>>());
    for _ in 0..crate::upstream::breaker::FAILURES_MAX {
        let answer = world.get("eu/eu-central", "/v1/profile").await;
        assert_eq!((answer.status, answer.code().as_str()), (504, "timeout"));
    }
    let answer = world.get("eu/eu-central", "/v1/profile").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
}

#[tokio::test]
async fn bodies_that_apps_break_off_do_not_open_the_breaker() {
    let world = World::with(|config| config.apps.body_idle_timeout = SHORT).await;
    world.central.always(whole_first);
    let head = format!(
        "POST /v1/activities HTTP/1.1\r\nhost: {COMMON}\r\nauthorization: {}\r\ncontent-length: 200000\r\n\r\nabc",
        world.bearer("eu/eu-central")
    );
    for _ in 0..=crate::upstream::breaker::FAILURES_MAX {
        let answer = raw(&world, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
    assert_eq!(world.get("eu/eu-central", "/v1/profile").await.status, 200);
}
