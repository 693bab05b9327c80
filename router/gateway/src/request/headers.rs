//! What headers an app may send, and which of them a node is sent.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use platform_model::{Code, IdempotencyKey, Problem};

/// Headers that say one thing about the whole request: twice is two opinions.
const SINGLETONS: [HeaderName; 9] = [
    header::AUTHORIZATION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::HOST,
    header::IF_MATCH,
    header::RANGE,
    HeaderName::from_static(platform_model::header::IDEMPOTENCY_KEY),
    HeaderName::from_static(platform_model::header::TRACEPARENT),
];
/// Every header of the platform's own begins so, and stands once.
const OWN_PREFIX: &str = "meridian-";
/// The one header of our own that apps may send on.
const FROM_APPS: &str = platform_model::header::POSITION;
/// Between two neighbours only (RFC 9110, 7.6.1), and what apps may not claim about themselves.
const NOT_FORWARDED: [&str; 15] = [
    "connection",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
];

/// What HTTP/2 counts for each field beside its name and value (RFC 9113, 6.5.2).
const FIELD_BYTES: usize = 32;
/// The four fields that method, scheme, target and host become, but for their values.
const PSEUDO_BYTES: usize = ":method:scheme:path:authority".len() + "https".len() + 4 * FIELD_BYTES;

type Refusal = Box<Problem>;

/// Checks the headers of a request and finds the host name that it was sent to.
///
/// # Errors
/// `header-too-large`, `duplicate-header`, or `bad-request` for a host that is missing or contradicts itself.
pub fn check(parts: &Parts, bytes_max: u64) -> Result<String, Refusal> {
    if list_bytes(parts) as u64 > bytes_max {
        return Err(Box::new(
            Problem::new(Code::HeaderTooLarge).with("limit_bytes", bytes_max),
        ));
    }
    let twice = |name: &HeaderName| parts.headers.get_all(name).iter().nth(1).is_some();
    let own = parts
        .headers
        .keys()
        .filter(|name| name.as_str().starts_with(OWN_PREFIX));
    if let Some(name) = SINGLETONS.iter().chain(own).find(|name| twice(name)) {
        return Err(Box::new(
            Problem::new(Code::DuplicateHeader).with("header", name.as_str()),
        ));
    }
    host(parts)
}

/// The size of a head as a node will count it: what passes here passes there.
fn list_bytes(parts: &Parts) -> usize {
    let field = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + FIELD_BYTES;
    let target = parts
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    let authority = parts
        .uri
        .authority()
        .map_or(0, |authority| authority.as_str().len());
    let fields: usize = parts.headers.iter().map(field).sum();
    fields + PSEUDO_BYTES + parts.method.as_str().len() + target + authority
}

/// `:authority` or the target's authority, and `host`: where both stand they agree.
fn host(parts: &Parts) -> Result<String, Refusal> {
    let refused = |why: &str| Box::new(Problem::new(Code::BadRequest).detail(why));
    let header = parts
        .headers
        .get(header::HOST)
        .map(HeaderValue::to_str)
        .transpose();
    let header = header.map_err(|_| refused("the host is no text"))?;
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    match (authority, header) {
        (Some(a), Some(b)) if !a.eq_ignore_ascii_case(b) => Err(refused("two different hosts")),
        (Some(host), _) | (None, Some(host)) if !host.is_empty() => Ok(host.to_owned()),
        _ => Err(refused("no host")),
    }
}

/// The command's key, if it has one.
///
/// # Errors
/// `idempotency-key-invalid` for anything but a UUIDv7.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Refusal> {
    let Some(value) = headers.get(platform_model::header::IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = value.to_str().ok().and_then(|text| text.parse().ok());
    key.map(Some)
        .ok_or_else(|| Box::new(Problem::new(Code::IdempotencyKeyInvalid)))
}

/// What a node is sent of an app's headers: nothing between neighbours, nothing that only the router may say.
pub fn for_node(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase()))
        .collect();
    let mut kept = HeaderMap::with_capacity(headers.len() + 4);
    for (name, value) in headers {
        let text = name.as_str();
        let ours = text.starts_with(OWN_PREFIX) && text != FROM_APPS;
        if !ours && !NOT_FORWARDED.contains(&text) && !named.iter().any(|named| named == text) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

/// Takes from a node's answer what is not for apps.
pub fn for_app(headers: &mut HeaderMap) {
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
    ] {
        headers.remove(name);
    }
    headers.remove(platform_model::header::SHARD);
    headers.remove(platform_model::header::EPOCH);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    fn code(uri: &str, headers: &[(&str, &str)]) -> Option<Code> {
        check(&parts(uri, headers), 1_000)
            .err()
            .map(|problem| problem.code)
    }

    #[test]
    fn a_header_that_says_one_thing_stands_once() {
        for name in [
            "authorization",
            "Idempotency-Key",
            "content-type",
            "meridian-shard",
            "meridian-anything",
        ] {
            assert_eq!(
                code("/", &[("host", "a"), (name, "1"), (name, "1")]),
                Some(Code::DuplicateHeader),
                "{name}"
            );
        }
        assert_eq!(
            code("/", &[("host", "a"), ("accept", "x"), ("accept", "y")]),
            None
        );
        assert_eq!(
            code("/", &[("host", "a"), ("x", &"y".repeat(1_000))]),
            Some(Code::HeaderTooLarge)
        );
    }

    #[test]
    fn the_target_and_the_number_of_headers_count_too() {
        let long = format!("/{}", "y".repeat(1_000));
        assert_eq!(code(&long, &[("host", "a")]), Some(Code::HeaderTooLarge));
        let many = [("x", "y"); 30];
        let host = [("host", "a")];
        assert_eq!(
            code("/", &[&host[..], &many].concat()),
            Some(Code::HeaderTooLarge)
        );
        assert_eq!(code("/", &[&host[..], &many[..20]].concat()), None);
    }

    #[test]
    fn there_is_one_host() {
        assert_eq!(code("/", &[]), Some(Code::BadRequest));
        assert_eq!(code("https://a/", &[("host", "b")]), Some(Code::BadRequest));
        assert_eq!(
            check(&parts("https://a/", &[("host", "A")]), 1_000).expect("one"),
            "a"
        );
    }

    #[test]
    fn apps_cannot_speak_as_the_router_or_about_the_connection() {
        let sent = parts(
            "/",
            &[
                ("meridian-shard", "eu/eu-west/000"),
                ("meridian-epoch", "9"),
                ("meridian-position", "e1:2"),
                ("connection", "X-Secret, close"),
                ("x-secret", "1"),
                ("x-request-id", "1"),
                ("upgrade", "h2c"),
                ("accept", "a"),
                ("accept", "b"),
            ],
        );
        let kept = for_node(&sent.headers);
        let names: Vec<_> = kept.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["meridian-position", "accept", "accept"]);
    }
}
