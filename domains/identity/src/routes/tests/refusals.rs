//! What is refused, over HTTP: a stable code, nothing personal in it, and nothing changed.

use axum::body::Body;
use http::{Request, StatusCode};
use platform_model::{HomeId, WorldId};
use platform_token::{Claims, SigningKey};
use serde_json::json;
use uuid::Uuid;

use super::bench_of_routes::{Bench, NOW_MS, PASSWORD, headers, home, key, person, request, user_of};
use crate::routes::body::BODY_BYTES_MAX;

const ANNA: &str = "anna@example.com";

fn post(path: &str, key: Option<Uuid>, body: &str) -> Request<Body> {
    request(
        "eu/eu-central",
        "POST",
        path,
        &headers(None, key),
        body.to_owned(),
    )
}

const REGISTER: &str = "/v1/register/DE";
const LOGIN: &str = "/v1/homes/eu~eu-central/login";
const LOCATE: &str = "/v1/locate";

/// Path, body, status and code.
fn bad_input() -> Vec<(&'static str, String, u16, &'static str)> {
    let of = |email: &str, password: &str| json!({"email": email, "password": password}).to_string();
    let long = format!(r#"{{"email":"{}"}}"#, "x".repeat(BODY_BYTES_MAX));
    let unknown = format!(r#"{{"email":"{ANNA}","password":"{PASSWORD}","admin":true}}"#);
    let twice = format!(r#"{{"email":"{ANNA}","email":"{ANNA}","password":"{PASSWORD}"}}"#);
    let half = format!(r#"{{"email":"{ANNA}"}}"#);
    let name = json!({"email": ANNA, "password": PASSWORD, "display_name": "secret\u{0}name"}).to_string();
    let (longer, longest) = ("secret!".repeat(40), "secret!".repeat(200));
    vec![
        (
            REGISTER,
            of("secret.example.com", PASSWORD),
            422,
            "invalid-address",
        ),
        (
            REGISTER,
            of("sec ret@example.com", PASSWORD),
            422,
            "invalid-address",
        ),
        (REGISTER, of(ANNA, "secret"), 422, "weak-password"),
        (REGISTER, of(ANNA, &longer), 422, "weak-password"),
        (REGISTER, name, 400, "invalid-body"),
        (REGISTER, unknown.clone(), 400, "invalid-body"),
        (REGISTER, twice, 400, "invalid-body"),
        (REGISTER, half.clone(), 400, "invalid-body"),
        (REGISTER, "secret".to_owned(), 400, "invalid-body"),
        (REGISTER, String::new(), 400, "invalid-body"),
        (REGISTER, long.clone(), 413, "body-too-large"),
        (LOGIN, unknown.clone(), 400, "invalid-body"),
        (LOGIN, of("secret", PASSWORD), 422, "invalid-address"),
        (LOGIN, of(ANNA, &longest), 401, "invalid-credentials"),
        (LOGIN, long.clone(), 413, "body-too-large"),
        (LOCATE, unknown, 400, "invalid-body"),
        (LOCATE, half.replace('@', ""), 422, "invalid-address"),
        (LOCATE, long, 413, "body-too-large"),
    ]
}

#[tokio::test]
async fn bad_input_has_a_code_and_changes_nothing() {
    let bench = Bench::new().await;
    for (path, body, status, code) in bad_input() {
        let told = bench.send(post(path, Some(key()), &body)).await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (status, code),
            "{path} {body:.80}"
        );
        let said = told.body.to_string();
        for personal in ["secret", "sec ret", "anna", PASSWORD] {
            assert!(!said.contains(personal), "{path}: {said}");
        }
    }
    for shard in bench.node.shards.values() {
        assert_eq!(shard.status().committed.0, 1, "nothing but the term was written");
    }
    assert!(bench.node.kept.keys.lock().is_empty());
}

#[tokio::test]
async fn a_registration_needs_a_key_of_this_time() {
    let bench = Bench::new().await;
    let at = platform_runtime::random::uuid_v7_at;
    const DAY_MS: u64 = 24 * 3_600 * 1_000;
    for (key, code) in [
        (None, "idempotency-key-missing"),
        (Some(Uuid::from_u128(7)), "idempotency-key-invalid"),
        (Some(at(NOW_MS - 8 * DAY_MS)), "idempotency-expired"),
        (Some(at(NOW_MS + 2 * DAY_MS)), "idempotency-key-invalid"),
    ] {
        let told = bench.register_at("eu/eu-central", "DE", key, &person(ANNA)).await;
        assert_eq!(told.code(), code);
    }
    assert_eq!(bench.holder("eu", ANNA), None);
}

/// Claims as a token of the bench's person has them.
fn claims(user: platform_model::UserId, home: HomeId, session: Uuid) -> Claims {
    Claims {
        user,
        home,
        host: "eu-central.eu.meridian.test".to_owned(),
        session,
        issued_s: NOW_MS / 1_000,
        expires_s: NOW_MS / 1_000 + 900,
    }
}

#[tokio::test]
async fn an_access_token_that_is_not_good_opens_nothing() {
    let bench = Bench::new().await;
    let used = key();
    let told = bench.register(used, ANNA).await.expect(StatusCode::CREATED);
    let (eu, us) = (home("eu/eu-central"), home("us/us-east"));
    let user = user_of(used);
    let sign = |claims: &Claims| bench.node.signing[&claims.home].sign(claims, &bench.node.world);
    let other_world = WorldId::new(&"1".repeat(64)).expect("a world");
    let nobody = platform_model::UserId::from_uuid(Uuid::from_u128(1));
    let good = claims(user, eu.clone(), Uuid::from_u128(1));
    for (what, token, code) in [
        ("no session", sign(&good), "revoked-token"),
        (
            "nobody",
            sign(&claims(nobody, eu.clone(), Uuid::from_u128(1))),
            "invalid-token",
        ),
        (
            "of another home",
            sign(&claims(user, us, Uuid::from_u128(1))),
            "invalid-token",
        ),
        (
            "of another world",
            bench.node.signing[&eu].sign(&good, &other_world),
            "invalid-token",
        ),
        (
            "of another key",
            SigningKey::generate().sign(&good, &bench.node.world),
            "invalid-token",
        ),
        (
            "cut",
            told.access()[..told.access().len() - 2].to_owned(),
            "invalid-token",
        ),
        ("a refresh token", told.refresh().to_owned(), "invalid-token"),
        ("nonsense", "nonsense".to_owned(), "invalid-token"),
    ] {
        for (method, path) in [("GET", "/v1/profile"), ("GET", "/v1/sessions")] {
            let refused = bench
                .ask(&token, method, path)
                .await
                .expect(StatusCode::UNAUTHORIZED);
            assert_eq!(refused.code(), code, "{what} {path}");
        }
    }
    bench
        .ask(told.access(), "GET", "/v1/profile")
        .await
        .expect(StatusCode::OK);
    bench.advance_s(900);
    for (method, path) in [("GET", "/v1/profile"), ("DELETE", "/v1/sessions/current")] {
        let refused = bench
            .ask(told.access(), method, path)
            .await
            .expect(StatusCode::UNAUTHORIZED);
        assert_eq!(refused.code(), "expired-token");
    }
    bench.refresh(told.refresh()).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_refresh_takes_a_refresh_token_and_no_body() {
    let bench = Bench::new().await;
    let told = bench.register(key(), ANNA).await.expect(StatusCode::CREATED);
    let with = async |token: Option<&str>, body: &str| {
        let headers = headers(token, None);
        bench
            .send(request(
                "eu/eu-central",
                "POST",
                "/v1/sessions/refresh",
                &headers,
                body.to_owned(),
            ))
            .await
    };
    for (token, body, code) in [
        (None, "", "unauthenticated"),
        (Some("nonsense"), "", "invalid-token"),
        (Some(told.access()), "", "invalid-token"),
        (Some(told.refresh()), r#"{"x":1}"#, "invalid-body"),
    ] {
        assert_eq!(with(token, body).await.code(), code, "{body}");
    }
    with(Some(told.refresh()), "{}").await.expect(StatusCode::OK);
}
