//! What is refused, over HTTP: a stable code, and nothing changed.

use http::StatusCode;
use serde_json::Value;

use super::bench_of_routes::{Bench, NOW_MS, bytes, json, key, request};
use crate::fixtures;
use crate::import::FILE_BYTES_MAX;

fn code(body: &Value) -> &str {
    body["code"].as_str().expect("a code")
}

#[tokio::test]
async fn bad_files_are_refused_and_nothing_is_kept() {
    let bench = Bench::new().await;
    let before = bench.shard.status().committed;
    for (what, file, status, expected) in [
        (
            "no bytes",
            &b""[..],
            StatusCode::UNPROCESSABLE_ENTITY,
            "empty-file",
        ),
        (
            "a text",
            b"hello",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-file",
        ),
        (
            "settings",
            fixtures::get("Settings.fit"),
            StatusCode::UNPROCESSABLE_ENTITY,
            "empty-file",
        ),
        (
            "a break",
            b"<gpx><trk><trkse",
            StatusCode::UNPROCESSABLE_ENTITY,
            "corrupt-file",
        ),
        (
            "entities",
            b"<!DOCTYPE gpx []><gpx/>",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-file",
        ),
    ] {
        let response = bench
            .send(request(1, "POST", "/v1/activities", Some(key()), file.to_vec()))
            .await;
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json",
            "{what}"
        );
        let (given, body) = json(response).await;
        assert_eq!((given, code(&body)), (status, expected), "{what}");
    }
    assert_eq!(bench.shard.status().committed, before, "nothing was written");
}

#[tokio::test]
async fn a_file_that_broke_off_is_taken_and_flagged() {
    let bench = Bench::new().await;
    let file = fixtures::get("hrv-activity.fit");
    let (status, activity) = bench.upload(&file[..file.len() / 2]).await;
    assert_eq!(
        (status, &activity["truncated"]),
        (StatusCode::CREATED, &Value::Bool(true))
    );
    let path = format!(
        "/v1/activities/{}/original",
        activity["id"].as_str().expect("an id")
    );
    let response = bench.send(request(1, "GET", &path, None, Vec::new())).await;
    assert_eq!(bytes(response).await, file[..file.len() / 2]);
}

#[tokio::test]
async fn commands_need_keys_and_one_key_is_one_command() {
    let bench = Bench::new().await;
    let file = fixtures::get("Activity.fit").to_vec();
    let (status, body) = json(
        bench
            .send(request(1, "POST", "/v1/activities", None, file.clone()))
            .await,
    )
    .await;
    assert_eq!(
        (status, code(&body)),
        (StatusCode::BAD_REQUEST, "idempotency-key-missing")
    );
    let used = key();
    let first = bench
        .send(request(1, "POST", "/v1/activities", Some(used), file))
        .await;
    assert_eq!(first.status(), StatusCode::CREATED);
    assert!(first.headers().contains_key("meridian-position"));
    let other = fixtures::get("hrv-activity.fit").to_vec();
    let (status, body) = json(
        bench
            .send(request(1, "POST", "/v1/activities", Some(used), other))
            .await,
    )
    .await;
    assert_eq!(
        (status, code(&body)),
        (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-mismatch")
    );
}

#[tokio::test]
async fn what_is_not_there_or_not_ours_is_told() {
    let bench = Bench::new().await;
    for (path, expected) in [
        ("/v1/activities/nonsense", "not-found"),
        ("/v1/activities/00000000-0000-0000-0000-000000000001", "not-found"),
        ("/v1/activities?cursor=AAAA", "invalid-cursor"),
        ("/v1/activities?limit=1000", "bad-request"),
        (
            "/v1/activities/00000000-0000-0000-0000-000000000001/streams?channels=mood",
            "bad-request",
        ),
    ] {
        assert_eq!(code(&bench.ask("GET", path).await.1), expected, "{path}");
    }
    let mut anonymous = request(1, "GET", "/v1/activities", None, Vec::new());
    anonymous.headers_mut().remove("authorization");
    assert_eq!(
        code(&json(bench.send(anonymous).await).await.1),
        "unauthenticated"
    );
}

#[tokio::test]
async fn a_key_of_the_day_after_tomorrow_is_idempotency_key_invalid() {
    let bench = Bench::new().await;
    let ahead = platform_runtime::random::uuid_v7_at(NOW_MS + 2 * 24 * 60 * 60 * 1_000);
    let file = fixtures::get("Activity.fit").to_vec();
    for (method, path, body) in [
        ("POST", "/v1/activities", file),
        (
            "DELETE",
            "/v1/activities/00000000-0000-0000-0000-000000000001",
            Vec::new(),
        ),
    ] {
        let response = bench.send(request(1, method, path, Some(ahead), body)).await;
        let (status, body) = json(response).await;
        assert_eq!(
            (status, code(&body)),
            (StatusCode::BAD_REQUEST, "idempotency-key-invalid"),
            "{method}: {body}"
        );
    }
}

#[tokio::test]
async fn a_file_past_the_bound_is_refused_and_so_is_a_removal_with_a_large_body() {
    let bench = Bench::new().await;
    for (method, path, bytes) in [
        ("POST", "/v1/activities", FILE_BYTES_MAX + 1),
        (
            "DELETE",
            "/v1/activities/00000000-0000-0000-0000-000000000001",
            1 << 20,
        ),
    ] {
        let response = bench
            .send(request(1, method, path, Some(key()), vec![0; bytes]))
            .await;
        let (status, body) = json(response).await;
        assert_eq!(
            (status, code(&body)),
            (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large"),
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_title_that_is_none_is_refused_and_the_old_one_stays() {
    let bench = Bench::new().await;
    let (_, activity) = bench.upload(fixtures::get("hrv-activity.fit")).await;
    let path = format!("/v1/activities/{}", activity["id"].as_str().expect("an id"));
    let send = |path: String, key, body: String| {
        let request = request(1, "PATCH", &path, key, body.into_bytes());
        async { json(bench.send(request).await).await }
    };
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(201));
    for body in [
        "",
        "{\"name\":7}",
        "{\"name\":\"\"}",
        "{\"name\":\"a\\nb\"}",
        "{\"sport\":\"running\"}",
        &long,
    ] {
        let (status, refused) = send(path.clone(), Some(key()), body.to_owned()).await;
        assert_eq!(
            (status, code(&refused)),
            (StatusCode::BAD_REQUEST, "invalid-body"),
            "{body}"
        );
    }
    let good = || "{\"name\":\"A ride\"}".to_owned();
    let (status, _) = send(path.clone(), None, good()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "a change takes a key");
    let nobody = format!("/v1/activities/{}", uuid::Uuid::from_u128(9));
    let (status, refused) = send(nobody, Some(key()), good()).await;
    assert_eq!((status, code(&refused)), (StatusCode::NOT_FOUND, "not-found"));
    assert_eq!(bench.ask("GET", &path).await.1["name"], activity["name"]);
}
