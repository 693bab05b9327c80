//! Log-in: who is refused, how, and for how long.

use http::StatusCode;
use serde_json::json;

use super::bench_of_routes::{Bench, PASSWORD, Told, headers, key, request, settings};
use crate::{PasswordCost, Settings};

const ANNA: &str = "anna@example.com";
const WRONG: &str = "wrong horse battery";

async fn bench_with_anna() -> Bench {
    let bench = Bench::new().await;
    bench.register(key(), ANNA).await.expect(StatusCode::CREATED);
    bench
}

#[tokio::test]
async fn nobody_and_a_wrong_password_get_the_same_answer_for_the_same_work() {
    let bench = bench_with_anna().await;
    bench
        .register_at(
            "eu/eu-west",
            "DE",
            Some(key()),
            &json!({"email": "w@example.com", "password": PASSWORD}),
        )
        .await
        .expect(StatusCode::CREATED);
    let mut answers = Vec::new();
    for (email, password) in [
        (ANNA, WRONG),
        ("nobody@example.com", WRONG),
        ("w@example.com", PASSWORD),
        (ANNA, ""),
    ] {
        let before = bench.identity.hashes_computed();
        let told = bench
            .login(email, password)
            .await
            .expect(StatusCode::UNAUTHORIZED);
        assert_eq!(told.code(), "invalid-credentials", "{email}");
        assert_eq!(bench.identity.hashes_computed() - before, 1, "{email}");
        let names: Vec<String> = told.headers.keys().map(ToString::to_string).collect();
        answers.push((told.body, names));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}

#[tokio::test]
async fn a_registration_that_is_not_done_is_nobody() {
    let bench = Bench::new().await;
    bench.fail_once(super::node::Fault::AfterClaim);
    bench
        .register(key(), ANNA)
        .await
        .expect(StatusCode::SERVICE_UNAVAILABLE);
    let before = bench.identity.hashes_computed();
    let told = bench.login(ANNA, PASSWORD).await.expect(StatusCode::UNAUTHORIZED);
    assert_eq!(
        (told.code(), bench.identity.hashes_computed() - before),
        ("invalid-credentials", 1)
    );
}

#[track_caller]
fn must_wait(told: Told, seconds: u64) {
    let told = told.expect(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(told.code(), "too-many-attempts");
    assert_eq!(told.body["retry_after_s"], seconds);
    assert_eq!(told.headers["retry-after"], seconds.to_string());
}

#[tokio::test]
async fn failures_make_the_next_wait_and_a_restart_does_not_help() {
    let bench = bench_with_anna().await;
    for _ in 0..5 {
        bench.login(ANNA, WRONG).await.expect(StatusCode::UNAUTHORIZED);
    }
    let before = bench.identity.hashes_computed();
    must_wait(bench.login(ANNA, WRONG).await, 1);
    must_wait(bench.login(ANNA, PASSWORD).await, 1);
    assert_eq!(bench.identity.hashes_computed(), before, "a wait costs no hash");

    let bench = bench.restarted(settings()).await;
    must_wait(bench.login(ANNA, PASSWORD).await, 1);
    for wait in [2, 4, 8, 16, 32, 60, 60] {
        bench.advance_s(60);
        bench.login(ANNA, WRONG).await.expect(StatusCode::UNAUTHORIZED);
        must_wait(bench.login(ANNA, PASSWORD).await, wait);
    }
    bench.advance_s(59);
    must_wait(bench.login(ANNA, PASSWORD).await, 1);
    bench.advance_s(1);
    bench.login(ANNA, PASSWORD).await.expect(StatusCode::OK);
    for _ in 0..4 {
        bench.login(ANNA, WRONG).await.expect(StatusCode::UNAUTHORIZED);
    }
    bench.login(ANNA, PASSWORD).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn failures_lock_nobody_out_of_living_sessions_or_other_accounts() {
    let bench = bench_with_anna().await;
    let berta = bench
        .register(key(), "berta@example.com")
        .await
        .expect(StatusCode::CREATED);
    for _ in 0..5 {
        bench
            .login("berta@example.com", WRONG)
            .await
            .expect(StatusCode::UNAUTHORIZED);
    }
    must_wait(bench.login("berta@example.com", PASSWORD).await, 1);
    let next = bench.refresh(berta.refresh()).await.expect(StatusCode::OK);
    bench
        .ask(next.access(), "GET", "/v1/profile")
        .await
        .expect(StatusCode::OK);
    bench.login(ANNA, PASSWORD).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn guesses_at_once_learn_no_more_than_guesses_in_turn() {
    let bench = Bench::with(Settings {
        hashes_at_once: 4,
        ..settings()
    })
    .await;
    bench.register(key(), ANNA).await.expect(StatusCode::CREATED);
    let guesses = (0..40).map(|_| bench.login(ANNA, WRONG));
    let told = futures::future::join_all(guesses).await;
    let judged = told.iter().filter(|told| told.status == StatusCode::UNAUTHORIZED);
    assert_eq!(judged.count(), 5);
    let waits = told
        .iter()
        .filter(|told| told.status == StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(waits.count(), 35);
}

#[tokio::test]
async fn a_hash_of_another_cost_is_made_anew_at_the_next_log_in() {
    let bench = bench_with_anna().await;
    let dearer = Settings {
        password_cost: PasswordCost::new(32, 2, 1).expect("a cost"),
        ..settings()
    };
    let bench = bench.restarted(dearer).await;
    bench.login(ANNA, WRONG).await.expect(StatusCode::UNAUTHORIZED);
    assert_eq!(
        bench.identity.hashes_computed(),
        1,
        "a wrong password changes nothing"
    );
    bench.login(ANNA, PASSWORD).await.expect(StatusCode::OK);
    assert_eq!(
        bench.identity.hashes_computed(),
        3,
        "verified under the old cost, hashed under the new"
    );
    bench.login(ANNA, PASSWORD).await.expect(StatusCode::OK);
    assert_eq!(bench.identity.hashes_computed(), 4, "once");
}

#[tokio::test]
async fn sessions_are_bounded_and_the_one_that_rested_longest_ends() {
    let bench = Bench::new().await;
    let first = bench.register(key(), ANNA).await.expect(StatusCode::CREATED);
    let mut tokens = vec![first.refresh().to_owned()];
    for _ in 0..3 {
        bench.advance_s(10);
        tokens.push(
            bench
                .login(ANNA, PASSWORD)
                .await
                .expect(StatusCode::OK)
                .refresh()
                .to_owned(),
        );
    }
    bench.advance_s(10);
    tokens[0] = bench
        .refresh(&tokens[0])
        .await
        .expect(StatusCode::OK)
        .refresh()
        .to_owned();
    let fifth = bench.login(ANNA, PASSWORD).await.expect(StatusCode::OK);
    let list = bench.ask(fifth.access(), "GET", "/v1/sessions").await;
    assert_eq!(list.body["items"].as_array().map(Vec::len), Some(4));
    let ended = bench.refresh(&tokens[1]).await.expect(StatusCode::UNAUTHORIZED);
    assert_eq!(ended.code(), "revoked-token");
    for at in [0, 2, 3] {
        bench.refresh(&tokens[at]).await.expect(StatusCode::OK);
    }
}

#[tokio::test]
async fn many_log_ins_at_once_all_succeed() {
    let bench = Bench::with(Settings {
        sessions_max: 50,
        ..settings()
    })
    .await;
    bench.register(key(), ANNA).await.expect(StatusCode::CREATED);
    let told = futures::future::join_all((0..32).map(|_| bench.login(ANNA, PASSWORD))).await;
    for told in told {
        let told = told.expect(StatusCode::OK);
        bench
            .ask(told.access(), "GET", "/v1/profile")
            .await
            .expect(StatusCode::OK);
    }
}

#[tokio::test]
async fn a_log_in_comes_to_the_home_that_it_names() {
    let bench = bench_with_anna().await;
    let body = json!({"email": ANNA, "password": PASSWORD}).to_string();
    for (at, path, code) in [
        ("eu/eu-central", "/v1/homes/eu~mars/login", "unknown-home"),
        ("eu/eu-central", "/v1/homes/eu/login", "unknown-home"),
        ("eu/eu-west", "/v1/homes/eu~eu-central/login", "bad-request"),
    ] {
        let told = bench
            .send(request(at, "POST", path, &headers(None, None), body.clone()))
            .await;
        assert_eq!(told.code(), code, "{at} {path}");
    }
    let told = bench
        .login_at("us/us-east", ANNA, PASSWORD)
        .await
        .expect(StatusCode::UNAUTHORIZED);
    assert_eq!(told.code(), "invalid-credentials");
}
