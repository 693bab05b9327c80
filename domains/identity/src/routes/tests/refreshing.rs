//! Refresh: rotation, retries, races, reuse.

use http::StatusCode;
use platform_token::RefreshToken;
use uuid::Uuid;

use super::bench_of_routes::{Bench, PASSWORD, key};

const ANNA: &str = "anna@example.com";

/// A bench, and the refresh token of one session of its person.
async fn session() -> (Bench, String) {
    let bench = Bench::new().await;
    let told = bench.register(key(), ANNA).await.expect(StatusCode::CREATED);
    let token = told.refresh().to_owned();
    (bench, token)
}

async fn next(bench: &Bench, token: &str) -> String {
    bench
        .refresh(token)
        .await
        .expect(StatusCode::OK)
        .refresh()
        .to_owned()
}

async fn refused(bench: &Bench, token: &str) -> String {
    bench
        .refresh(token)
        .await
        .expect(StatusCode::UNAUTHORIZED)
        .code()
        .to_owned()
}

#[tokio::test]
async fn a_retry_shortly_after_gets_the_same_successor() {
    let (bench, first) = session().await;
    let second = next(&bench, &first).await;
    bench.advance_s(30);
    assert_eq!(next(&bench, &first).await, second);
    let third = next(&bench, &second).await;
    assert_ne!(third, second);
    assert_eq!(next(&bench, &second).await, third);
}

#[tokio::test]
async fn refreshes_at_once_have_one_successor() {
    let (bench, mut token) = session().await;
    for _ in 0..10 {
        let told = futures::future::join_all((0..8).map(|_| bench.refresh(&token))).await;
        let mut tokens: Vec<String> = told
            .into_iter()
            .map(|told| told.expect(StatusCode::OK).refresh().to_owned())
            .collect();
        tokens.dedup();
        assert_eq!(tokens.len(), 1, "one successor");
        assert_ne!(tokens[0], token);
        token = tokens.remove(0);
    }
    let token: RefreshToken = token.parse().expect("a token");
    assert_eq!(token.generation, 10);
}

#[tokio::test]
async fn a_token_that_comes_again_later_ends_its_session_and_no_other() {
    let (bench, first) = session().await;
    let other = bench.login(ANNA, PASSWORD).await.expect(StatusCode::OK);
    let stranger = bench
        .register(key(), "berta@example.com")
        .await
        .expect(StatusCode::CREATED);
    let second = bench.refresh(&first).await.expect(StatusCode::OK);
    bench.advance_s(31);
    assert_eq!(refused(&bench, &first).await, "refresh-reused");
    for token in [first.as_str(), second.refresh()] {
        assert_eq!(refused(&bench, token).await, "revoked-token");
    }
    let access = bench
        .ask(second.access(), "GET", "/v1/profile")
        .await
        .expect(StatusCode::UNAUTHORIZED);
    assert_eq!(access.code(), "revoked-token");
    for told in [other, stranger] {
        bench
            .ask(told.access(), "GET", "/v1/profile")
            .await
            .expect(StatusCode::OK);
        bench.refresh(told.refresh()).await.expect(StatusCode::OK);
    }
}

#[tokio::test]
async fn a_token_whose_successor_was_used_is_reused_even_shortly_after() {
    let (bench, first) = session().await;
    let second = next(&bench, &first).await;
    let third = next(&bench, &second).await;
    assert_eq!(refused(&bench, &first).await, "refresh-reused");
    assert_eq!(refused(&bench, &third).await, "revoked-token");
}

#[tokio::test]
async fn the_end_of_a_reused_session_survives_a_restart() {
    let (bench, first) = session().await;
    let second = next(&bench, &first).await;
    bench.advance_s(31);
    assert_eq!(refused(&bench, &first).await, "refresh-reused");
    let bench = bench.restarted(super::bench_of_routes::settings()).await;
    assert_eq!(refused(&bench, &second).await, "revoked-token");
}

#[tokio::test]
async fn a_forged_token_is_refused_and_ends_nothing() {
    let (bench, first) = session().await;
    let second: RefreshToken = next(&bench, &first).await.parse().expect("a token");
    let random = second.next().secret;
    for (what, forged) in [
        (
            "another secret",
            RefreshToken {
                secret: random,
                ..second.clone()
            },
        ),
        (
            "a guessed generation",
            RefreshToken {
                generation: 9,
                ..second.clone()
            },
        ),
        (
            "an older generation",
            RefreshToken {
                generation: 0,
                ..second.clone()
            },
        ),
        (
            "another session",
            RefreshToken {
                session: Uuid::from_u128(1),
                ..second.clone()
            },
        ),
        (
            "another home",
            RefreshToken {
                home: "us/us-east".parse().expect("a home"),
                ..second.clone()
            },
        ),
        (
            "another person",
            RefreshToken {
                user: platform_model::UserId::from_uuid(Uuid::from_u128(1)),
                ..second.clone()
            },
        ),
    ] {
        assert_eq!(
            refused(&bench, &forged.to_string()).await,
            "invalid-token",
            "{what}"
        );
    }
    next(&bench, &second.to_string()).await;
}

#[tokio::test]
async fn a_session_that_rests_too_long_is_over() {
    let (bench, first) = session().await;
    bench.advance_s(59 * 24 * 3_600);
    let second = next(&bench, &first).await;
    bench.advance_s(60 * 24 * 3_600);
    assert_eq!(refused(&bench, &second).await, "revoked-token");
    let back = bench.login(ANNA, PASSWORD).await.expect(StatusCode::OK);
    let list = bench.ask(back.access(), "GET", "/v1/sessions").await;
    assert_eq!(list.body["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_crash_before_the_answer_is_healed_by_a_retry() {
    let (bench, first) = session().await;
    bench.fail_once(super::node::Fault::Sign);
    bench
        .refresh(&first)
        .await
        .expect(StatusCode::SERVICE_UNAVAILABLE);
    let second = next(&bench, &first).await;
    let generation = second.parse::<RefreshToken>().expect("a token").generation;
    assert_eq!(generation, 1, "the one that was made before the crash");
    next(&bench, &second).await;
}
