//! Bad requests of every kind for every route there is, each with canaries where it is bad: what is refused must not be
//! repeated in a log.

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use platform_model::header;
use serde_json::json;

use super::client::{Client, Door, Sent};
use super::values::Canaries;

/// Larger than any document that a route without a file takes.
const LARGE_BYTES: usize = 1_100_000;
/// Larger than the headers of a request may be.
const HEADER_BYTES: usize = 40_000;

/// What is changed in a request, given a fresh canary.
type Spoil = fn(&mut Sent, &str);

/// Every way to be bad that a well-formed HTTP request has.
const SPOILS: &[(&str, Spoil)] = &[
    ("in the query", |sent, canary| {
        sent.path.push_str(&format!(
            "?limit={canary}&cursor={canary}&{canary}=1&from={canary}"
        ));
    }),
    ("in the path", |sent, canary| {
        sent.path.push_str(&format!("/{canary}"))
    }),
    ("in place of a member of the path", |sent, canary| {
        sent.path = sent.path.replace("00000000-0000-7000-8000-000000000000", canary);
        sent.path = sent
            .path
            .replace("DE", canary)
            .replace("eu~eu-central", &format!("eu~{canary}"));
    }),
    ("as a token", |sent, canary| {
        bear(sent, &format!("Bearer {canary}"))
    }),
    ("as a scheme", |sent, canary| bear(sent, &format!("{canary} x"))),
    ("as user and password", |sent, canary| {
        bear(
            sent,
            &format!("Basic {}", STANDARD.encode(format!("{canary}:{canary}"))),
        );
    }),
    ("in an unsigned token", |sent, canary| {
        bear(sent, &format!("Bearer {}", unsigned(canary)))
    }),
    ("in a forged refresh token", |sent, canary| {
        let user = "00000000-0000-7000-8000-000000000000";
        bear(
            sent,
            &format!("Bearer mrt1.eu~eu-central.{user}.{user}.0.{canary}{canary}{canary}x"),
        );
    }),
    ("as an idempotency key", |sent, canary| {
        set(sent, header::IDEMPOTENCY_KEY, canary)
    }),
    ("as headers of the platform", |sent, canary| {
        for name in [
            header::POSITION,
            header::REQUEST_ID,
            "if-match",
            "x-meridian-user",
        ] {
            set(sent, name, canary);
        }
    }),
    ("as trace context", |sent, canary| {
        set(sent, header::TRACEPARENT, canary);
        set(sent, "tracestate", &format!("vendor={canary}"));
        set(sent, "baggage", &format!("user={canary}"));
    }),
    ("as headers of an app", |sent, canary| {
        for name in [
            "origin",
            "content-type",
            "content-encoding",
            "accept",
            "forwarded",
            "range",
            "x-api-key",
        ] {
            set(sent, name, canary);
        }
    }),
    ("as a host", |sent, canary| {
        set(sent, "host", &format!("{canary}.example"))
    }),
    ("as a method", |sent, canary| sent.method = canary.to_uppercase()),
    ("in headers that are too long", |sent, canary| {
        set(sent, "x-long", &canary.repeat(HEADER_BYTES / canary.len()));
    }),
    ("in a body that is no JSON", |sent, canary| {
        sent.body = format!("{{\"email\": {canary}").into_bytes()
    }),
    ("in members of the wrong type", |sent, canary| {
        let body = json!({ "email": { canary: 1 }, "password": [canary], "display_name": { "x": canary } });
        sent.body = body.to_string().into_bytes();
    }),
    ("in members that are unknown", |sent, canary| {
        let body = json!({ "birthday": canary, "phone": canary, "weight_kg": canary, canary: canary });
        sent.body = body.to_string().into_bytes();
    }),
    ("in values that are refused", |sent, canary| {
        let body = json!({ "email": canary, "password": &canary[..5], "display_name": canary.repeat(9) });
        sent.body = body.to_string().into_bytes();
    }),
    ("in a log-in that fails", |sent, canary| {
        let body = json!({ "email": format!("{canary}@example.org"), "password": canary });
        sent.body = body.to_string().into_bytes();
    }),
    ("in a body that is too large", |sent, canary| {
        let body = json!({ "email": canary.repeat(LARGE_BYTES / canary.len()) });
        sent.body = body.to_string().into_bytes();
    }),
    ("in a broken GPX file", |sent, canary| {
        sent.body = format!("<gpx creator=\"{canary}\"><trk><name>{canary}</trk>").into_bytes();
    }),
    ("in a GPX file without points", |sent, canary| {
        sent.body = format!("<gpx creator=\"{canary}\"><trk><name>{canary}</name></trk></gpx>").into_bytes();
    }),
    ("in a broken FIT file", |sent, canary| {
        sent.body = [
            &[14, 0x20, 0, 8, 60, 0, 0, 0][..],
            b".FIT",
            &[0, 0],
            canary.repeat(4).as_bytes(),
        ]
        .concat();
    }),
    ("in a broken gzip", |sent, canary| {
        sent.body = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], canary.as_bytes()].concat();
    }),
];

/// How many ways there are.
pub fn ways() -> usize {
    SPOILS.len()
}

/// Sends every route in every way through a door. Gives how many were answered, refusals included.
///
/// # Errors
/// An answer was good: the request was not as bad as it should be.
pub async fn abuse(
    client: &Client,
    door: Door,
    routes: impl Iterator<Item = &String>,
    access: &str,
    canaries: &mut Canaries,
) -> Result<usize> {
    let mut answered = 0;
    for route in routes {
        for (name, spoil) in SPOILS {
            let canary = canaries.text(&format!("{route}, {name}"));
            let mut sent = base(route, access);
            spoil(&mut sent, &canary);
            // A client library may refuse to send it, the platform may end the connection: both are fine.
            if let Ok(came) = client.send(door, &sent).await {
                answered += 1;
                anyhow::ensure!(came.status != 500, "{route}, {name}: 500");
            }
        }
    }
    Ok(answered)
}

/// A request of a route that would be good but for what its members name.
fn base(route: &str, access: &str) -> Sent {
    let (method, path) = route.split_once(' ').unwrap_or(("GET", route));
    let path = path
        .replace("{country}", "DE")
        .replace("{home}", "eu~eu-central")
        .replace("{id}", "00000000-0000-7000-8000-000000000000");
    let mut sent = Sent {
        method: method.to_owned(),
        path,
        ..Sent::default()
    };
    let needs_token = !["/v1/register", "/v1/locate", "/v1/homes"]
        .iter()
        .any(|open| sent.path.starts_with(open));
    if needs_token {
        bear(&mut sent, &format!("Bearer {access}"));
    }
    let key = platform_runtime::random::uuid_v7().to_string();
    set(&mut sent, header::IDEMPOTENCY_KEY, &key);
    sent
}

fn bear(sent: &mut Sent, value: &str) {
    set(sent, "authorization", value);
}

/// One value: what was there goes.
fn set(sent: &mut Sent, name: &str, value: &str) {
    sent.headers.retain(|(found, _)| found != name);
    sent.headers.push((name.to_owned(), value.to_owned()));
}

/// A token that says `alg: none`, with a canary as its subject and its signature.
fn unsigned(canary: &str) -> String {
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let (head, claims) = (
        part(json!({ "alg": "none", "typ": "at+jwt", "kid": canary }).to_string()),
        part(json!({ "sub": canary, "home": canary, "email": canary }).to_string()),
    );
    format!("{head}.{claims}.{canary}")
}
