//! The one check of what may never be sent twice, and the planted fault that it must notice.

use std::time::Duration;

use http::Response;

use super::stand_in::{Body, full};
use super::world::{Answer, World, until};

/// A node takes a command without a key and dies before it answers. How often the node that comes back sees it.
async fn seen_again_after_a_crash() -> (usize, Answer) {
    let world = World::new().await;
    let tasks = world.central.tasks.clone();
    world.central.once(move |_| {
        let tasks = tasks.clone();
        async move {
            tasks.cancelled().await;
            std::future::pending::<Response<Body>>().await
        }
    });
    let request = world.request("eu/eu-central", "POST", "/v1/activities");
    let sent = world.send_apart(request.body(full("x")).expect("a request"));
    until("the request", || world.central.requests() == 1).await;
    world.central.tasks.shutdown(Duration::from_millis(50)).await;
    let revived = world.revive(&world.central).await;
    let answer = Answer::read(sent.await.expect("an answer")).await;
    (revived.requests(), answer)
}

#[cfg(not(feature = "failpoints"))]
#[tokio::test]
async fn a_command_without_a_key_is_never_sent_twice() {
    let (again, answer) = seen_again_after_a_crash().await;
    assert_eq!(again, 0);
    assert_eq!(answer.code(), "outcome-unknown-without-key");
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn a_router_that_replays_what_it_may_not_is_caught() {
    let scenario = fail::FailScenario::setup();
    fail::cfg("replays-what-it-may-not", "return").expect("a fault");
    let (again, answer) = seen_again_after_a_crash().await;
    assert_eq!(
        (again, answer.status),
        (1, 200),
        "the check sees what the fault does"
    );
    scenario.teardown();
}
