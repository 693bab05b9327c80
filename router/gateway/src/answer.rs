//! Answers to apps: a node's, passed on, or the router's own, which are always `application/problem+json`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use platform_model::{Code, Problem};

use crate::apps::Activity;
use crate::upstream::{AnswerBroken, NodeBody};

/// A body of either kind.
#[derive(Debug)]
pub enum OutBody {
    /// The router's own, or a node's small one: all of it is here.
    Own(Bytes),
    Node(Box<NodeBody>),
}

impl OutBody {
    /// The same body for a connection, which notices if its app does not read it.
    #[must_use]
    pub fn held_by(self, app: &Arc<Activity>) -> Self {
        match self {
            Self::Own(bytes) => Self::Own(app.hold(bytes)),
            Self::Node(body) => Self::Node(body),
        }
    }
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = AnswerBroken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerBroken>>> {
        match &mut *self {
            Self::Own(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Own(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Node(body) => Pin::new(body.as_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(bytes) => bytes.is_empty(),
            Self::Node(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Node(body) => body.size_hint(),
        }
    }
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Response<OutBody> {
    let mut response = Response::new(OutBody::Own(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// A problem as an app sees it.
pub fn problem(problem: &Problem) -> Response<OutBody> {
    let mut response = Response::new(OutBody::Own(problem.to_json().into()));
    *response.status_mut() =
        StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(Problem::CONTENT_TYPE),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = problem.retry_after_s {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if let Some(challenge) = challenge(problem.code) {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

/// RFC 6750, section 3.
fn challenge(code: Code) -> Option<&'static str> {
    match code {
        Code::Unauthenticated => Some("Bearer"),
        Code::InvalidToken | Code::ExpiredToken => Some("Bearer error=\"invalid_token\""),
        _ => None,
    }
}
