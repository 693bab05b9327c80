//! What a node is sent, what an app gets back, and what happens when a shard has moved.

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::BodyExt;
use platform_runtime::telemetry::TraceContext;

use super::pieces::Pieces;
use super::stand_in::{full, moved};
use super::world::{Answer, COMMON, SHORT, World};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn shard_of(world: &World, home: &str) -> String {
    let user = platform_model::UserId::from_uuid(uuid::Uuid::from_u128(7));
    world
        .table
        .shard_of_user(&home.parse().expect("a home"), user)
        .expect("known")
        .to_string()
}

#[tokio::test]
async fn a_request_reaches_its_shard_with_what_only_the_router_may_say() {
    let world = World::new().await;
    for (number, version) in [Version::HTTP_11, Version::HTTP_2].into_iter().enumerate() {
        let uri = if version == Version::HTTP_2 {
            format!("https://{COMMON}/v1/x?a=b")
        } else {
            "/v1/x?a=b".into()
        };
        let mut request = Request::builder().method("PUT").uri(uri).version(version);
        if version == Version::HTTP_11 {
            request = request.header("host", COMMON);
        }
        let request = request
            .header("authorization", world.bearer("us/us-east"))
            .header("meridian-shard", "eu/eu-central/000")
            .header("meridian-epoch", "99")
            .header("meridian-position", "e1:2")
            .header("x-request-id", "mine")
            .header("traceparent", TRACE)
            .body(full("hello"))
            .expect("a request");
        let answer = Answer::read(world.send(request).await).await;
        assert_eq!((answer.status, &answer.body[..]), (200, &b"hello"[..]));
        assert!(answer.headers.contains_key("meridian-table-age-ms"));
        let seen = world.east.seen.lock()[number].clone();
        assert_eq!(seen.headers["meridian-shard"], shard_of(&world, "us/us-east"));
        assert_eq!(seen.headers["meridian-epoch"], "3");
        assert_eq!(seen.headers["meridian-position"], "e1:2");
        assert_eq!(seen.headers["x-request-id"], answer.headers["x-request-id"]);
        let trace = TraceContext::continue_or_new(seen.headers["traceparent"].to_str().ok());
        assert_eq!(trace.trace_id(), &TRACE[3..35]);
        assert_ne!(trace.span_id(), &TRACE[36..52]);
        assert_eq!(
            (seen.method.as_str(), seen.uri.path(), seen.uri.query()),
            ("PUT", "/v1/x", Some("a=b"))
        );
    }
    assert_eq!(world.central.requests(), 0);
}

#[tokio::test]
async fn a_moved_shard_is_followed_once_and_remembered() {
    let world = World::new().await;
    let spare = world.spare.id.clone();
    world
        .central
        .once(move |request| std::future::ready(moved(&request, 4, &spare)));
    let post = || {
        let request = world
            .request("eu/eu-central", "POST", "/v1/activities")
            .body(full("once"))
            .expect("a request");
        world.send(request)
    };
    let answer = Answer::read(post().await).await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"once"[..]));
    assert_eq!(world.spare.seen.lock()[0].headers["meridian-epoch"], "4");
    assert_eq!(Answer::read(post().await).await.status, 200);
    assert_eq!(
        (world.central.requests(), world.spare.requests()),
        (1, 2),
        "the second goes there at once"
    );
}

#[tokio::test]
async fn a_moved_out_of_the_homes_region_is_not_followed() {
    let world = World::with(|config| config.hold.within = SHORT).await;
    let east = world.east.id.clone();
    world
        .central
        .always(move |request| std::future::ready(moved(&request, 9, &east)));
    for _ in 0..2 {
        let answer = world.get("eu/eu-central", "/v1/profile").await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "moving"));
    }
    assert_eq!(
        (world.central.requests(), world.east.requests()),
        (1, 0),
        "not once; the second waited with the first until it was told"
    );
}

#[tokio::test]
async fn a_shard_that_nobody_has_is_moving() {
    let world = World::with(|config| config.hold.within = SHORT).await;
    let (spare, central) = (world.spare.id.clone(), world.central.id.clone());
    world
        .central
        .always(move |request| std::future::ready(moved(&request, 4, &spare)));
    world
        .spare
        .always(move |request| std::future::ready(moved(&request, 5, &central)));
    let answer = world.get("eu/eu-central", "/v1/profile").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "moving"));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(
        (world.central.requests(), world.spare.requests()),
        (1, 1),
        "replayed once, not for ever"
    );
}

