//! Shards that nobody serves for a moment: their requests wait in the router, and are sent again once it is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Version};
use hyper::body::Incoming;
use platform_model::{PROBE_PATH, ShardId};
use platform_runtime::config::HumanDuration;
use tokio::io::AsyncWriteExt;

use super::stand_in::{Body, StandIn, echo, full, moving};
use super::world::{Answer, COMMON, SHORT, World, until};

/// Longer than any test: what waits for it never comes.
pub const NEVER: HumanDuration = HumanDuration(Duration::from_secs(3_600));

/// A node whose door says `moving` until the flag is set.
pub fn shut(node: &StandIn) -> Arc<AtomicBool> {
    let open = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&open);
    node.always(move |request| {
        let open = seen.load(Ordering::SeqCst);
        async move {
            match open {
                true => echo(request).await,
                false => moving(),
            }
        }
    });
    open
}

pub fn held(world: &World, node: &StandIn) -> usize {
    world.cell(node).held.taken().0
}

pub fn post(world: &World, body: &str) -> Request<Body> {
    let request = world.request("eu/eu-central", "POST", "/v1/activities");
    request.body(full(body.to_owned())).expect("a request")
}

pub fn get(world: &World) -> Request<Body> {
    let request = world.request("eu/eu-central", "GET", "/v1/profile");
    request.body(full("")).expect("a request")
}

#[tokio::test]
async fn what_a_moving_shard_refused_waits_and_is_sent_again_in_order() {
    const REQUESTS: usize = 30;
    let world = World::with(|config| config.hold.within = NEVER).await;
    let open = shut(&world.central);
    let mut sent = Vec::new();
    for number in 0..REQUESTS {
        // Without a key: the node said that it did nothing.
        sent.push(world.send_apart(post(&world, &number.to_string())));
        until("a place in the line", || {
            held(&world, &world.central) == number + 1
        })
        .await;
    }
    assert_eq!(world.central.requests(), 1, "the others did not even ask");
    open.store(true, Ordering::SeqCst);
    for (number, answer) in sent.into_iter().enumerate() {
        let answer = Answer::read(answer.await.expect("an answer")).await;
        assert_eq!(
            (answer.status, &answer.body[..]),
            (200, number.to_string().as_bytes())
        );
    }
    assert_eq!(world.central.requests(), 1 + REQUESTS, "each once more");
    assert_eq!(world.cell(&world.central).held.taken(), (0, 0));
    assert_eq!(world.get("eu/eu-central", "/v1/profile").await.status, 200);
}

#[tokio::test]
async fn they_arrive_in_the_order_in_which_they_came() {
    const REQUESTS: usize = 40;
    let world = World::with(|config| config.hold.within = NEVER).await;
    let open = shut(&world.central);
    let mut sent = Vec::new();
    for number in 0..REQUESTS {
        let request = world
            .request("eu/eu-central", "GET", "/v1/profile")
            .header("x-number", number);
        sent.push(world.send_apart(request.body(full("")).expect("a request")));
        until("a place in the line", || {
            held(&world, &world.central) == number + 1
        })
        .await;
    }
    open.store(true, Ordering::SeqCst);
    for answer in sent {
        assert_eq!(answer.await.expect("an answer").status(), 200);
    }
    let seen = world.central.seen.lock();
    let numbers = seen[1..].iter().map(|head| &head.headers["x-number"]);
    let numbers: Vec<usize> = numbers
        .map(|number| number.to_str().expect("text").parse().expect("a number"))
        .collect();
    assert_eq!(numbers, (0..REQUESTS).collect::<Vec<_>>());
}

