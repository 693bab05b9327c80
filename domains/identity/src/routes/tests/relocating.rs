//! A person asks to live in another home.

use http::StatusCode;
use serde_json::json;

use super::bench_of_routes::{Bench, Told, headers, home, key, request, user_of};

const THERE: &str = "eu/eu-west";

async fn ask(bench: &Bench, token: &str, body: serde_json::Value) -> Told {
    let head = headers(Some(token), None);
    let body = body.to_string();
    bench
        .send(request("eu/eu-central", "PUT", "/v1/relocation", &head, body))
        .await
}

/// The planted omission: what may leave only with his consent goes though he has not said so.
#[tokio::test]
async fn whoever_asks_to_live_elsewhere_says_that_he_consents_or_nothing_is_begun() {
    let bench = Bench::new().await;
    let used = key();
    let anna = bench.register(used, "anna@example.com").await;
    let anna = anna.expect(StatusCode::CREATED);
    let consents = json!({ "home": THERE, "consent": true });
    let refused = ask(&bench, "no token", consents.clone()).await;
    assert_eq!(refused.expect(StatusCode::UNAUTHORIZED).code(), "invalid-token");
    for (body, code) in [
        (json!({ "home": THERE, "consent": false }), "bad-request"),
        (json!({ "home": THERE }), "invalid-body"),
        (json!({ "home": "nowhere", "consent": true }), "invalid-body"),
    ] {
        let refused = ask(&bench, anna.access(), body).await;
        assert_eq!(refused.expect(StatusCode::BAD_REQUEST).code(), code);
    }
    assert!(bench.node.kept.moves.lock().is_empty());
    let asked = ask(&bench, anna.access(), consents).await;
    assert_eq!(asked.expect(StatusCode::ACCEPTED).text("phase"), "copying");
    assert_eq!(*bench.node.kept.moves.lock(), [(user_of(used), home(THERE))]);
}
