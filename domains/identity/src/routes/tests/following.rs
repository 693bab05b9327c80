//! Followers are let in and let go, and told of each change; nothing of it lies anywhere in clear.

use cell_layers::RootTx;
use cell_sdk::{Address, Mode, Received, RootCtx, Services};
use http::StatusCode;
use platform_model::{Actor, HomeId, UserId};
use prost::Message;
use serde_json::{Value, json};
use uuid::Uuid;

use super::bench_of_routes::{Bench, Told, arrival, headers, key, request};
use crate::storage::{DOMAIN, following};
use crate::stored::{ProfileHidden, ProfileShown};

const NAME: &str = "A name for followers";

async fn command(bench: &Bench, token: &str, method: &str, path: &str, body: &Value) -> Told {
    let headers = headers(Some(token), Some(key()));
    bench
        .send(request("eu/eu-central", method, path, &headers, body.to_string()))
        .await
}

/// What waits in the outbox.
async fn rows(shard: &cell_shard::Shard) -> Vec<cell_shard::OutboxRow> {
    let page = shard.outbox().page().await.expect("read");
    let row = |found| match found {
        cell_shard::Found::Row(row) => Some(row),
        cell_shard::Found::Unreadable(_) => None,
    };
    page.unwrap_or_default().into_iter().filter_map(row).collect()
}

/// What the person's shard has told and nobody has delivered: name, receiver.
async fn told(bench: &Bench) -> Vec<(String, Uuid)> {
    let home: HomeId = "eu/eu-central".parse().expect("a home");
    let mut rows = rows(&bench.node.shards[&home]).await;
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

/// What was parked and is tried again comes behind what was told after it.
#[tokio::test]
async fn what_was_told_earlier_and_comes_later_changes_nothing() {
    let bench = Bench::new().await;
    let anna = bench
        .register(key(), "anna@example.com")
        .await
        .expect(StatusCode::CREATED);
    let (home, user): (HomeId, UserId) = (
        "eu/eu-central".parse().expect("a home"),
        anna.text("user").parse().expect("an id"),
    );
    let root = RootCtx {
        open: bench.node.open_user(&home, user).await.expect("she is there"),
        user,
        home,
        actor: Actor::User(user),
        arrival: arrival("eu/eu-central/000"),
    };
    let event = |name: &str, message: Vec<u8>| Received {
        domain: DOMAIN.to_owned(),
        name: name.to_owned(),
        version: 1,
        from: Address {
            home: "us/us-east".parse().expect("a home"),
            user: UserId::from_uuid(Uuid::from_u128(9)),
        },
        to: Address {
            home: root.home.clone(),
            user: root.user,
        },
        known_at: None,
        message,
    };
    let shown = |profile, told_ms| {
        let shown = ProfileShown {
            profile,
            display_name: Some(format!("name {profile}")),
            told_ms,
        };
        event("profile_shown", shown.encode_to_vec())
    };
    let hidden = ProfileHidden {
        profile: 5,
        told_ms: 600,
    };
    let hidden = event("profile_hidden", hidden.encode_to_vec());
    for (event, seen) in [
        (shown(5, 500), vec![5]),
        (shown(3, 300), vec![5]),
        (hidden, vec![]),
        (shown(5, 500), vec![]),
        (shown(6, 700), vec![6]),
    ] {
        let event = &event;
        let take = |tx: RootTx| async move { following::take(&tx, event).await };
        root.write(DOMAIN, Mode::Sync, take).await.expect("taken");
        let list = bench.ask(anna.access(), "GET", "/v1/following").await;
        let items = list.expect(StatusCode::OK).body["items"].clone();
        let versions: Vec<u64> = items
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|item| item["version"].as_u64())
            .collect();
        assert_eq!(versions, seen);
    }
}