/// At any time no more are under way than were answered, and one: whoever comes back is not met by everyone.
#[tokio::test]
async fn a_primary_that_serves_again_is_met_by_one_then_by_two_and_asked_by_one() {
    const REQUESTS: usize = 50;
    let world = World::with(|config| (config.hold.within, config.hold.pace) = (NEVER, NEVER)).await;
    let open = Arc::new(AtomicBool::new(false));
    let [asking, under_way, answered, too_many] = [(); 4].map(|()| Arc::new(AtomicUsize::new(0)));
    let counts = [&asking, &under_way, &answered, &too_many].map(Arc::clone);
    let seen = Arc::clone(&open);
    world.central.always(move |request: Request<Incoming>| {
        let [asking, under_way, answered, too_many] = counts.clone();
        let open = seen.load(Ordering::SeqCst);
        let probes = request.uri().path() == PROBE_PATH;
        let (now, most) = match probes {
            true => (asking.fetch_add(1, Ordering::SeqCst), 0),
            false => (
                under_way.fetch_add(1, Ordering::SeqCst),
                answered.load(Ordering::SeqCst),
            ),
        };
        too_many.fetch_add(usize::from(now > most), Ordering::SeqCst);
        async move {
            tokio::task::yield_now().await;
            if open && !probes {
                answered.fetch_add(1, Ordering::SeqCst);
            }
            let which = if probes { &asking } else { &under_way };
            which.fetch_sub(1, Ordering::SeqCst);
            if open { echo(request).await } else { moving() }
        }
    });
    let mut sent = Vec::new();
    for number in 0..REQUESTS {
        sent.push(world.send_apart(get(&world)));
        until("a place in the line", || {
            held(&world, &world.central) == number + 1
        })
        .await;
    }
    open.store(true, Ordering::SeqCst);
    for answer in sent {
        assert_eq!(answer.await.expect("an answer").status(), 200);
    }
    assert_eq!(too_many.load(Ordering::SeqCst), 0);
    assert_eq!(world.central.requests(), 1 + REQUESTS);
    assert!(world.central.probes.load(Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn slow_answers_hold_up_nobody() {
    let world = World::with(|config| config.hold.within = NEVER).await;
    let open = shut(&world.central);
    let slow = world.send_apart(post(&world, "slow"));
    until("a place in the line", || held(&world, &world.central) == 1).await;
    let quick = world.send_apart(post(&world, "quick"));
    until("a place in the line", || held(&world, &world.central) == 2).await;
    let (gate, waits) = (Arc::new(tokio::sync::Notify::new()), world.central.requests());
    let opened = Arc::clone(&gate);
    world.central.once(move |request| {
        let opened = Arc::clone(&opened);
        async move {
            opened.notified().await;
            echo(request).await
        }
    });
    open.store(true, Ordering::SeqCst);
    let answer = Answer::read(quick.await.expect("an answer")).await;
    assert_eq!(&answer.body[..], b"quick");
    assert_eq!(world.central.requests(), waits + 2);
    gate.notify_one();
    assert_eq!(
        &Answer::read(slow.await.expect("an answer")).await.body[..],
        b"slow"
    );
}

#[tokio::test]
async fn who_waits_in_vain_is_told_to_come_again() {
    let world = World::with(|config| {
        config.hold.within = SHORT;
        config.nodes.in_flight_per_cell_max = 1;
    })
    .await;
    shut(&world.central);
    let answer = world.get("eu/eu-central", "/v1/profile").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "moving"));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(world.central.requests(), 1);
    assert_eq!(world.cell(&world.central).held.taken(), (0, 0));
}

/// What a request may take in all is its deadline, also while it is held; the node is not blamed for it.
#[tokio::test]
async fn the_deadline_of_a_request_goes_on_while_it_is_held() {
    let world = World::with(|config| {
        config.hold.within = NEVER;
        config.nodes.request_deadline = SHORT;
    })
    .await;
    let open = shut(&world.central);
    for _ in 0..2 * crate::upstream::breaker::FAILURES_MAX {
        let answer = world.get("eu/eu-central", "/v1/profile").await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "moving"));
    }
    open.store(true, Ordering::SeqCst);
    let found = async { while world.get("eu/eu-central", "/v1/profile").await.status != 200 {} };
    tokio::time::timeout(super::world::SOON, found)
        .await
        .expect("served again");
}

