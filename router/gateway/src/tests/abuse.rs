//! HTTP/2 as no app speaks it: each way to make the router work for nothing ends the connection.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, RST_STREAM, begin, frame, get, goodbye,
};
use super::world::{SHORT, World};

/// Writes what the router still takes: it may close at any byte.
async fn pour(stream: &mut (impl tokio::io::AsyncWrite + Unpin), bytes: &[u8]) {
    if stream.write_all(bytes).await.is_ok() {
        let _ = stream.flush().await;
    }
}

#[tokio::test]
async fn a_rapid_reset_ends_the_connection() {
    let world = World::new().await;
    let mut stream = begin(&world).await;
    let cancel = 8u32.to_be_bytes();
    let mut flood = Vec::new();
    for stream in (1..2_000).step_by(2) {
        flood.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &get()));
        flood.extend(frame(RST_STREAM, 0, stream, &cancel));
    }
    pour(&mut stream, &flood).await;
    assert_eq!(goodbye(&mut stream).await, Some(ENHANCE_YOUR_CALM));
    assert_eq!(world.get("eu/eu-central", "/v1/profile").await.status, 200);
}

#[tokio::test]
async fn a_flood_of_continuations_ends_the_connection() {
    let world = World::new().await;
    let mut stream = begin(&world).await;
    let mut flood = frame(HEADERS, END_STREAM, 1, &get());
    for _ in 0..10_000 {
        flood.extend(frame(CONTINUATION, 0, 1, &[]));
    }
    pour(&mut stream, &flood).await;
    assert_eq!(goodbye(&mut stream).await, Some(ENHANCE_YOUR_CALM));
    assert_eq!(world.get("eu/eu-central", "/v1/profile").await.status, 200);
}

#[tokio::test]
async fn an_h2_connection_that_never_speaks_is_closed() {
    let world = World::with(|config| {
        config.apps.header_timeout = SHORT;
        config.apps.idle_timeout.0 = Duration::from_secs(3_600);
    })
    .await;
    // Neither a preface, nor a request after it.
    let mut silent = world.connect("h2").await;
    assert_eq!(goodbye(&mut silent).await, None);
    let mut asks_nothing = begin(&world).await;
    assert_eq!(goodbye(&mut asks_nothing).await, None);
}

#[tokio::test]
async fn an_idle_h2_connection_is_closed_though_its_app_does_not_answer() {
    let world = World::with(|config| {
        config.apps.header_timeout = SHORT;
        config.apps.idle_timeout = SHORT;
    })
    .await;
    let mut stream = begin(&world).await;
    pour(&mut stream, &frame(HEADERS, END_STREAM | END_HEADERS, 1, &get())).await;
    // It is told to go, does not acknowledge the ping that comes with that, and is dropped.
    assert_eq!(goodbye(&mut stream).await, Some(0));
}
