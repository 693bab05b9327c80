//! Every bound answers, in time and with a code.

use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stand_in::{Body, full};
use super::world::{Answer, COMMON, SHORT, SOON, World, until};

/// Writes `text` on a fresh connection and reads until the router closes it.
pub async fn raw(world: &World, text: &[u8]) -> String {
    let mut stream = world.connect("http/1.1").await;
    stream.write_all(text).await.expect("written");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut answer))
        .await
        .expect("in time");
    // A close without close_notify would be an error here, an answer before it counts all the same.
    let _ = read;
    String::from_utf8_lossy(&answer).into_owned()
}

/// A node that answers once it has the whole body.
pub async fn whole_first(request: Request<Incoming>) -> Response<Body> {
    let read = request.into_body().collect().await.map(|body| body.to_bytes());
    Response::new(full(read.unwrap_or_default()))
}

#[tokio::test]
async fn a_body_past_the_limit_is_refused_told_or_counted() {
    let world = World::with(|config| config.apps.body_max.0 = 100_000).await;
    for version in [http::Version::HTTP_11, http::Version::HTTP_2] {
        let mut request = world
            .request("eu/eu-central", "POST", "/v1/activities")
            .version(version);
        if version == http::Version::HTTP_2 {
            request = request.uri(format!("https://{COMMON}/v1/activities"));
        }
        let request = request.body(full(vec![0u8; 100_001])).expect("a request");
        let answer = Answer::read(world.send(request).await).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (413, "body-too-large"),
            "{version:?}"
        );
    }
    assert_eq!(
        world.central.requests(),
        0,
        "a length that is told is refused before anything is forwarded"
    );
    world.central.always(whole_first);
    let chunk = format!("{:x}\r\n{}\r\n", 30_000, "y".repeat(30_000)).repeat(4);
    let head = format!(
        "POST /v1/activities HTTP/1.1\r\nhost: {COMMON}\r\nauthorization: {}\r\ntransfer-encoding: chunked\r\n\r\n",
        world.bearer("eu/eu-central")
    );
    let answer = raw(&world, format!("{head}{chunk}0\r\n\r\n").as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 413") && answer.contains("body-too-large"),
        "{answer}"
    );
}

#[tokio::test]
async fn headers_past_the_limit_are_refused() {
    let world = World::new().await;
    for version in [http::Version::HTTP_11, http::Version::HTTP_2] {
        let mut request = world
            .request("eu/eu-central", "GET", "/v1/profile")
            .version(version);
        if version == http::Version::HTTP_2 {
            request = request.uri(format!("https://{COMMON}/v1/profile"));
        }
        for n in 0..5 {
            request = request.header(format!("x-{n}"), "y".repeat(8_000));
        }
        let answer = Answer::read(world.send(request.body(full("")).expect("a request")).await).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (431, "header-too-large"),
            "{version:?}"
        );
    }
}

#[tokio::test]
async fn a_head_that_nodes_would_refuse_is_refused_here_with_a_word() {
    let world = World::new().await;
    for version in [http::Version::HTTP_11, http::Version::HTTP_2] {
        let send = async |path: String, headers: usize, length: usize| {
            let mut request = world.request("eu/eu-central", "GET", &path).version(version);
            if version == http::Version::HTTP_2 {
                request = request.uri(format!("https://{COMMON}{path}"));
            }
            for n in 0..headers {
                request = request.header(format!("x-{n}"), "y".repeat(length));
            }
            Answer::read(world.send(request.body(full("")).expect("a request")).await).await
        };
        let refused = send("/v1/profile".into(), 90, 320).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (431, "header-too-large"),
            "{version:?}: 29 KiB of text and 32 bytes for each header"
        );
        let fits = send("/v1/profile".into(), 90, 300).await;
        assert_eq!(fits.status, 200, "{version:?}");
    }
    let long = format!("https://{COMMON}/v1/{}", "y".repeat(40 * 1024));
    let request = world
        .request("eu/eu-central", "GET", &long)
        .version(http::Version::HTTP_2);
    let answer = Answer::read(world.send(request.body(full("")).expect("a request")).await).await;
    assert_eq!((answer.status, answer.code().as_str()), (431, "header-too-large"));
    assert_eq!(world.central.requests(), 2);
}

#[tokio::test]
async fn a_stranger_sends_no_long_body() {
    let world = World::new().await;
    let head = format!(
        "POST /v1/homes/eu~eu-central/login HTTP/1.1\r\nhost: {COMMON}\r\ncontent-length: 70000\r\n\r\n"
    );
    let answer = raw(&world, head.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 413") && answer.contains("body-too-large"),
        "{answer}"
    );
    assert_eq!(world.central.requests(), 0);
}

