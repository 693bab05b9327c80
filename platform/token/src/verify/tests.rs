//! The attacks of RFC 8725 and their neighbours, each with the reason that it must fail for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use platform_model::{TokenKey, UserId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::signing::SigningKey;

const NOW_S: u64 = 1_800_000_000;

fn world(digit: &str) -> WorldId {
    WorldId::new(&digit.repeat(64)).expect("64 digits")
}

fn home() -> HomeId {
    "eu/eu-central".parse().expect("a home")
}

fn claims() -> Claims {
    Claims {
        user: UserId::from_uuid(Uuid::from_u128(7)),
        home: home(),
        host: "eu-central.eu.example".into(),
        session: Uuid::from_u128(8),
        issued_s: NOW_S - 10,
        expires_s: NOW_S + 600,
    }
}

/// A world with one home and its key, and a verifier.
struct Scene {
    key: SigningKey,
    verifier: Verifier,
}

impl Scene {
    fn new() -> Self {
        Self {
            key: SigningKey::generate(),
            verifier: Verifier::new(1_000),
        }
    }

    fn verify(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        self.verify_at(token, NOW_S)
    }

    fn verify_at(&self, token: &str, now_s: u64) -> Result<Arc<Claims>, TokenError> {
        let TokenKey { kid, public } = self.key.public();
        let keys = |of: &HomeId, id: &str| (*of == home() && id == kid).then_some(public);
        self.verifier.verify(token, now_s, keys, &world("a"))
    }

    fn good(&self) -> String {
        self.key.sign(&claims(), &world("a"))
    }

    fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": self.key.public().kid})
    }

    /// Any header over any payload, signed with the home's own key: only the header can be at fault.
    fn signed(&self, header: &Value, payload: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(payload));
        let key = EncodingKey::from_ed_der(&self.key.to_pkcs8());
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::EdDSA).expect("signed");
        format!("{message}.{signature}")
    }

    fn payload(&self) -> Value {
        json!({
            "iss": "meridian/eu/eu-central", "aud": world("a").as_str(), "sub": claims().user.to_string(),
            "sid": claims().session, "host": "h", "iat": NOW_S - 10, "exp": NOW_S + 600,
        })
    }
}

fn with(mut value: Value, name: &str, member: impl Into<Value>) -> Value {
    value[name] = member.into();
    value
}

fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().expect("an object").remove(name);
    value
}

#[test]
fn a_good_token_says_what_was_signed() {
    let scene = Scene::new();
    assert_eq!(*scene.verify(&scene.good()).expect("good"), claims());
    assert!(
        scene
            .verify(&scene.signed(&scene.header(), &scene.payload()))
            .is_ok(),
        "the forger's own tool works"
    );
    let again = SigningKey::from_pkcs8(&scene.key.to_pkcs8()).expect("its own bytes");
    assert_eq!(again.public(), scene.key.public());
    assert!(SigningKey::from_pkcs8(b"none").is_err());
}

#[test]
fn another_algorithm_is_refused() {
    let scene = Scene::new();
    for alg in ["none", "None", "", "HS256", "RS256", "PS256", "ES256", "eddsa"] {
        let token = scene.signed(&with(scene.header(), "alg", alg), &scene.payload());
        assert_eq!(scene.verify(&token), Err(TokenError::WrongAlgorithm), "{alg}");
        let unsigned = format!("{}.", token.rsplit_once('.').expect("three parts").0);
        assert_eq!(scene.verify(&unsigned), Err(TokenError::WrongAlgorithm), "{alg}");
    }
    let token = scene.signed(&without(scene.header(), "alg"), &scene.payload());
    assert_eq!(scene.verify(&token), Err(TokenError::Malformed));
}