#[tokio::test]
async fn a_node_that_lost_the_shard_and_knows_no_other_is_not_passed_on() {
    let world = World::with(|config| config.hold.within = SHORT).await;
    world.central.always(|_| {
        let problem = platform_model::Problem::new(platform_model::Code::Moved).to_json();
        let answer = Response::builder()
            .status(421)
            .header("content-type", "application/problem+json");
        std::future::ready(answer.body(full(problem)).expect("an answer"))
    });
    assert_eq!(world.get("eu/eu-central", "/v1/profile").await.code(), "moving");
}

#[tokio::test]
async fn a_moved_to_a_stranger_is_not_followed() {
    let world = World::with(|config| config.hold.within = SHORT).await;
    let stranger = "mars-1/0".parse().expect("a node");
    world
        .central
        .always(move |request| std::future::ready(moved(&request, 9, &stranger)));
    assert_eq!(world.get("eu/eu-central", "/v1/profile").await.code(), "moving");
}

#[tokio::test]
async fn a_body_that_streams_is_not_sent_twice() {
    let world = World::new().await;
    let spare = world.spare.id.clone();
    world
        .central
        .once(move |request| std::future::ready(moved(&request, 4, &spare)));
    let body = full(vec![7u8; 200_000]);
    let request = world
        .request("eu/eu-central", "POST", "/v1/activities")
        .body(body)
        .expect("a request");
    let answer = Answer::read(world.send(request).await).await;
    assert_eq!(answer.code(), "moving");
    assert_eq!(world.spare.requests(), 0);
}

#[tokio::test]
async fn bodies_stream_both_ways_at_once() {
    let world = World::new().await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let (pieces, body) = tokio::sync::mpsc::channel(4);
        let mut request = world
            .request("eu/eu-central", "POST", "/v1/activities")
            .version(version);
        if version == Version::HTTP_2 {
            request = request.uri(format!("https://{COMMON}/v1/activities"));
        }
        let first = Bytes::from(vec![1u8; 100_000]);
        pieces.send(first.clone()).await.expect("open");
        // The head of the answer comes while the request is still being written.
        let mut answer = world
            .send(request.body(Pieces(body)).expect("a request"))
            .await
            .into_body();
        let mut echoed = 0;
        let mut read = async |until: usize| {
            while echoed < until {
                let frame = answer.frame().await.expect("more").expect("whole");
                echoed += frame.into_data().unwrap_or_default().len();
            }
            echoed
        };
        assert_eq!(read(100_000).await, 100_000);
        pieces.send(first).await.expect("open");
        assert_eq!(
            read(200_000).await,
            200_000,
            "the second piece passes after the first came back"
        );
        drop(pieces);
        assert_eq!(answer.collect().await.expect("ends well").to_bytes().len(), 0);
    }
}

#[tokio::test]
async fn many_requests_at_once_on_few_connections_are_all_answered() {
    const CONNECTIONS: usize = 4;
    const REQUESTS: usize = 100;
    let world = World::new().await;
    let tasks = platform_runtime::TaskGroup::new();
    let (done, mut answers) = tokio::sync::mpsc::channel(CONNECTIONS * REQUESTS);
    for n in 0..CONNECTIONS {
        let io = hyper_util::rt::TokioIo::new(world.connect("h2").await);
        let spawner = crate::spawner::Spawner(tasks.clone());
        let (sender, connection) = hyper::client::conn::http2::handshake(spawner, io)
            .await
            .expect("h2");
        tasks.spawn("client", async { drop(connection.await) });
        let home = if n % 2 == 0 { "eu/eu-central" } else { "us/us-east" };
        for _ in 0..REQUESTS {
            let request = world.request(home, "POST", &format!("https://{COMMON}/v1/activities"));
            let request = request.body(full(vec![3u8; 20_000])).expect("a request");
            let (mut sender, done) = (sender.clone(), done.clone());
            tasks.spawn("request", async move {
                let answer = Answer::read(sender.send_request(request).await.expect("an answer")).await;
                done.send((answer.status, answer.body.len()))
                    .await
                    .expect("awaited");
            });
        }
    }
    drop(done);
    let mut answered = 0;
    while let Some(answer) = answers.recv().await {
        assert_eq!(answer, (200, 20_000));
        answered += 1;
    }
    assert_eq!(answered, CONNECTIONS * REQUESTS);
}
