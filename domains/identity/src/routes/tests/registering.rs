//! Registration: retries, rivals, and a crash between any two steps.

use cell_layers::{Query, RootTx, Table};
use cell_sdk::{ClaimEntry, Directory, RootCtx, Services};
use http::StatusCode;
use platform_model::{Actor, Code, IdempotencyKey};
use platform_token::Claims;
use serde_json::json;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::bench_of_routes::{
    Bench, PASSWORD, Told, arrival, headers, home, key, person, request, settings, user_of,
};
use super::node::{Fault, Hold};
use crate::Settings;
use crate::registration::claim_id;
use crate::storage::DOMAIN;
use crate::stored::{Claim, ClaimState};

const ANNA: &str = "anna@example.com";

/// The person can use the tokens of this answer.
async fn is_in(bench: &Bench, told: &Told) {
    bench
        .ask(told.access(), "GET", "/v1/profile")
        .await
        .expect(StatusCode::OK);
    bench.refresh(told.refresh()).await.expect(StatusCode::OK);
}

/// How far the claims in the root of a registration's person have come.
async fn claims_of(bench: &Bench, key: Uuid) -> Vec<Option<ClaimState>> {
    let at = home("eu/eu-central");
    let root = RootCtx {
        user: user_of(key),
        open: bench
            .node
            .open_user(&at, user_of(key))
            .await
            .expect("a key was made"),
        home: at,
        actor: Actor::Anonymous,
        arrival: arrival("eu/eu-central/000"),
    };
    let read = |tx: RootTx| async move {
        let rows = Table::<Claim>::new().scan(&tx, Query::first(10)).await?.rows;
        Ok(rows.iter().map(Claim::claim_state).collect())
    };
    root.read(DOMAIN, read).await.expect("it is served").value
}