#[test]
fn the_public_key_is_no_hmac_secret() {
    let scene = Scene::new();
    let TokenKey { kid, public } = scene.key.public();
    let mut header = jsonwebtoken::Header::new(Algorithm::HS256);
    header.typ = Some("at+jwt".into());
    header.kid = Some(kid);
    let secret = EncodingKey::from_secret(&public);
    let token = jsonwebtoken::encode(&header, &scene.payload(), &secret).expect("forged");
    assert_eq!(scene.verify(&token), Err(TokenError::WrongAlgorithm));
    // The same signature under an honest-looking header.
    let (_, signature) = token.rsplit_once('.').expect("three parts");
    let honest = scene.good();
    let (message, _) = honest.rsplit_once('.').expect("three parts");
    assert_eq!(
        scene.verify(&format!("{message}.{signature}")),
        Err(TokenError::BadSignature)
    );
}

#[test]
fn a_header_with_more_than_ours_is_refused() {
    let scene = Scene::new();
    for (name, member) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("jku", json!("https://evil.example/keys")),
        ("jwk", json!({"kty": "OKP"})),
        ("x5c", json!(["AA"])),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
    ] {
        let token = scene.signed(&with(scene.header(), name, member), &scene.payload());
        assert_eq!(scene.verify(&token), Err(TokenError::UnknownHeader), "{name}");
    }
    for name in ["typ", "kid"] {
        let token = scene.signed(&without(scene.header(), name), &scene.payload());
        assert_eq!(scene.verify(&token), Err(TokenError::UnknownHeader), "{name}");
    }
}

#[test]
fn another_type_issuer_or_audience_is_refused() {
    let scene = Scene::new();
    for typ in ["JWT", "jwt", "rt+jwt", "at+jwt "] {
        let token = scene.signed(&with(scene.header(), "typ", typ), &scene.payload());
        assert_eq!(scene.verify(&token), Err(TokenError::WrongType), "{typ}");
    }
    for issuer in ["", "eu/eu-central", "meridian/", "https://evil.example"] {
        let token = scene.signed(&scene.header(), &with(scene.payload(), "iss", issuer));
        assert_eq!(scene.verify(&token), Err(TokenError::WrongIssuer), "{issuer}");
    }
    let token = scene.signed(
        &scene.header(),
        &with(scene.payload(), "iss", "meridian/us/us-east"),
    );
    assert_eq!(
        scene.verify(&token),
        Err(TokenError::UnknownKey),
        "a home's key signs for that home only"
    );
    assert_eq!(
        scene.verify(&scene.key.sign(&claims(), &world("b"))),
        Err(TokenError::WrongWorld)
    );
    let both = json!([world("a").as_str(), world("b").as_str()]);
    let token = scene.signed(&scene.header(), &with(scene.payload(), "aud", both));
    assert_eq!(scene.verify(&token), Err(TokenError::Malformed));
}

#[test]
fn times_are_kept() {
    let scene = Scene::new();
    let verify =
        |name, value: u64| scene.verify(&scene.signed(&scene.header(), &with(scene.payload(), name, value)));
    assert_eq!(verify("exp", NOW_S), Err(TokenError::Expired));
    assert_eq!(verify("exp", NOW_S - 1), Err(TokenError::Expired));
    assert!(verify("exp", NOW_S + 1).is_ok());
    assert!(verify("iat", NOW_S + CLOCK_SKEW_S).is_ok());
    assert_eq!(
        verify("iat", NOW_S + CLOCK_SKEW_S + 1),
        Err(TokenError::NotYetValid)
    );
    assert_eq!(
        verify("nbf", NOW_S + CLOCK_SKEW_S + 1),
        Err(TokenError::NotYetValid)
    );
    assert_eq!(verify("exp", NOW_S + LIFE_S_MAX), Err(TokenError::LivesTooLong));
    assert_eq!(verify("exp", u64::MAX), Err(TokenError::LivesTooLong));
    for name in ["exp", "iat", "aud", "sub", "sid"] {
        let token = scene.signed(&scene.header(), &without(scene.payload(), name));
        assert_eq!(scene.verify(&token), Err(TokenError::Malformed), "{name}");
    }
}