#[tokio::test]
async fn a_body_that_trickles_holds_no_place() {
    let world = World::with(|config| config.nodes.in_flight_per_cell_max = 1).await;
    let mut trickles = world.connect("http/1.1").await;
    let head = format!(
        "POST /v1/homes/eu~eu-central/login HTTP/1.1\r\nhost: {COMMON}\r\ncontent-length: 10\r\n\r\nabc"
    );
    trickles.write_all(head.as_bytes()).await.expect("written");
    trickles.flush().await.expect("sent");
    for _ in 0..20 {
        assert_eq!(world.get("eu/eu-central", "/v1/profile").await.status, 200);
    }
    trickles.write_all(b"defghij").await.expect("written");
    let mut answer = [0; 12];
    trickles.read_exact(&mut answer).await.expect("answered");
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let world = World::with(|config| config.apps.header_timeout = SHORT).await;
    let answer = raw(
        &world,
        format!("GET /v1/profile HTTP/1.1\r\nhost: {COMMON}\r\n").as_bytes(),
    )
    .await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_body_that_stops_is_answered() {
    let world = World::with(|config| config.apps.body_idle_timeout = SHORT).await;
    for length in [10, 200_000] {
        let head = format!(
            "POST /v1/activities HTTP/1.1\r\nhost: {COMMON}\r\nauthorization: {}\r\ncontent-length: {length}\r\n\r\nabc",
            world.bearer("us/us-east")
        );
        // The large one streams: the node must not answer before the body ends.
        world.east.always(whole_first);
        let answer = raw(&world, head.as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 408") && answer.contains("request-timeout"),
            "{length}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_sick_cell_takes_nothing_from_another() {
    let world = World::with(|config| {
        config.nodes.in_flight_per_cell_max = 4;
        config.nodes.request_deadline.0 = Duration::from_secs(2);
    })
    .await;
    world.central.always(|_| std::future::pending::<Response<Body>>());
    let get = |home| {
        world
            .request(home, "GET", "/v1/profile")
            .body(full(""))
            .expect("a request")
    };
    let stuck: Vec<_> = (0..4).map(|_| world.send_apart(get("eu/eu-central"))).collect();
    until("four requests", || world.central.requests() == 4).await;
    let refused = world.get("eu/eu-central", "/v1/profile").await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"));
    assert!(refused.headers.contains_key("retry-after"));
    for _ in 0..20 {
        assert_eq!(
            world.get("us/us-east", "/v1/profile").await.status,
            200,
            "the other cell is well"
        );
    }
    for answer in stuck {
        let answer = Answer::read(answer.await.expect("an answer")).await;
        assert_eq!((answer.status, answer.code().as_str()), (504, "timeout"));
    }
    assert_eq!(world.get("us/us-east", "/v1/profile").await.status, 200);
}

#[tokio::test]
async fn a_dead_node_is_waited_for_told_of_and_found_again() {
    let world = World::with(|config| config.hold.within = SHORT).await;
    world.central.tasks.shutdown(Duration::from_millis(50)).await;
    for _ in 0..8 {
        let answer = world.get("eu/eu-central", "/v1/profile").await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"));
    }
    assert_eq!(world.get("us/us-east", "/v1/profile").await.status, 200);
    let revived = world.revive(&world.central).await;
    let found = tokio::time::timeout(SOON, async {
        while world.get("eu/eu-central", "/v1/profile").await.status != 200 {}
    });
    found.await.expect("found again, without a new table");
    assert!(revived.requests() > 0);
}

#[tokio::test]
async fn connections_are_bounded() {
    let world = World::with(|config| config.apps.connections_max = 1).await;
    let held = world.connect("http/1.1").await;
    let mut refused = tokio::net::TcpStream::connect(world.running().apps)
        .await
        .expect("the kernel accepts");
    let mut byte = [0];
    let closed = tokio::time::timeout(SOON, refused.read(&mut byte))
        .await
        .expect("in time");
    assert!(matches!(closed, Ok(0) | Err(_)), "closed without a word");
    drop(held);
}

#[tokio::test]
async fn an_upload_to_a_door_that_refuses_it_still_gets_its_answer() {
    let world = World::new().await;
    let request = Request::builder()
        .method("POST")
        .uri("/v1/activities")
        .header("host", COMMON);
    let request = request.body(full(vec![0u8; 5_000_000])).expect("a request");
    let answer = Answer::read(world.send(request).await).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"));
}
