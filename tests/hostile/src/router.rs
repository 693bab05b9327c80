//! What apps send before anybody knows them: request lines, headers, framing.

use http::{HeaderName, HeaderValue, Request};
use platform_model::{HomeId, RegionId, UserId};
use router_gateway::framing::framer::Framer;
use router_gateway::framing::head::inspect;
use router_gateway::request::{caller, headers};
use router_table::decide::Moment;
use router_table::{Caller, Decision, Door, Overrides, RequestHead, Table, decide};
use uuid::Uuid;

use crate::texts;
use crate::wire::{law_in_force, sample_table};

/// Longest head that the framer holds.
const HEAD_BYTES_MAX: usize = 4_096;

/// When the requests of this file come.
const NOW: Moment = Moment {
    now_ms: 1,
    table_age_ms: 0,
};

/// A request that goes somewhere: else nothing that is said of those would be looked at.
const GOOD: &str = "POST eu-central.eu.meridian.example:8443 /v1/homes/eu~eu-central/login";

/// `METHOD HOST PATH`: whatever it is, a request goes to the caller's own home or nowhere; and nowhere where the law does
/// not let the router see it.
pub fn head(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut words = text.splitn(3, ' ');
    let (method, host, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let compiled = |strict, region: &str| {
        let mut table = sample_table();
        table.law = Some(law_in_force(strict));
        let region: RegionId = region.parse().expect("a region");
        Table::compile(&table, &region)
    };
    let (table, abroad) = (compiled(false, "eu-central"), compiled(true, "us-east"));
    let overrides = Overrides::new(4, 1_000);
    let (home, elsewhere): (HomeId, HomeId) = (
        "eu/eu-central".parse().expect("a home"),
        "us/us-east".parse().expect("a home"),
    );
    let user = UserId::from_uuid(Uuid::from_u128(7));
    let key = text.parse().ok();
    for home in [None, Some(&home), Some(&elsewhere)] {
        let caller = home.map(|home| Caller { home, user });
        let head = RequestHead {
            method,
            host,
            path,
            caller,
            idempotency_key: key,
        };
        let door = Door::of(method, path);
        let denied = decide(&abroad, &overrides, &head, NOW);
        assert!(
            matches!(denied, Decision::Answer(..)),
            "{text} passed a router that may not see it"
        );
        let Decision::Forward(route) = decide(&table, &overrides, &head, NOW) else {
            assert_ne!(text, GOOD);
            continue;
        };
        let shard = table.shard(route.place.shard);
        let door = door.expect("what is forwarded has a door");
        if matches!(door, Door::Homed(_) | Door::Refresh) {
            assert_eq!(
                shard.home(),
                home,
                "{text} went to another home than its caller's"
            );
        }
    }
}

pub fn head_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "POST meridian.example /v1/register/DE",
        "POST meridian.example /v1/locate",
        GOOD,
        "POST eu-central.eu.meridian.example /v1/sessions/refresh",
        "GET eu-central.eu.meridian.example /v1/activities/018f9b1e-7c5a-7b3e-9f00-0123456789ab",
        "CONNECT x /v1/",
    ])
}

/// The guard lets through the same, however the bytes are cut, and nothing that did not come.
pub fn framing(bytes: &[u8]) {
    let whole = pushed(bytes, bytes.len().max(1));
    for piece in [1, 7] {
        assert_eq!(
            pushed(bytes, piece),
            whole,
            "cut every {piece} bytes, it is judged otherwise"
        );
    }
    assert!(whole.0.len() <= bytes.len());
    let _ = inspect(bytes);
}

/// What passed, and how it ended.
fn pushed(bytes: &[u8], piece: usize) -> (Vec<u8>, Option<platform_model::Code>) {
    let (mut framer, mut out) = (Framer::new(HEAD_BYTES_MAX), Vec::new());
    for piece in bytes.chunks(piece) {
        if let Err(code) = framer.push(piece, &mut out) {
            return (out, Some(code));
        }
    }
    (out, None)
}

pub fn framing_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "GET /v1/profile HTTP/1.1\r\nhost: meridian.example\r\n\r\n",
        "POST /v1/locate HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n{\"a\"}GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "\r\nGET / HTTP/1.0\r\nhost: a\r\n\r\n",
    ])
}

/// Lines `name: value` as the headers of a request: what reaches a node holds nothing that only the router may say.
pub fn headers(bytes: &[u8]) {
    let mut request = Request::get("/v1/profile").body(()).expect("a request");
    for line in bytes.split(|byte| *byte == b'\n').take(100) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) else {
            continue;
        };
        request.headers_mut().append(name, value);
    }
    let (parts, ()) = request.into_parts();
    let checked = headers::check(&parts, 32 * 1024);
    let sent = headers::for_node(&parts.headers);
    for own in [platform_model::header::SHARD, platform_model::header::EPOCH] {
        assert!(!sent.contains_key(own), "an app may say which shard it means");
    }
    for hop in ["connection", "transfer-encoding", "te", "upgrade", "keep-alive"] {
        assert!(!sent.contains_key(hop), "{hop} is passed on");
    }
    if checked.is_ok() {
        assert!(parts.headers.get_all("host").iter().count() <= 1);
    }
    let _ = headers::idempotency_key(&parts.headers);
    let _ = caller::refresh(&parts.headers);
}

pub fn header_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "host: meridian.example\nauthorization: Bearer mrt1.x\nidempotency-key: 018f9b1e-7c5a-7b3e-9f00-0123456789ab",
        "host: a\nconnection: close, x-secret\nx-secret: 1\nmeridian-shard: eu/eu-central/000\nmeridian-epoch: 9",
        "host: a\nhost: b\nmeridian-position: e1:2\ntransfer-encoding: chunked",
    ])
}
