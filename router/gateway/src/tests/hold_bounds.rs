//! What may be held, how much of it, and which bodies.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use platform_model::Code;
use platform_runtime::config::{HumanDuration, HumanSize};

use super::bounds::whole_first;
use super::hold::{NEVER, held, post, shut};
use super::life::inside;
use super::pieces::Pieces;
use super::stand_in::{Body, full, moving};
use super::world::{Answer, World, until};

const LARGE: usize = 200_000;

async fn refused(world: &World, request: Request<Body>) {
    let answer = Answer::read(world.send(request).await).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "moving"));
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
}

#[tokio::test]
async fn past_the_bound_of_requests_the_next_is_told_to_come_again() {
    let world = World::with(|config| {
        config.hold.within = NEVER;
        config.hold.requests_per_shard_max = 2;
    })
    .await;
    let open = shut(&world.central);
    let mut waits = Vec::new();
    for number in 1..=2 {
        waits.push(world.send_apart(post(&world, "x")));
        until("the line", || held(&world, &world.central) == number).await;
    }
    refused(&world, post(&world, "x")).await;
    assert_eq!(world.get("us/us-east", "/v1/profile").await.status, 200);
    open.store(true, Ordering::SeqCst);
    for answer in waits {
        assert_eq!(answer.await.expect("an answer").status(), 200);
    }
    assert_eq!(world.central.requests(), 3, "who was refused asked nobody");
}

#[tokio::test]
async fn past_the_bound_of_bytes_too_before_the_body_is_read() {
    let world = World::with(|config| {
        config.hold.within = NEVER;
        config.hold.bytes_per_shard_max = HumanSize(100 * 1024);
    })
    .await;
    let open = shut(&world.central);
    let body = "y".repeat(60_000);
    let waits = world.send_apart(post(&world, &body));
    until("the line", || held(&world, &world.central) == 1).await;
    refused(&world, post(&world, &body)).await;
    // One that never ends: its length is not told, so that it may be as long as what is kept.
    let (pieces, endless) = tokio::sync::mpsc::channel(1);
    pieces.send(Bytes::from_static(b"x")).await.expect("open");
    let request = world.request("eu/eu-central", "POST", "/v1/activities");
    let answer = world
        .send(request.body(Pieces(endless)).expect("a request"))
        .await;
    assert_eq!(Answer::read(answer).await.code(), "moving");
    let small = world.send_apart(post(&world, "small"));
    until("the line", || held(&world, &world.central) == 2).await;
    let bytes = world.cell(&world.central).held.taken().1;
    assert!((60_000..62_000).contains(&bytes), "{bytes}: bodies and heads");
    open.store(true, Ordering::SeqCst);
    for answer in [waits, small] {
        assert_eq!(answer.await.expect("an answer").status(), 200);
    }
    assert_eq!(world.cell(&world.central).held.taken(), (0, 0));
}

#[tokio::test]
async fn a_shard_that_is_held_for_long_takes_nobody_new() {
    let world = World::with(|config| {
        config.hold.within = NEVER;
        config.hold.shard_within = HumanDuration(Duration::from_millis(100));
    })
    .await;
    let open = shut(&world.central);
    let waits = world.send_apart(post(&world, "x"));
    until("the line", || held(&world, &world.central) == 1).await;
    let long = async {
        // Refused at once, or held: then the test would not end.
        platform_runtime::clock::Clock::system()
            .sleep(Duration::from_millis(300))
            .await;
        refused(&world, post(&world, "x")).await;
    };
    long.await;
    open.store(true, Ordering::SeqCst);
    assert_eq!(waits.await.expect("an answer").status(), 200);
    until("the hold is over", || held(&world, &world.central) == 0).await;
    assert_eq!(
        Answer::read(world.send(post(&world, "x")).await).await.status,
        200
    );
}

#[tokio::test]
async fn a_large_body_that_was_sent_is_not_sent_again() {
    let world = World::new().await;
    world.central.once(|_| std::future::ready(moving()));
    refused(&world, post(&world, &"z".repeat(LARGE))).await;
    assert_eq!(world.central.requests(), 1);
}

/// It waits with its head alone, then streams for the first time.
#[tokio::test]
async fn a_large_body_is_not_read_while_its_shard_is_held() {
    let world = World::with(|config| config.hold.within = NEVER).await;
    let open = shut(&world.central);
    let first = world.send_apart(post(&world, "x"));
    until("the line", || held(&world, &world.central) == 1).await;
    let large = world.send_apart(post(&world, &"z".repeat(LARGE)));
    until("the line", || held(&world, &world.central) == 2).await;
    let bytes = world.cell(&world.central).held.taken().1;
    assert!(bytes < 4_096, "{bytes}: two heads");
    open.store(true, Ordering::SeqCst);
    assert_eq!(first.await.expect("an answer").status(), 200);
    let answer = Answer::read(large.await.expect("an answer")).await;
    assert_eq!((answer.status, answer.body.len()), (200, LARGE));
    assert_eq!(world.central.requests(), 3);
}

#[tokio::test]
async fn a_large_command_that_broke_off_is_told_that_it_may_be_sent_again() {
    let world = World::new().await;
    let tasks = world.central.tasks.clone();
    // It takes the body and dies with it.
    world.central.once(move |request: Request<Incoming>| {
        let tasks = tasks.clone();
        async move {
            drop(request.into_body().collect().await);
            tasks.cancelled().await;
            std::future::pending::<Response<Body>>().await
        }
    });
    let request = world
        .request("eu/eu-central", "POST", "/v1/activities")
        .header("idempotency-key", uuid::Uuid::now_v7().to_string());
    let sent = world.send_apart(request.body(full(vec![0; LARGE])).expect("a request"));
    until("the request", || world.central.requests() == 1).await;
    world.central.tasks.shutdown(Duration::from_millis(50)).await;
    let answer = Answer::read(sent.await.expect("an answer")).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "outcome-unknown"));
    assert!(answer.headers.contains_key("retry-after"));
    assert!(Code::OutcomeUnknown.retryable() && !Code::OutcomeUnkeyed.retryable());
}

#[tokio::test]
async fn what_is_held_is_counted() {
    let world = World::with(|config| config.hold.within = NEVER).await;
    world.central.always(whole_first);
    world.central.once(|_| std::future::ready(moving()));
    assert_eq!(
        Answer::read(world.send(post(&world, "x")).await).await.status,
        200
    );
    let (_, metrics) = inside(&world, "/metrics").await;
    for name in [
        "router_held_replays_total",
        "router_probes_total",
        "router_held_seconds_count",
    ] {
        let counted = metrics.lines().any(|line| {
            line.starts_with(name) && line.contains(r#"cell="eu-central-1""#) && !line.ends_with(" 0")
        });
        assert!(counted, "{name} in {metrics}");
    }
    for name in ["router_held{", "router_held_bytes{", "router_hold_refused_total{"] {
        assert!(metrics.contains(name), "{name} in {metrics}");
    }
}
