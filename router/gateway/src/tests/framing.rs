//! Raw bytes that two parsers could read in two ways.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::world::{COMMON, SOON, World};

async fn raw(world: &World, text: &str) -> String {
    let mut stream = world.connect("http/1.1").await;
    stream.write_all(text.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(SOON, stream.read_to_end(&mut answer))
        .await
        .expect("the router closes");
    String::from_utf8_lossy(&answer).into_owned()
}

fn code_of(answer: &str) -> (&str, &str) {
    let status = answer.get(9..12).unwrap_or_default();
    let code = answer
        .split(r#""code":""#)
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap_or_default();
    (status, code)
}

#[tokio::test]
async fn ambiguous_framing_is_refused_and_reaches_no_node() {
    let world = World::new().await;
    let auth = format!("authorization: {}\r\n", world.bearer("eu/eu-central"));
    for headers in [
        "content-length: 5\r\ncontent-length: 5\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5, 5\r\n",
        "content-length: +5\r\n",
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: identity\r\n",
        "transfer-encoding : chunked\r\n",
        "x: y\r\n folded: z\r\n",
        "x: y\nz: a\r\n",
        "x: y\rz: a\r\n",
    ] {
        let text = format!("POST /v1/activities HTTP/1.1\r\nhost: {COMMON}\r\n{auth}{headers}\r\nhello");
        let answer = raw(&world, &text).await;
        assert_eq!(
            code_of(&answer),
            ("400", "ambiguous-framing"),
            "{headers:?}: {answer}"
        );
        assert!(answer.contains("application/problem+json"));
    }
    let chunked =
        format!("POST /v1/activities HTTP/1.1\r\nhost: {COMMON}\r\n{auth}transfer-encoding: chunked\r\n\r\n");
    for body in [
        "5\nhello\r\n0\r\n\r\n",
        "5;a=b\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "-5\r\n",
        "5\r\nhello\r\n0\r\nx: y\r\n\r\n",
    ] {
        let answer = raw(&world, &format!("{chunked}{body}")).await;
        assert_eq!(
            code_of(&answer),
            ("400", "ambiguous-framing"),
            "{body:?}: {answer}"
        );
    }
    assert_eq!(world.central.requests(), 0);
}

#[tokio::test]
async fn what_is_no_http_is_a_bad_request() {
    let world = World::new().await;
    for (text, expected) in [
        ("GET /v1/profile HTTP/1.1\r\n\r\n".to_owned(), "bad-request"),
        (
            format!("GET /v1/profile HTTP/3.0\r\nhost: {COMMON}\r\n\r\n"),
            "bad-request",
        ),
        (
            format!("GET  /v1/profile HTTP/1.1\r\nhost: {COMMON}\r\n\r\n"),
            "bad-request",
        ),
        (
            format!("GET /v1/profile HTTP/1.1\r\nhost: {COMMON}\r\nhost: {COMMON}\r\n\r\n"),
            "duplicate-header",
        ),
        (
            format!("GET /v1/profile HTTP/1.1\r\nhost: {COMMON}\r\nx\0y: z\r\n\r\n"),
            "bad-request",
        ),
    ] {
        let answer = raw(&world, &text).await;
        assert_eq!(code_of(&answer), ("400", expected), "{text:?}: {answer}");
    }
    let many = "x: y\r\n".repeat(200);
    let answer = raw(
        &world,
        &format!("GET /v1/profile HTTP/1.1\r\nhost: {COMMON}\r\n{many}\r\n"),
    )
    .await;
    assert_eq!(code_of(&answer), ("431", "header-too-large"));
}

#[tokio::test]
async fn good_requests_before_a_bad_one_are_answered_first() {
    let world = World::new().await;
    let auth = format!("authorization: {}\r\n", world.bearer("eu/eu-central"));
    let good = format!("POST /v1/x HTTP/1.1\r\nhost: {COMMON}\r\n{auth}content-length: 5\r\n\r\nhello");
    let bad = format!("GET /v1/x HTTP/1.1\r\nhost: {COMMON}\r\nx : y\r\n\r\n");
    let answer = raw(&world, &format!("{good}{bad}{good}")).await;
    let (first, rest) = answer.split_once("hello").expect("the first is answered");
    assert!(first.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(code_of(rest), ("400", "ambiguous-framing"), "{answer}");
    assert_eq!(world.central.requests(), 1, "nothing after the bad one is read");
}

#[tokio::test]
async fn a_header_that_stands_twice_is_refused() {
    let world = World::new().await;
    let auth = format!("authorization: {}\r\n", world.bearer("eu/eu-central"));
    let key = "idempotency-key: 01890a5d-ac96-774b-bcce-b302099a8057\r\n";
    for headers in [
        auth.repeat(2),
        format!("{auth}{key}{key}"),
        format!("{auth}content-type: a\r\nContent-Type: b\r\n"),
        format!("{auth}meridian-position: e1:1\r\nmeridian-position: e1:2\r\n"),
    ] {
        let text = format!("GET /v1/x HTTP/1.1\r\nhost: {COMMON}\r\n{headers}connection: close\r\n\r\n");
        let answer = raw(&world, &text).await;
        assert_eq!(
            code_of(&answer),
            ("400", "duplicate-header"),
            "{headers:?}: {answer}"
        );
    }
    assert_eq!(world.central.requests(), 0);
}