#[test]
fn a_foreign_key_or_a_changed_byte_is_refused() {
    let scene = Scene::new();
    let foreign = SigningKey::generate();
    assert_eq!(
        scene.verify(&foreign.sign(&claims(), &world("a"))),
        Err(TokenError::UnknownKey)
    );
    // A foreign signature under the home's key id.
    let honest = scene.good();
    let (message, _) = honest.rsplit_once('.').expect("three parts");
    let key = EncodingKey::from_ed_der(&foreign.to_pkcs8());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::EdDSA).expect("signed");
    assert_eq!(
        scene.verify(&format!("{message}.{signature}")),
        Err(TokenError::BadSignature)
    );
    // Someone else's claims under an honest signature.
    let other = scene.key.sign(
        &Claims {
            user: UserId::from_uuid(Uuid::from_u128(9)),
            ..claims()
        },
        &world("a"),
    );
    let parts: Vec<&str> = other.split('.').collect();
    let (_, signature) = honest.rsplit_once('.').expect("three parts");
    let spliced = format!("{}.{}.{signature}", parts[0], parts[1]);
    assert_eq!(scene.verify(&spliced), Err(TokenError::BadSignature));
}

#[test]
fn what_is_no_token_is_refused_in_bounded_time() {
    let scene = Scene::new();
    let good = scene.good();
    for text in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        "e30.e30.",
        &format!("{good}.x"),
        &format!("{good}="),
        " ",
    ] {
        assert_eq!(scene.verify(text), Err(TokenError::Malformed), "{text}");
    }
    assert_eq!(
        scene.verify(&"a".repeat(TOKEN_BYTES_MAX + 1)),
        Err(TokenError::TooLarge)
    );
    let long = scene.signed(
        &scene.header(),
        &with(scene.payload(), "host", "h".repeat(TOKEN_BYTES_MAX)),
    );
    assert_eq!(scene.verify(&long), Err(TokenError::TooLarge));
    assert_eq!(scene.verifier.cached(), 0, "what is not good is not remembered");
}

#[test]
fn a_remembered_token_ends_with_its_time_its_key_and_its_world() {
    let scene = Scene::new();
    let token = scene.good();
    let TokenKey { kid, public } = scene.key.public();
    let cached = |now_s, public, world: &WorldId| {
        scene.verify(&token).expect("good");
        assert_eq!(scene.verifier.cached(), 1);
        scene.verifier.verify(
            &token,
            now_s,
            |_, id| (id == kid).then_some(public).flatten(),
            world,
        )
    };
    assert!(cached(NOW_S, Some(public), &world("a")).is_ok());
    assert_eq!(
        cached(NOW_S + 600, Some(public), &world("a")),
        Err(TokenError::Expired)
    );
    assert_eq!(cached(NOW_S, None, &world("a")), Err(TokenError::UnknownKey));
    let another = SigningKey::generate().public().public;
    assert_eq!(
        cached(NOW_S, Some(another), &world("a")),
        Err(TokenError::BadSignature)
    );
    assert_eq!(
        cached(NOW_S, Some(public), &world("b")),
        Err(TokenError::WrongWorld)
    );
}

#[test]
fn the_memory_is_bounded() {
    let scene = Scene {
        verifier: Verifier::new(64),
        ..Scene::new()
    };
    for session in 0..300_u128 {
        let claims = Claims {
            session: Uuid::from_u128(session),
            ..claims()
        };
        scene.verify(&scene.key.sign(&claims, &world("a"))).expect("good");
        assert!(scene.verifier.cached() <= 64);
    }
    assert!(scene.verifier.cached() >= 16);
}

#[test]
fn a_hint_needs_no_key() {
    let scene = Scene::new();
    assert_eq!(crate::peek(&scene.good()), Some((home(), claims().user)));
    for text in ["", "a.b.c", "mrt1.eu~eu-central.x"] {
        assert_eq!(crate::peek(text), None);
    }
}
