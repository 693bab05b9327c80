//! Routers that ask whether a shard is served wait at the door, within bounds.

use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use http::StatusCode;
use platform_model::PROBE_PATH;
use platform_runtime::clock::Clock;
use tower::ServiceExt;

use super::door::{Bench, SHARD, request};
use crate::door::waiting::{WAIT_WITHIN, WaitingRoom};

const WITHIN: Duration = Duration::from_secs(60);

type Asked = BoxFuture<'static, StatusCode>;

/// Asks about the shard in an epoch that is yet to come.
fn ask(bench: &Bench, epoch: &str) -> Asked {
    let headers = [("meridian-shard", SHARD), ("meridian-epoch", epoch)];
    let asked = request(PROBE_PATH, Some(("eu-central", "router/r1")), &headers);
    let answer = bench.router.clone().oneshot(asked);
    async move { answer.await.expect("answered").status() }.boxed()
}

async fn answer(of: Asked) -> StatusCode {
    let answered = tokio::time::timeout(WITHIN, of).await;
    answered.expect("an answer in time")
}

/// Whether there is no answer yet, though everything had several turns.
async fn waits(asked: &mut Asked) -> bool {
    for _ in 0..50 {
        if futures::poll!(&mut *asked).is_ready() {
            return false;
        }
        tokio::task::yield_now().await;
    }
    true
}

/// The door's clock stands still: who waits is woken by what happens, not by time.
#[tokio::test]
async fn who_asks_is_answered_in_the_moment_in_which_the_shard_is_served() {
    let (clock, _hand) = Clock::manual(0);
    let bench = Bench::with(8, WaitingRoom::default(), clock).await;
    let mut asked = ask(&bench, "6");
    assert!(waits(&mut asked).await, "nobody serves it in that epoch yet");
    bench.leader.promote(&SHARD.parse().expect("a shard"), 6);
    assert_eq!(answer(asked).await, StatusCode::NOT_FOUND, "the door was passed");
}

#[tokio::test]
async fn who_asks_for_what_never_comes_is_told_so_after_a_bounded_time() {
    let (clock, hand) = Clock::manual(0);
    let bench = Bench::with(8, WaitingRoom::default(), clock).await;
    let mut asked = ask(&bench, "6");
    assert!(waits(&mut asked).await);
    hand.advance(WAIT_WITHIN - Duration::from_millis(1));
    assert!(waits(&mut asked).await, "it may come yet");
    // However often the door looked meanwhile, the time is counted from the beginning.
    hand.advance(Duration::from_millis(1));
    assert_eq!(answer(asked).await, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn no_more_wait_than_there_are_seats_and_a_seat_is_given_back() {
    let (clock, hand) = Clock::manual(0);
    let bench = Bench::with(8, WaitingRoom::of(1), clock).await;
    let mut seated = ask(&bench, "6");
    assert!(waits(&mut seated).await);
    let standing = ask(&bench, "6");
    assert_eq!(
        answer(standing).await,
        StatusCode::SERVICE_UNAVAILABLE,
        "answered while the clock stands still"
    );
    assert!(waits(&mut seated).await);
    // One that goes away leaves its seat, too.
    drop(seated);
    let mut next = ask(&bench, "6");
    assert!(waits(&mut next).await, "there is a seat again");
    hand.advance(WAIT_WITHIN);
    assert_eq!(answer(next).await, StatusCode::SERVICE_UNAVAILABLE);
}

/// A request of an app does not wait here: its router holds it, once.
#[tokio::test]
async fn only_questions_wait() {
    let (clock, _hand) = Clock::manual(0);
    let bench = Bench::with(8, WaitingRoom::default(), clock).await;
    let headers = [("meridian-shard", SHARD), ("meridian-epoch", "6")];
    let asked = request("/v1/echo", Some(("eu-central", "router/r1")), &headers);
    let answered = tokio::time::timeout(WITHIN, bench.router.clone().oneshot(asked)).await;
    let status = answered.expect("at once").expect("answered").status();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}
