//! A person takes along what is held of him.

use http::StatusCode;
use serde_json::{Value, json};

use super::bench_of_routes::{Bench, PASSWORD, headers, key, request};

async fn taken(bench: &Bench, token: &str) -> Vec<Value> {
    let answer = bench.ask(token, "GET", "/v1/export").await.expect(StatusCode::OK);
    assert_eq!(answer.body["next_cursor"], Value::Null);
    answer.body["items"].as_array().cloned().expect("a list")
}

fn of<'a>(items: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let of_kind = |item: &&Value| item["kind"] == kind && item["domain"] == "identity";
    items.iter().filter(of_kind).map(|item| &item["value"]).collect()
}

#[tokio::test]
async fn all_that_is_held_of_a_person_comes_along_and_nothing_that_proves_him() {
    let bench = Bench::new().await;
    let anna = bench.register(key(), "anna@example.com").await;
    let anna = anna.expect(StatusCode::CREATED);
    bench.login("anna@example.com", "not her password").await;
    bench.login("anna@example.com", PASSWORD).await;
    bench.login("anna@example.com", "not hers either").await;
    let follower = json!({ "user": "00000000-0000-7000-8000-000000000063", "home": "us/us-east" });
    let (head, body) = (headers(Some(anna.access()), Some(key())), follower.to_string());
    let admitted = bench.send(request("eu/eu-central", "POST", "/v1/followers", &head, body));
    admitted.await.expect(StatusCode::NO_CONTENT);

    let items = taken(&bench, anna.access()).await;
    let profile = &of(&items, "profile")[0];
    assert_eq!(
        (&profile["email"], &profile["country"]),
        (&json!("anna@example.com"), &json!("DE"))
    );
    assert_eq!(of(&items, "session").len(), 2);
    assert_eq!(of(&items, "failed-log-ins")[0]["failures"], 1);
    let address = &of(&items, "address")[0];
    assert_eq!(
        (&address["kind"], &address["state"]),
        (&json!("email"), &json!("active"))
    );
    assert_eq!(of(&items, "follower")[0]["home"], "us/us-east");
    assert!(of(&items, "password")[0]["changed_at"].is_string());
    let text = json!(items).to_string();
    assert!(!text.contains("argon2") && !text.contains("digest"), "{text}");
}

#[tokio::test]
async fn an_export_is_asked_for_with_a_token_and_a_cursor_and_nothing_else() {
    let bench = Bench::new().await;
    let anna = bench.register(key(), "anna@example.com").await;
    let anna = anna.expect(StatusCode::CREATED);
    let refused = bench.ask("no token", "GET", "/v1/export").await;
    assert_eq!(refused.expect(StatusCode::UNAUTHORIZED).code(), "invalid-token");
    for (query, code) in [
        ("cursor=none", "invalid-cursor"),
        ("cursor=identity.00", "invalid-cursor"),
        ("limit=1", "bad-request"),
    ] {
        let path = format!("/v1/export?{query}");
        let refused = bench.ask(anna.access(), "GET", &path).await;
        assert_eq!(refused.expect(StatusCode::BAD_REQUEST).code(), code, "{query}");
    }
}
