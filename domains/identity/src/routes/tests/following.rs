//! Followers are let in and let go, and told of each change; nothing of it lies anywhere in clear.

use http::StatusCode;
use platform_model::HomeId;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bench_of_routes::{Bench, Told, headers, key, request};

const NAME: &str = "A name for followers";

async fn command(bench: &Bench, token: &str, method: &str, path: &str, body: &Value) -> Told {
    let headers = headers(Some(token), Some(key()));
    bench
        .send(request("eu/eu-central", method, path, &headers, body.to_string()))
        .await
}

/// What the person's shard has told and nobody has delivered: name, receiver.
async fn told(bench: &Bench) -> Vec<(String, Uuid)> {
    let home: HomeId = "eu/eu-central".parse().expect("a home");
    let (mut rows, _) = bench.node.shards[&home].outbox_page(None).await.expect("read");
    rows.sort_by_key(|row| (row.key.at, row.key.event));
    rows.into_iter().map(|row| (row.name, row.key.to.id.0)).collect()
}

#[tokio::test]
async fn a_follower_is_told_what_the_person_shows_until_he_is_let_go() {
    let bench = Bench::new().await;
    let anna = bench
        .register(key(), "anna@example.com")
        .await
        .expect(StatusCode::CREATED);
    let me: Uuid = anna.text("user").parse().expect("an id");
    let follower = Uuid::from_u128(99);
    let body = json!({ "user": follower, "home": "us/us-east" });
    let admit = || command(&bench, anna.access(), "POST", "/v1/followers", &body);
    admit().await.expect(StatusCode::NO_CONTENT);
    let let_in = [
        ("follower_changed".to_owned(), me),
        ("profile_shown".to_owned(), follower),
    ];
    assert_eq!(told(&bench).await, let_in);
    admit().await.expect(StatusCode::NO_CONTENT);
    assert_eq!(told(&bench).await, let_in, "he follows already");
    let list = bench.ask(anna.access(), "GET", "/v1/followers").await;
    let item = &list.expect(StatusCode::OK).body["items"][0];
    assert_eq!(
        (&item["user"], &item["home"]),
        (&json!(follower), &json!("us/us-east"))
    );

    let patch = json!({ "display_name": NAME });
    command(&bench, anna.access(), "PATCH", "/v1/profile", &patch)
        .await
        .expect(StatusCode::OK);
    let all = told(&bench).await;
    assert_eq!(all[2..], [("profile_shown".to_owned(), follower)]);
    assert!(!bench.holds(NAME.as_bytes()).await, "sealed on its way, too");

    let path = format!("/v1/followers/{follower}");
    command(&bench, anna.access(), "DELETE", &path, &Value::Null)
        .await
        .expect(StatusCode::NO_CONTENT);
    let all = told(&bench).await;
    let let_go = [
        ("follower_changed".to_owned(), me),
        ("profile_hidden".to_owned(), follower),
    ];
    assert_eq!(all[3..], let_go);
    let again = command(&bench, anna.access(), "DELETE", &path, &Value::Null).await;
    assert_eq!(again.expect(StatusCode::NOT_FOUND).code(), "not-found");
    let patch = json!({ "display_name": "Another" });
    command(&bench, anna.access(), "PATCH", "/v1/profile", &patch)
        .await
        .expect(StatusCode::OK);
    assert_eq!(told(&bench).await.len(), 5, "nobody is told any more");
}

#[tokio::test]
async fn nobody_follows_himself_and_what_is_no_follower_is_refused() {
    let bench = Bench::new().await;
    let anna = bench
        .register(key(), "anna@example.com")
        .await
        .expect(StatusCode::CREATED);
    let own = json!({ "user": anna.text("user"), "home": "eu/eu-central" });
    for (body, code) in [
        (own, "bad-request"),
        (json!({ "user": "nobody", "home": "us/us-east" }), "invalid-body"),
        (
            json!({ "user": Uuid::from_u128(9), "home": "nowhere" }),
            "invalid-body",
        ),
        (json!({ "user": Uuid::from_u128(9) }), "invalid-body"),
    ] {
        let refused = command(&bench, anna.access(), "POST", "/v1/followers", &body).await;
        assert_eq!(refused.code(), code, "{body}");
    }
    assert!(told(&bench).await.is_empty());
    let path = "/v1/followers/nobody";
    let refused = command(&bench, anna.access(), "DELETE", path, &Value::Null).await;
    assert_eq!(refused.expect(StatusCode::NOT_FOUND).code(), "not-found");
    let followed = bench.ask(anna.access(), "GET", "/v1/following").await;
    assert_eq!(followed.expect(StatusCode::OK).body["items"], json!([]));
}
