//! A person is erased on his own request.

use http::StatusCode;
use serde_json::json;

use super::bench_of_routes::{Bench, PASSWORD, Told, headers, key, request, user_of};

const ANNA: &str = "anna@example.com";

async fn erase(bench: &Bench, token: &str, password: &str, forever: bool) -> Told {
    let body = json!({ "password": password, "forever": forever }).to_string();
    let head = headers(Some(token), None);
    bench
        .send(request("eu/eu-central", "POST", "/v1/erasure", &head, body))
        .await
}

/// The planted omission: whoever holds a token for a moment destroys for ever what is another's.
#[tokio::test]
async fn only_who_knows_the_password_and_says_that_it_is_for_ever_is_erased() {
    let bench = Bench::new().await;
    let used = key();
    let anna = bench.register(used, ANNA).await.expect(StatusCode::CREATED);
    let other = bench.register(key(), "berta@example.com").await;
    other.expect(StatusCode::CREATED);
    let refused = erase(&bench, "no token", PASSWORD, true).await;
    assert_eq!(refused.expect(StatusCode::UNAUTHORIZED).code(), "invalid-token");
    let refused = erase(&bench, anna.access(), "not her password", true).await;
    assert_eq!(
        refused.expect(StatusCode::UNAUTHORIZED).code(),
        "invalid-credentials"
    );
    let refused = erase(&bench, anna.access(), PASSWORD, false).await;
    assert_eq!(refused.expect(StatusCode::BAD_REQUEST).code(), "bad-request");
    assert!(bench.node.kept.erased.lock().is_empty());
    let erased = erase(&bench, anna.access(), PASSWORD, true).await;
    assert_eq!(erased.expect(StatusCode::OK).body, json!({ "certificate": 7 }));
    assert_eq!(*bench.node.kept.erased.lock(), [user_of(used)]);
}

#[tokio::test]
async fn whoever_guesses_passwords_by_it_must_wait_as_at_log_in() {
    let bench = Bench::new().await;
    let anna = bench.register(key(), ANNA).await.expect(StatusCode::CREATED);
    for _ in 0..5 {
        let refused = erase(&bench, anna.access(), "a guess that is wrong", true).await;
        refused.expect(StatusCode::UNAUTHORIZED);
    }
    let waits = erase(&bench, anna.access(), PASSWORD, true).await;
    let waits = waits.expect(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(waits.code(), "too-many-attempts");
    assert!(bench.node.kept.erased.lock().is_empty());
}