#[tokio::test]
async fn a_second_hold_of_one_request_is_once_too_often() {
    let world = World::with(|config| config.hold.within = NEVER).await;
    let open = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&open);
    // Its door lets everyone pass, then what is behind it refuses.
    world.central.always(move |request| {
        let passes = request.uri().path() == PROBE_PATH || seen.load(Ordering::SeqCst);
        async move { if passes { echo(request).await } else { moving() } }
    });
    let answer = world.get("eu/eu-central", "/v1/profile").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "moving"));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(world.central.requests(), 2, "sent once more, not for ever");
    open.store(true, Ordering::SeqCst);
    assert_eq!(world.get("eu/eu-central", "/v1/profile").await.status, 200);
}

#[tokio::test]
async fn an_app_that_goes_away_frees_its_place() {
    let world = World::with(|config| config.hold.within = NEVER).await;
    let open = shut(&world.central);
    let mut goes = world.connect("http/1.1").await;
    let head = format!(
        "GET /v1/profile HTTP/1.1\r\nhost: {COMMON}\r\nauthorization: {}\r\n\r\n",
        world.bearer("eu/eu-central")
    );
    goes.write_all(head.as_bytes()).await.expect("written");
    goes.flush().await.expect("sent");
    until("a place in the line", || held(&world, &world.central) == 1).await;
    drop(goes);
    until("the place comes back", || held(&world, &world.central) == 0).await;
    let uri = format!("https://{COMMON}/v1/profile");
    let request = world.request("eu/eu-central", "GET", &uri);
    let request = request
        .version(Version::HTTP_2)
        .body(full(""))
        .expect("a request");
    let gone = world.try_send(request);
    tokio::select! {
        _ = gone => panic!("nobody serves it"),
        () = until("a place in the line", || held(&world, &world.central) == 1) => {}
    }
    until("the place comes back", || held(&world, &world.central) == 0).await;
    open.store(true, Ordering::SeqCst);
    assert_eq!(world.get("eu/eu-central", "/v1/profile").await.status, 200);
    assert_eq!(world.central.requests(), 2, "nobody asks for those who went");
}

/// The shard of one person is held; all others of the same cell are served, and the cell has all of its places.
#[tokio::test]
async fn a_held_shard_takes_nothing_from_others() {
    let world = World::with(|config| {
        config.hold.within = NEVER;
        config.nodes.in_flight_per_cell_max = 2;
    })
    .await;
    let mine = ShardId::of_user(
        &"eu/eu-central".parse().expect("a home"),
        4,
        platform_model::UserId::from_uuid(uuid::Uuid::from_u128(7)),
    );
    let open = Arc::new(AtomicBool::new(false));
    let (seen, name) = (Arc::clone(&open), mine.to_string());
    world.central.always(move |request| {
        let passes = seen.load(Ordering::SeqCst) || request.headers()["meridian-shard"] != name.as_str();
        async move { if passes { echo(request).await } else { moving() } }
    });
    let mut waits = vec![world.send_apart(get(&world))];
    until("the line", || held(&world, &world.central) == 1).await;
    waits.extend((0..4).map(|_| world.send_apart(get(&world))));
    until("the line", || held(&world, &world.central) == 5).await;
    assert!(
        world.is_free(&world.central, 2),
        "who waits has no place in the cell"
    );
    let others = (1..64u128)
        .map(uuid::Uuid::from_u128)
        .map(platform_model::UserId::from_uuid);
    let home = "eu/eu-central".parse().expect("a home");
    let others = others.filter(|user| ShardId::of_user(&home, 4, *user) != mine);
    for user in others.take(8) {
        let claims = world.claims("eu/eu-central", user);
        let bearer = format!("Bearer {}", world.key.sign(&claims, &world.table.world));
        let request = Request::get("/v1/profile").header("host", COMMON);
        let request = request.header("authorization", bearer).body(full(""));
        let answer = Answer::read(world.send(request.expect("a request")).await).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(world.get("us/us-east", "/v1/profile").await.status, 200);
    open.store(true, Ordering::SeqCst);
    for answer in waits {
        assert_eq!(answer.await.expect("an answer").status(), 200);
    }
}
