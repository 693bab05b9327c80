//! What people and their apps send: tokens, addresses, passwords, JSON, queries.

use axum::extract::Query;
use cell_sdk::command::{self, idempotency_key};
use cell_sdk::{ExportCursor, Outcome};
use domains_identity::input::{Address, DisplayName, Password};
use domains_training::routes::query::{LIMIT_MAX, ListQuery, StreamQuery, cursor_text};
use http::{HeaderMap, HeaderValue, Uri};
use platform_model::header::IDEMPOTENCY_KEY;
use platform_model::{HomeId, UserId, WorldId};
use platform_runtime::telemetry::TraceContext;
use platform_token::{Claims, RefreshToken, SigningKey, TOKEN_BYTES_MAX, Verifier, peek};
use serde_json::Value;
use uuid::Uuid;

use crate::texts;

/// The clock of this file, in seconds since 1970.
const NOW_S: u64 = 1_780_000_000;

fn world() -> WorldId {
    WorldId::new(&"5f".repeat(32)).expect("64 hex digits")
}

fn home() -> HomeId {
    "eu/eu-central".parse().expect("a home")
}

/// Not a secret: it signs for this file's world, which does not exist. PKCS #8 of a seed of `byte`s (RFC 8410).
fn key(byte: u8) -> SigningKey {
    const HEAD: [u8; 16] = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
    SigningKey::from_pkcs8(&[&HEAD[..], &[byte; 32]].concat()).expect("a key of 32 bytes")
}

/// A token that is taken says the same before and after its signature was checked; one of another key never is.
pub fn access_token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let hint = peek(text);
    let verifier = Verifier::new(4);
    let ours = verifier.verify(text, NOW_S, |_, _| Some(key(7).public().public), &world());
    if let Ok(claims) = ours {
        assert!(text.len() <= TOKEN_BYTES_MAX);
        assert_eq!(hint, Some((claims.home.clone(), claims.user)));
        assert!(claims.expires_s > NOW_S);
        let again = verifier.verify(
            text,
            claims.expires_s + 61,
            |_, _| Some(key(7).public().public),
            &world(),
        );
        assert!(
            again.is_err(),
            "a token that is remembered and has ended is taken"
        );
    }
    let other = key(8).public().public;
    let foreign = Verifier::new(4).verify(text, NOW_S, |_, _| Some(other), &world());
    assert!(foreign.is_err(), "a token of another key is taken");
}

pub fn access_seeds() -> Vec<Vec<u8>> {
    let claims = Claims {
        home: home(),
        user: UserId::from_uuid(Uuid::from_u128(7)),
        host: "eu-central.eu.meridian.example".into(),
        session: Uuid::from_u128(9),
        issued_s: NOW_S - 5,
        expires_s: NOW_S + 900,
    };
    let good = key(7).sign(&claims, &world());
    // `alg: none`.
    let (_, rest) = good.split_once('.').expect("three parts");
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{rest}");
    vec![good.into_bytes(), none.into_bytes()]
}

pub fn refresh_token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(token) = text.parse::<RefreshToken>() {
        assert_eq!(
            token.to_string(),
            text,
            "another spelling of a refresh token was taken"
        );
        assert!(!format!("{token:?}").contains(text.rsplit('.').next().expect("a part")));
    }
}

pub fn refresh_seeds() -> Vec<Vec<u8>> {
    let token = RefreshToken {
        secret: [5; 32],
        ..RefreshToken::begin(home(), UserId::from_uuid(Uuid::from_u128(7)), Uuid::from_u128(9))
    };
    vec![token.to_string().into_bytes()]
}

/// What is taken is stable: read again, it is the same; and no `Debug` shows it.
pub fn typed(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(address) = Address::parse(&text) {
        let again = Address::parse(address.written()).expect("what is written can be read");
        assert_eq!(
            (again.written(), again.looked_up()),
            (address.written(), address.looked_up())
        );
        let looked_up = Address::parse(address.looked_up()).expect("the compared form is an address");
        assert_eq!(
            looked_up.looked_up(),
            address.looked_up(),
            "two look-ups of one address differ"
        );
        assert!(address.written().len().max(address.looked_up().len()) <= 254);
        assert_eq!(format!("{address:?}"), "Address(..)");
    }
    if let Ok(name) = DisplayName::parse(&text) {
        assert_eq!(DisplayName::parse(name.as_str()).ok().as_ref(), Some(&name));
        assert!((1..=64).contains(&name.as_str().chars().count()));
    }
    for password in [Password::chosen(&text), Password::tried(&text)]
        .into_iter()
        .flatten()
    {
        assert_eq!(format!("{password:?}"), "Password(..)");
    }
}

pub fn typed_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "Zoe+tag@Example.ORG",
        " a@b ",
        "Zoë",
        "correct horse battery staple",
        "İ@İ.example",
        "a@ẞ",
    ])
}

/// A refusal names a place, never a value.
pub fn json(bytes: &[u8]) {
    match command::json::<Value>(bytes) {
        Ok(value) => {
            let written = value.to_string();
            assert!(command::json::<Value>(written.as_bytes()).is_ok());
        }
        Err(problem) => {
            let said = problem.to_json();
            let text = String::from_utf8_lossy(bytes);
            let text = text.trim();
            let told = text.len() > 12 && said.contains(text);
            assert!(!told, "the refusal repeats what was sent: {said}");
        }
    }
    // The stored outcome of a command reads as what it was.
    if let Ok(outcome) = serde_json::from_slice::<Outcome>(bytes) {
        let written = serde_json::to_vec(&outcome).expect("it was JSON");
        assert_eq!(serde_json::from_slice::<Outcome>(&written).ok(), Some(outcome));
    }
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        headers.insert(IDEMPOTENCY_KEY, value);
        if let Ok(key) = idempotency_key(&headers) {
            assert_eq!(key.as_uuid().get_version_num(), 7);
        }
    }
    let _ = TraceContext::continue_or_new(std::str::from_utf8(bytes).ok());
}

pub fn json_seeds() -> Vec<Vec<u8>> {
    texts(&[
        r#"{"email":"a@example.org","password":"correct horse","display_name":"Zoë"}"#,
        r#"{"display_name":null}"#,
        r#"{"status":201,"body":{"id":"x","n":[1,2.5,-3e9]},"refusal":false}"#,
        "018f9b1e-7c5a-7b3e-9f00-0123456789ab",
        "[[[[[[[[1]]]]]]]]",
    ])
}

pub fn query(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(cursor) = text.parse::<ExportCursor>() {
        assert_eq!(cursor.text().parse::<ExportCursor>().ok(), Some(cursor));
    }
    let Ok(uri) = format!("/v1/activities?{text}").parse::<Uri>() else {
        return;
    };
    if let Ok(list) = ListQuery::read(Query::try_from_uri(&uri)) {
        assert!((1..=LIMIT_MAX).contains(&list.limit));
        let cursor = list.after.as_deref().map(cursor_text);
        assert!(cursor.is_none_or(|cursor| cursor.len() <= 512));
    }
    if let Ok(streams) = StreamQuery::read(Query::try_from_uri(&uri)) {
        assert!(!streams.channels.is_empty() && streams.resolution_s <= 86_400);
        assert!(streams.within_ms.start >= 0);
    }
}

pub fn query_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "limit=100&cursor=AAECAwQF",
        "channels=heart_rate,speed&resolution=5&from=0&to=600.5",
        "limit=%31&limit=2",
        "training.00ffA1",
    ])
}
