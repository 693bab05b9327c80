//! A pump between two sockets, under each condition.

use std::sync::Arc;
use std::time::Duration;

use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// For something that must come: long, for it comes at once on an idle machine.
const SOON: Duration = Duration::from_secs(30);
/// For something that must not come: only the fault would make it come.
const A_WHILE: Duration = Duration::from_millis(150);

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let (dialled, taken) = tokio::join!(TcpStream::connect(address), listener.accept());
    (dialled.expect("connected"), taken.expect("accepted").0)
}

/// Both ends of a proxied connection from `a` to `b`.
async fn proxied(links: &Arc<Links>, tasks: &TaskGroup) -> (TcpStream, TcpStream) {
    let (a, outer) = pair().await;
    let (inner, b) = pair().await;
    let links = Arc::clone(links);
    tasks.spawn("pump", async move {
        pump::both(outer, inner, &links, ("a", "b")).await
    });
    (a, b)
}

async fn comes(stream: &mut TcpStream, within: Duration) -> bool {
    let mut byte = [0];
    matches!(
        tokio::time::timeout(within, stream.read_exact(&mut byte)).await,
        Ok(Ok(_))
    )
}

#[tokio::test]
async fn bytes_wait_at_a_cut_in_its_direction_only_and_arrive_when_it_is_healed() {
    let (links, tasks) = (Arc::new(Links::default()), TaskGroup::new());
    let (mut a, mut b) = proxied(&links, &tasks).await;
    a.write_all(b"1").await.expect("sent");
    assert!(comes(&mut b, SOON).await);
    let cut = Condition {
        cut: true,
        ..Condition::default()
    };
    links.set("a", "b", cut);
    a.write_all(b"2").await.expect("taken by the proxy");
    b.write_all(b"3").await.expect("sent");
    assert!(comes(&mut a, SOON).await, "the other way is whole");
    assert!(!comes(&mut b, A_WHILE).await, "the cut lets nothing through");
    links.heal();
    assert!(comes(&mut b, SOON).await);
}

#[tokio::test]
async fn a_delay_delays_and_an_end_passes_through() {
    let (links, tasks) = (Arc::new(Links::default()), TaskGroup::new());
    let (mut a, mut b) = proxied(&links, &tasks).await;
    links.set_both(
        "a",
        "b",
        Condition {
            delay: Duration::from_millis(200),
            ..Condition::default()
        },
    );
    let clock = Clock::system();
    let begun = clock.monotonic();
    a.write_all(b"1").await.expect("sent");
    assert!(comes(&mut b, SOON).await);
    assert!(clock.monotonic() - begun >= Duration::from_millis(200));
    drop(a);
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(SOON, b.read_to_end(&mut rest)).await;
    assert!(ended.is_ok_and(|read| read.is_ok()) && rest.is_empty());
}

#[tokio::test]
async fn a_narrow_link_takes_its_time() {
    let (links, tasks) = (Arc::new(Links::default()), TaskGroup::new());
    let (mut a, mut b) = proxied(&links, &tasks).await;
    links.set(
        "a",
        "b",
        Condition {
            bytes_per_second: Some(10_000),
            ..Condition::default()
        },
    );
    let clock = Clock::system();
    let begun = clock.monotonic();
    a.write_all(&[7; 3_000]).await.expect("sent");
    let mut all = [0; 3_000];
    b.read_exact(&mut all).await.expect("all of it");
    assert!(clock.monotonic() - begun >= Duration::from_millis(290));
}
