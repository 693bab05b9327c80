//! Locate: a home for every address, at a fixed time.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::bench_of_routes::{Bench, PASSWORD, Told, key, person, request};
use super::node::Fault;

const ANNA: &str = "anna@example.com";

async fn locate_at(bench: &Bench, at: &str, email: &str) -> Told {
    let body = json!({"email": email}).to_string();
    let mut asked = Box::pin(bench.send(request(at, "POST", "/v1/locate", &[], body)));
    bench.hand.advance(Duration::from_millis(99));
    let early = tokio::time::timeout(Duration::from_millis(20), &mut asked).await;
    assert!(early.is_err(), "answered before its time");
    bench.hand.advance(Duration::from_millis(100));
    asked.await
}

async fn locate(bench: &Bench, email: &str) -> Told {
    locate_at(bench, "eu/eu-central", email).await
}

#[tokio::test]
async fn an_address_is_found_in_whatever_jurisdiction_it_is_held() {
    let bench = Bench::new().await;
    bench
        .register_at("us/us-east", "US", Some(key()), &person(ANNA))
        .await
        .expect(StatusCode::CREATED);
    bench
        .register_at("eu/eu-west", "DE", Some(key()), &person("w@example.com"))
        .await
        .expect(StatusCode::CREATED);
    for (email, home, host) in [
        ("ANNA@example.com", "us/us-east", "us-east.us.meridian.test"),
        ("w@example.com", "eu/eu-west", "eu-west.eu.meridian.test"),
    ] {
        let told = locate(&bench, email).await.expect(StatusCode::OK);
        assert_eq!(told.body, json!({"home": home, "host": host}));
        bench.login_at(home, email, PASSWORD).await.expect(StatusCode::OK);
    }
}

#[tokio::test]
async fn an_address_of_nobody_gets_a_home_like_any_other() {
    let bench = Bench::new().await;
    let mut named = std::collections::BTreeSet::new();
    for n in 0..20 {
        let email = format!("nobody{n}@example.com");
        let told = locate(&bench, &email).await.expect(StatusCode::OK);
        let elsewhere = locate_at(&bench, "us/us-east", &email)
            .await
            .expect(StatusCode::OK);
        assert_eq!(told.body, elsewhere.body, "the same wherever it is asked");
        let home = told.text("home").to_owned();
        let login = bench
            .login_at(&home, &email, PASSWORD)
            .await
            .expect(StatusCode::UNAUTHORIZED);
        assert_eq!(login.code(), "invalid-credentials");
        named.insert(home);
    }
    assert!(named.len() > 1, "not always the home that was asked: {named:?}");
    assert!(!bench.holds(b"nobody").await);
}

#[tokio::test]
async fn while_a_directory_is_away_a_holder_is_found_and_nobody_is_guessed() {
    let bench = Bench::new().await;
    bench
        .register_at("us/us-east", "US", Some(key()), &person(ANNA))
        .await
        .expect(StatusCode::CREATED);
    bench.fail_once(Fault::Lookup);
    let found = locate(&bench, ANNA).await.expect(StatusCode::OK);
    assert_eq!(
        found.text("home"),
        "us/us-east",
        "the directory of `eu` is asked first and away"
    );
    bench.fail_once(Fault::Lookup);
    let told = locate(&bench, "nobody@example.com")
        .await
        .expect(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (told.code(), told.headers["retry-after"].as_bytes()),
        ("unavailable", &b"1"[..])
    );
}