#[tokio::test]
async fn a_retry_is_the_same_person_with_usable_tokens() {
    let bench = Bench::new().await;
    let key = key();
    let first = bench.register(key, ANNA).await.expect(StatusCode::CREATED);
    assert_eq!(first.text("user"), user_of(key).to_string());
    assert!(!first.headers.contains_key("idempotency-replayed"));

    let again = bench.register(key, ANNA).await.expect(StatusCode::CREATED);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(
        again.refresh(),
        first.refresh(),
        "the first session, while nobody has used it"
    );
    is_in(&bench, &again).await;

    // A late retry, when the first session went on: a session of its own, and the first is not harmed.
    bench.advance_s(3_600);
    let late = bench.register(key, ANNA).await.expect(StatusCode::CREATED);
    assert_eq!(late.text("user"), first.text("user"));
    assert_ne!(late.refresh(), first.refresh());
    is_in(&bench, &late).await;
    let list = bench.ask(late.access(), "GET", "/v1/sessions").await;
    assert_eq!(list.body["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_key_alone_opens_nothing() {
    let bench = Bench::new().await;
    let key = key();
    bench.register(key, ANNA).await.expect(StatusCode::CREATED);
    let with = async |body| bench.register_at("eu/eu-central", "DE", Some(key), &body).await;
    let guess = json!({"email": ANNA, "password": "a guess at it", "display_name": "Anna"});
    for _ in 0..5 {
        let refused = with(guess.clone()).await.expect(StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused.code(), "idempotency-mismatch");
    }
    let counted = with(guess).await.expect(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        counted.code(),
        "too-many-attempts",
        "a guess here is a failed log-in"
    );
    for other in [
        json!({"email": "b@example.com", "password": PASSWORD, "display_name": "Anna"}),
        json!({"email": ANNA, "password": PASSWORD, "display_name": "Berta"}),
        json!({"email": ANNA, "password": PASSWORD}),
    ] {
        let refused = with(other).await.expect(StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused.code(), "idempotency-mismatch");
    }
    assert_eq!(bench.holder("eu", "b@example.com"), None);
}

#[tokio::test]
async fn the_same_registration_twice_at_once_is_one_person() {
    let bench = Bench::new().await;
    for round in 0..10 {
        let (key, email) = (key(), format!("anna{round}@example.com"));
        let (one, other) = tokio::join!(bench.register(key, &email), bench.register(key, &email));
        let (one, other) = (one.expect(StatusCode::CREATED), other.expect(StatusCode::CREATED));
        assert_eq!(
            (one.text("user"), one.refresh()),
            (other.text("user"), other.refresh())
        );
        is_in(&bench, &one).await;
    }
}

#[tokio::test]
async fn one_key_for_two_addresses_at_once_is_one_person_with_one_address() {
    let bench = Bench::new().await;
    for round in 0..10 {
        let key = key();
        let emails = [format!("a{round}@example.com"), format!("b{round}@example.com")];
        let (one, other) = tokio::join!(bench.register(key, &emails[0]), bench.register(key, &emails[1]));
        let mut statuses = [one.status, other.status];
        statuses.sort();
        assert_eq!(statuses, [StatusCode::CREATED, StatusCode::UNPROCESSABLE_ENTITY]);
        let held = emails.iter().filter(|email| bench.holder("eu", email).is_some());
        assert_eq!(held.count(), 1, "the loser's address is free");
    }
}

#[tokio::test]
async fn rivals_for_an_address_have_one_winner_and_the_loser_no_account() {
    let bench = Bench::new().await;
    for round in 0..10 {
        let (keys, email) = ([key(), key()], format!("anna{round}@example.com"));
        let upper = email.to_uppercase();
        let rivals = tokio::join!(bench.register(keys[0], &email), bench.register(keys[1], &upper));
        let mut rivals = [(keys[0], rivals.0), (keys[1], rivals.1)];
        rivals.sort_by_key(|(_, told)| told.status);
        let [(_, winner), (lost, loser)] = rivals;
        assert_eq!(
            (winner.status, loser.status),
            (StatusCode::CREATED, StatusCode::CONFLICT)
        );
        assert_eq!(loser.code(), "claim-taken");
        assert!(!loser.headers.contains_key("idempotency-replayed"));
        is_in(&bench, &winner).await;
        let won = if lost == keys[0] { keys[1] } else { keys[0] };
        assert_eq!(claims_of(&bench, won).await, [Some(ClaimState::Active)]);
        assert_eq!(claims_of(&bench, lost).await, [Some(ClaimState::Dropped)]);

        let email = if lost == keys[0] { &email } else { &upper };
        let again = bench.register(lost, email).await.expect(StatusCode::CONFLICT);
        assert_eq!(
            (again.code(), again.headers["idempotency-replayed"].as_bytes()),
            ("claim-taken", &b"true"[..])
        );
        let login = bench.login(email, PASSWORD).await.expect(StatusCode::OK);
        assert_eq!(login.text("user"), winner.text("user"));
        let root = bench
            .node
            .open_user(&home("eu/eu-central"), user_of(lost))
            .await
            .expect("a key was made");
        let claims = Claims {
            user: user_of(lost),
            home: home("eu/eu-central"),
            host: String::new(),
            session: Uuid::from_u128(1),
            issued_s: 0,
            expires_s: 1,
        };
        let none = crate::check_session(&root, &claims)
            .await
            .expect_err("no account");
        assert_eq!(none.code, Code::InvalidToken);
    }
}

#[tokio::test]
async fn a_crash_between_any_two_steps_is_healed_by_a_retry() {
    for fault in [
        Fault::BeforeKey,
        Fault::AfterKey,
        Fault::BeforeClaim,
        Fault::AfterClaim,
        Fault::Sign,
    ] {
        let (bench, key) = (Bench::new().await, key());
        bench.fail_once(fault);
        let crashed = bench.register(key, ANNA).await;
        assert_eq!(crashed.code(), "unavailable", "{fault:?}");
        assert!(bench.node.faults.lock().is_empty(), "{fault:?}");
        let bench = bench.restarted(settings()).await;
        // Whatever was left behind: nobody is in before the retry but where only the answer was lost.
        let login = bench.login(ANNA, PASSWORD).await;
        assert_eq!(login.status == StatusCode::OK, fault == Fault::Sign, "{fault:?}");
        let states = match fault {
            Fault::BeforeKey => None,
            Fault::AfterKey => Some(vec![]),
            Fault::Sign => Some(vec![Some(ClaimState::Active)]),
            _ => Some(vec![Some(ClaimState::Pending)]),
        };
        if let Some(states) = states {
            assert_eq!(claims_of(&bench, key).await, states, "{fault:?}");
        }
        let claimed = bench.holder("eu", ANNA);
        assert_eq!(
            claimed.is_some(),
            matches!(fault, Fault::AfterClaim | Fault::Sign),
            "{fault:?}"
        );

        let retried = bench.register(key, ANNA).await.expect(StatusCode::CREATED);
        assert_eq!(retried.text("user"), user_of(key).to_string(), "{fault:?}");
        is_in(&bench, &retried).await;
        assert_eq!(bench.holder("eu", ANNA), Some(user_of(key)));
    }
}

#[tokio::test]
async fn a_rival_gets_the_address_of_a_crashed_registration_only_before_it_was_claimed() {
    for (fault, winner) in [(Fault::BeforeClaim, 1), (Fault::AfterClaim, 0)] {
        let (bench, keys) = (Bench::new().await, [key(), key()]);
        bench.fail_once(fault);
        bench
            .register(keys[0], ANNA)
            .await
            .expect(StatusCode::SERVICE_UNAVAILABLE);
        let rival = bench.register(keys[1], ANNA).await.status;
        let retried = bench.register(keys[0], ANNA).await.status;
        let statuses = [retried, rival];
        assert_eq!(statuses[winner], StatusCode::CREATED, "{fault:?}");
        assert_eq!(statuses[1 - winner], StatusCode::CONFLICT, "{fault:?}");
        assert_eq!(bench.holder("eu", ANNA), Some(user_of(keys[winner])));
    }
}

/// The first try of a registration is still on its way to the directory when the second, for the same key, has heard
/// that the address is taken and dropped the claim. Then the rival lets go, and the first try takes the address.
#[tokio::test]
async fn a_claim_taken_after_it_was_dropped_is_given_back() {
    let (bench, ours) = (Bench::new().await, key());
    let (authority, digest) = (
        "eu".parse().expect("a jurisdiction"),
        bench.node.digest("email", ANNA),
    );
    let rival = ClaimEntry {
        user: user_of(key()),
        claim_id: Uuid::from_u128(1),
        home: home("eu/eu-central"),
        version: 0,
    };
    bench
        .node
        .claim(&authority, digest, rival.clone())
        .await
        .expect("free");
    let ((arrived, has_arrived), (let_go, go)) = (oneshot::channel(), oneshot::channel());
    *bench.node.hold.lock() = Some(Hold { arrived, go });

    let meanwhile = async {
        has_arrived.await.expect("it comes to the directory");
        let second = bench.register(ours, ANNA).await.expect(StatusCode::CONFLICT);
        assert_eq!(second.code(), "claim-taken");
        bench
            .node
            .release(&authority, digest, rival.claim_id, None)
            .await
            .expect("released");
        let_go.send(()).expect("it waits");
    };
    let (first, ()) = tokio::join!(bench.register(ours, ANNA), meanwhile);
    assert_eq!(
        first.expect(StatusCode::CONFLICT).code(),
        "claim-taken",
        "what is dropped stays dropped"
    );
    assert_eq!(bench.holder("eu", ANNA), None, "the row is nobody's");
    bench.register(key(), ANNA).await.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn a_registration_belongs_to_its_country_home_and_shard() {
    let bench = Bench::new().await;
    let body = person(ANNA);
    for (at, country, status, code) in [
        ("eu/eu-central", "BR", 422, "country-not-served"),
        ("eu/eu-central", "US", 422, "country-not-served"),
        ("us/us-east", "DE", 422, "country-not-served"),
        ("eu/eu-central", "Germany", 422, "country-not-served"),
        ("ru/ru-west", "DE", 422, "country-not-served"),
    ] {
        let told = bench.register_at(at, country, Some(key()), &body).await;
        assert_eq!(
            (told.status.as_u16(), told.code()),
            (status, code),
            "{at} {country}"
        );
    }
    let told = bench
        .register_at("us/us-east", "us", Some(key()), &body)
        .await
        .expect(StatusCode::CREATED);
    assert_eq!(
        (told.text("home"), told.text("host")),
        ("us/us-east", "us-east.us.meridian.test")
    );
    for shard in ["eu/eu-central/001", "eu/eu-central/keys"] {
        let headers = headers(None, Some(key()));
        let mut request = request(
            "eu/eu-central",
            "POST",
            "/v1/register/DE",
            &headers,
            body.to_string(),
        );
        request.extensions_mut().insert(arrival(shard));
        assert_eq!(bench.send(request).await.code(), "bad-request", "{shard}");
    }
    // Another authority: the address is free there.
    bench.register(key(), ANNA).await.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn the_same_key_at_another_home_of_the_jurisdiction_is_a_rival() {
    let (bench, key) = (Bench::new().await, key());
    bench.register(key, ANNA).await.expect(StatusCode::CREATED);
    let told = bench
        .register_at("eu/eu-west", "DE", Some(key), &person(ANNA))
        .await;
    assert_eq!(told.expect(StatusCode::CONFLICT).code(), "claim-taken");
    let key = IdempotencyKey::new(key).expect("version 7");
    assert_ne!(
        claim_id(key, &home("eu/eu-central")),
        claim_id(key, &home("eu/eu-west"))
    );
}

#[tokio::test]
async fn an_overloaded_node_refuses_before_anything_is_held() {
    let full = Settings {
        hashes_waiting_max: 0,
        ..settings()
    };
    let (bench, key) = (Bench::with(full).await, key());
    let told = bench
        .register(key, ANNA)
        .await
        .expect(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (told.code(), told.headers["retry-after"].as_bytes()),
        ("overloaded", &b"1"[..])
    );
    assert_eq!(bench.holder("eu", ANNA), None);
    let bench = bench.restarted(settings()).await;
    bench.register(key, ANNA).await.expect(StatusCode::CREATED);
}
