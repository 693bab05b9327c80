//! Which web pages of other origins may call the API from a browser: those on a list, none by default.
//!
//! Tokens travel in a header, never in a cookie, so credentials are not allowed for any origin.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use hyper::Response;

use crate::answer::{OutBody, empty};

/// Seconds for which a browser may keep the answer to a preflight.
const MAX_AGE_S: &str = "600";
const METHODS: &str = "GET, POST, PATCH, PUT, DELETE";
const REQUEST_HEADERS: &str = "authorization, content-type, idempotency-key, if-match, meridian-position";
const ANSWER_HEADERS: &str = "etag, idempotency-replayed, meridian-position, retry-after, x-request-id";

/// The list.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    origins: Vec<HeaderValue>,
}

impl Cors {
    /// Origins such as `https://app.example.com`; ones that are no header value are left out (see `Config::check`).
    pub fn new(origins: &[String]) -> Self {
        Self {
            origins: origins.iter().filter_map(|origin| origin.parse().ok()).collect(),
        }
    }

    fn allowed<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        headers
            .get(header::ORIGIN)
            .filter(|origin| self.origins.contains(origin))
    }

    /// The answer to a preflight of an allowed origin.
    pub fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response<OutBody>> {
        if method != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        self.allowed(headers)?;
        let mut response = empty(StatusCode::NO_CONTENT);
        let answer = response.headers_mut();
        answer.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static(METHODS),
        );
        answer.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static(REQUEST_HEADERS),
        );
        answer.insert(
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from_static(MAX_AGE_S),
        );
        Some(response)
    }

    /// What every answer to an allowed origin carries.
    pub fn stamp(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        answer.append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = origin.filter(|origin| self.origins.contains(origin)) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(ANSWER_HEADERS),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preflight(origin: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        headers.insert(
            header::ACCESS_CONTROL_REQUEST_METHOD,
            HeaderValue::from_static("POST"),
        );
        headers
    }

    #[test]
    fn only_listed_origins_are_answered() {
        let cors = Cors::new(&["https://app.test".into()]);
        assert!(
            cors.preflight(&Method::OPTIONS, &preflight("https://app.test"))
                .is_some()
        );
        assert!(
            cors.preflight(&Method::OPTIONS, &preflight("https://evil.test"))
                .is_none()
        );
        assert!(
            Cors::default()
                .preflight(&Method::OPTIONS, &preflight("https://app.test"))
                .is_none()
        );
        let mut answer = HeaderMap::new();
        cors.stamp(Some(&HeaderValue::from_static("https://evil.test")), &mut answer);
        assert!(!answer.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
        cors.stamp(Some(&HeaderValue::from_static("https://app.test")), &mut answer);
        assert_eq!(answer[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.test");
    }
}
