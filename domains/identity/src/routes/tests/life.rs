//! The life of a person's account, from registration to log-out and back.

use http::StatusCode;
use serde_json::{Value, json};

use super::bench_of_routes::{Bench, PASSWORD, headers, key, request, settings};

const ANNA: &str = "Anna@Example.com";

#[tokio::test]
async fn a_person_comes_in_goes_out_and_comes_back() {
    let bench = Bench::new().await;
    let told = bench.register(key(), ANNA).await.expect(StatusCode::CREATED);
    assert_eq!(told.text("home"), "eu/eu-central");
    assert_eq!(told.text("host"), "eu-central.eu.meridian.test");
    assert_eq!(
        (told.text("token_type"), &told.body["expires_in_s"]),
        ("Bearer", &json!(900))
    );
    assert!(told.refresh().starts_with("mrt1.eu~eu-central."));
    assert_eq!(told.headers["cache-control"], "no-store");
    assert!(told.headers.contains_key("meridian-position"));

    let profile = bench
        .ask(told.access(), "GET", "/v1/profile")
        .await
        .expect(StatusCode::OK);
    let expected = json!({
        "user": told.text("user"), "home": "eu/eu-central", "country": "DE", "email": "Anna@example.com",
        "display_name": "Anna", "created_at": "2027-01-15T08:00:00.000Z", "version": 1,
    });
    assert_eq!(profile.body, expected);
    assert_eq!(profile.headers["etag"], "\"1\"");

    bench.advance_s(600);
    let next = bench.refresh(told.refresh()).await.expect(StatusCode::OK);
    assert_eq!(next.text("user"), told.text("user"));
    assert_ne!((next.access(), next.refresh()), (told.access(), told.refresh()));

    for _ in 0..2 {
        let out = bench.ask(next.access(), "DELETE", "/v1/sessions/current").await;
        out.expect(StatusCode::NO_CONTENT);
    }
    for token in [told.access(), next.access()] {
        let refused = bench.ask(token, "GET", "/v1/profile").await;
        assert_eq!(refused.expect(StatusCode::UNAUTHORIZED).code(), "revoked-token");
    }
    let refused = bench.refresh(next.refresh()).await;
    assert_eq!(refused.expect(StatusCode::UNAUTHORIZED).code(), "revoked-token");

    let back = bench
        .login("anna@EXAMPLE.com", PASSWORD)
        .await
        .expect(StatusCode::OK);
    assert_eq!(back.text("user"), told.text("user"));
    bench
        .ask(back.access(), "GET", "/v1/profile")
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn what_is_personal_stands_nowhere_in_clear() {
    let bench = Bench::new().await;
    let told = bench.register(key(), ANNA).await.expect(StatusCode::CREATED);
    bench.login(ANNA, PASSWORD).await.expect(StatusCode::OK);
    bench
        .login(ANNA, "wrong horse battery")
        .await
        .expect(StatusCode::UNAUTHORIZED);
    let secret = told.refresh().rsplit('.').next().expect("six parts");
    for needle in ["example.com", "Anna", PASSWORD, "argon2id", secret, told.access()] {
        assert!(
            !bench.holds(needle.as_bytes()).await,
            "{needle} stands in a store"
        );
    }
    assert!(
        bench.holds(b"credential").await,
        "the search finds what is there: a table's name"
    );
}

#[tokio::test]
async fn what_was_written_survives_a_restart() {
    let bench = Bench::new().await;
    let told = bench.register(key(), ANNA).await.expect(StatusCode::CREATED);
    let bench = bench.restarted(settings()).await;
    bench.refresh(told.refresh()).await.expect(StatusCode::OK);
    bench.login(ANNA, PASSWORD).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() {
    let bench = Bench::new().await;
    let phone = bench.register(key(), ANNA).await.expect(StatusCode::CREATED);
    bench.advance_s(60);
    let watch = bench.login(ANNA, PASSWORD).await.expect(StatusCode::OK);
    bench.advance_s(60);
    bench.refresh(watch.refresh()).await.expect(StatusCode::OK);

    let list = bench
        .ask(phone.access(), "GET", "/v1/sessions")
        .await
        .expect(StatusCode::OK);
    let items = list.body["items"].as_array().expect("a list");
    let shown: Vec<_> = items
        .iter()
        .map(|item| {
            (
                item["created_at"].as_str(),
                item["last_refreshed_at"].as_str(),
                &item["current"],
            )
        })
        .collect();
    let at = |minute: u32| format!("2027-01-15T08:0{minute}:00.000Z");
    let (zero, one, two) = (at(0), at(1), at(2));
    let expected = vec![
        (Some(zero.as_str()), Some(zero.as_str()), &Value::Bool(true)),
        (Some(one.as_str()), Some(two.as_str()), &Value::Bool(false)),
    ];
    assert_eq!(shown, expected);

    let path = format!("/v1/sessions/{}", items[1]["id"].as_str().expect("an id"));
    let command = headers(Some(phone.access()), Some(key()));
    for _ in 0..2 {
        let request = request("eu/eu-central", "DELETE", &path, &command, String::new());
        bench.send(request).await.expect(StatusCode::NO_CONTENT);
    }
    let gone = bench
        .ask(phone.access(), "DELETE", &path)
        .await
        .expect(StatusCode::NOT_FOUND);
    assert_eq!(gone.code(), "not-found");
    let refused = bench.ask(watch.access(), "GET", "/v1/profile").await;
    assert_eq!(refused.code(), "revoked-token");
    bench
        .ask(phone.access(), "GET", "/v1/profile")
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn a_profile_changes_by_version_and_once_a_key() {
    let bench = Bench::new().await;
    let told = bench.register(key(), ANNA).await.expect(StatusCode::CREATED);
    let patch = async |key, seen: Option<&str>, body: &str| {
        let mut headers = headers(Some(told.access()), Some(key));
        headers.extend(seen.map(|seen| ("if-match", seen.to_owned())));
        bench
            .send(request(
                "eu/eu-central",
                "PATCH",
                "/v1/profile",
                &headers,
                body.to_owned(),
            ))
            .await
    };
    let first = key();
    let changed = patch(first, Some("\"1\""), r#"{"display_name":"Anna M."}"#)
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (changed.text("display_name"), &changed.body["version"]),
        ("Anna M.", &json!(2))
    );
    assert_eq!(changed.headers["etag"], "\"2\"");

    let stale = patch(key(), Some("1"), r#"{"display_name":"Other"}"#).await;
    let stale = stale.expect(StatusCode::PRECONDITION_FAILED);
    assert_eq!(
        (stale.code(), &stale.body["version"]),
        ("version-conflict", &json!(2))
    );
    let again = patch(first, Some("\"1\""), r#"{"display_name":"Anna M."}"#)
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (again.headers["idempotency-replayed"].as_bytes(), again.body),
        (&b"true"[..], changed.body)
    );
    let other = patch(first, None, r#"{"display_name":"Other"}"#).await;
    assert_eq!(
        other.expect(StatusCode::UNPROCESSABLE_ENTITY).code(),
        "idempotency-mismatch"
    );

    let cleared = patch(key(), None, r#"{"display_name":null}"#)
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (&cleared.body["display_name"], &cleared.body["version"]),
        (&Value::Null, &json!(3))
    );
    let same = patch(key(), Some("*"), "{}").await.expect(StatusCode::OK);
    assert_eq!(same.body["version"], 3, "nothing changed");
    for bad in [
        r#"{"display_name":""}"#,
        r#"{"email":"b@example.com"}"#,
        r#"{"display_name":7}"#,
        "x",
    ] {
        assert_eq!(
            patch(key(), None, bad)
                .await
                .expect(StatusCode::BAD_REQUEST)
                .code(),
            "invalid-body"
        );
    }
}

#[tokio::test]
async fn two_changes_of_one_version_have_one_winner() {
    let bench = Bench::new().await;
    let told = bench.register(key(), ANNA).await.expect(StatusCode::CREATED);
    let patch = async |name: &str| {
        let mut headers = headers(Some(told.access()), Some(key()));
        headers.push(("if-match", "\"1\"".to_owned()));
        let body = json!({"display_name": name}).to_string();
        bench
            .send(request("eu/eu-central", "PATCH", "/v1/profile", &headers, body))
            .await
    };
    let (one, other) = tokio::join!(patch("One"), patch("Other"));
    let mut statuses = [one.status, other.status];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::PRECONDITION_FAILED]);
    let winner = if one.status == StatusCode::OK {
        &one
    } else {
        &other
    };
    let profile = bench.ask(told.access(), "GET", "/v1/profile").await;
    assert_eq!(profile.body, winner.body);
}
