//! Apps that do not read what they asked for, or read it slowly: it is their own loss.

use std::time::Duration;

use http::{Request, Response, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::pieces::Pieces;
use super::stand_in::{Body, full};
use super::world::{Answer, COMMON, SHORT, SOON, World, until};
use crate::spawner::Spawner;

const LARGE: usize = 1 << 20;

/// An app over HTTP/2 that grants each answer `window` bytes until it reads.
async fn app(world: &World, window: u32) -> SendRequest<Body> {
    let io = TokioIo::new(world.connect("h2").await);
    let spawner = Spawner(world.central.tasks.clone());
    let (sender, connection) = http2::Builder::new(spawner)
        .initial_stream_window_size(window)
        .handshake(io)
        .await
        .expect("h2");
    world
        .central
        .tasks
        .spawn("client", async { drop(connection.await) });
    sender
}

fn login() -> Request<Body> {
    let uri = format!("https://{COMMON}/v1/homes/eu~eu-central/login");
    Request::post(uri)
        .version(Version::HTTP_2)
        .body(full("{}"))
        .expect("a request")
}

fn original(world: &World) -> Request<Body> {
    let uri = format!("https://{COMMON}/v1/activities/1/original");
    let request = world
        .request("eu/eu-central", "GET", &uri)
        .version(Version::HTTP_2);
    request.body(full("")).expect("a request")
}

/// Asks so often, and holds the answers without reading them.
async fn ask(
    app: &mut SendRequest<Body>,
    times: usize,
    request: impl Fn() -> Request<Body>,
) -> Vec<Response<Incoming>> {
    let mut answers = Vec::new();
    for _ in 0..times {
        let sent = tokio::time::timeout(SOON, app.send_request(request()));
        answers.push(sent.await.expect("in time").expect("a head"));
    }
    answers
}

fn statuses(answers: &[Response<Incoming>], status: u16) -> usize {
    answers
        .iter()
        .filter(|answer| answer.status().as_u16() == status)
        .count()
}

#[tokio::test]
async fn an_app_that_never_reads_costs_its_cell_nothing_after_the_deadline() {
    const PLACES: usize = 8;
    let world = World::with(|config| {
        config.nodes.in_flight_per_cell_max = PLACES;
        config.nodes.answer_idle_timeout = SHORT;
    })
    .await;
    world
        .central
        .always(|_| std::future::ready(Response::new(full(vec![1u8; 1_000]))));
    let mut never = app(&world, 0).await;
    let small = ask(&mut never, PLACES, login).await;
    assert_eq!(statuses(&small, 200), PLACES);
    assert!(
        world.is_free(&world.central, PLACES),
        "a small answer waits for its app here, not in its cell"
    );

    world
        .central
        .always(|_| std::future::ready(Response::new(full(vec![1u8; LARGE]))));
    let mut never = app(&world, 0).await;
    let large = ask(&mut never, PLACES, || original(&world)).await;
    assert_eq!(
        (statuses(&large, 200), statuses(&large, 503)),
        (PLACES / 2, PLACES / 2),
        "what streams leaves half of the places"
    );
    until("the places", || world.is_free(&world.central, PLACES)).await;
    let answer = Answer::read(
        app(&world, 1 << 20)
            .await
            .send_request(original(&world))
            .await
            .expect("a head"),
    )
    .await;
    assert_eq!((answer.status, answer.body.len()), (200, LARGE));
}

#[tokio::test]
async fn stalled_readers_do_not_stop_others_on_the_same_node_connection() {
    let world = World::with(|config| config.nodes.connections_per_node = 1).await;
    world
        .central
        .always(|_| std::future::ready(Response::new(full(vec![1u8; LARGE]))));
    let mut never = app(&world, 0).await;
    let stalled = ask(&mut never, 64, || original(&world)).await;
    assert_eq!(statuses(&stalled, 200), 64);
    let mut reads = app(&world, 1 << 20).await;
    for _ in 0..4 {
        let answer = reads.send_request(original(&world)).await.expect("a head");
        let answer = Answer::read(answer).await;
        assert_eq!((answer.status, answer.body.len()), (200, LARGE));
    }
}

#[tokio::test]
async fn an_app_that_leaves_a_small_answer_unread_loses_its_connection() {
    let world = World::with(|config| config.nodes.answer_idle_timeout = SHORT).await;
    let mut never = app(&world, 0).await;
    let _held = ask(&mut never, 1, login).await;
    let closed = async {
        while never.ready().await.is_ok() {
            tokio::task::yield_now().await
        }
    };
    tokio::time::timeout(SOON, closed).await.expect("closed");
}

#[tokio::test]
async fn an_app_that_reads_keeps_its_connection() {
    let world = World::with(|config| config.nodes.answer_idle_timeout = SHORT).await;
    let mut reads = app(&world, 64 * 1024).await;
    let io = TokioIo::new(world.connect("http/1.1").await);
    let (mut in_order, connection) = hyper::client::conn::http1::handshake::<_, Body>(io)
        .await
        .expect("h1");
    world
        .central
        .tasks
        .spawn("client", async { drop(connection.await) });
    for _ in 0..12 {
        let answer = reads.send_request(login()).await.expect("the same connection");
        assert_eq!(Answer::read(answer).await.status, 200);
        let request = world.request("eu/eu-central", "POST", "/v1/activities");
        let request = request.body(full(vec![1u8; 100_000])).expect("a request");
        in_order.ready().await.expect("the same connection");
        let answer = in_order.send_request(request).await.expect("the same connection");
        assert_eq!(Answer::read(answer).await.body.len(), 100_000);
        tokio::time::sleep(SHORT.0 / 3).await;
    }
}

#[tokio::test]
async fn a_slow_reader_gives_up_its_place_and_is_told() {
    let world = World::with(|config| config.nodes.answer_idle_timeout = SHORT).await;
    world
        .central
        .always(|_| std::future::ready(Response::new(full(vec![1u8; LARGE]))));
    let mut slow = app(&world, 1_000).await;
    let answer = ask(&mut slow, 1, || original(&world)).await.pop().expect("one");
    let mut body = answer.into_body();
    let reading = async {
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => read += frame.into_data().unwrap_or_default().len(),
                Err(_) => return read,
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the answer came to its end");
    };
    let read = tokio::time::timeout(SOON, reading).await.expect("cut");
    assert!(read > 0 && read < LARGE / 4, "{read}");
    assert!(world.is_free(&world.central, 1_024));
}

#[tokio::test]
async fn an_app_that_stops_reading_over_http1_is_let_go() {
    const HUGE: usize = 32 << 20;
    let world = World::with(|config| {
        config.nodes.answer_idle_timeout = SHORT;
        config.nodes.in_flight_per_cell_max = 1;
    })
    .await;
    world
        .central
        .once(|_| std::future::ready(Response::new(full(vec![1u8; HUGE]))));
    let mut stream = world.connect("http/1.1").await;
    let head = format!(
        "GET /v1/activities/1/original HTTP/1.1\r\nhost: {COMMON}\r\nauthorization: {}\r\n\r\n",
        world.bearer("eu/eu-central")
    );
    stream.write_all(head.as_bytes()).await.expect("written");
    stream.flush().await.expect("sent");
    until("the request", || world.central.requests() == 1).await;
    until("the place", || world.is_free(&world.central, 1)).await;
    // What the kernel holds may still come; then nothing more does.
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(SOON, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection is over");
    assert!(rest.len() < HUGE, "{}", rest.len());
}

/// A node that takes its time between two pieces, longer together than the idle time, is not cut.
#[tokio::test]
async fn an_answer_that_moves_goes_on_however_long_it_takes() {
    let world = World::with(|config| config.nodes.answer_idle_timeout = SHORT).await;
    world.central.always(|_| {
        let (pieces, body) = tokio::sync::mpsc::channel(1);
        platform_runtime::TaskGroup::new().spawn("pieces", async move {
            for _ in 0..10 {
                tokio::time::sleep(SHORT.0 / 3).await;
                if pieces.send(bytes::Bytes::from_static(b"piece")).await.is_err() {
                    return;
                }
            }
        });
        std::future::ready(Response::new(Pieces(body).into_answer()))
    });
    let answer = world.get("eu/eu-central", "/v1/profile").await;
    assert_eq!((answer.status, answer.body.len()), (200, 50));
    assert!(world.is_free(&world.central, 1_024));
}
