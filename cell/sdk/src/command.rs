//! Commands: requests that change something, made once however often they are sent.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use cell_layers::{RootTx, idempotency};
use cell_shard::{Answer, Mode};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use platform_model::header::{IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, POSITION};
use platform_model::{Code, EpochPosition, IdempotencyKey, Problem};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::context::RootCtx;
use crate::error::{DomainError, ProblemResponse};

/// The largest body that a [`Command`] takes, in bytes. A file takes a [`CommandHead`] and a bound of its domain's.
pub const COMMAND_BODY_BYTES_MAX: usize = 256 << 10;

/// A command before its body has come.
#[derive(Debug, Clone)]
pub struct CommandHead {
    pub key: IdempotencyKey,
    pub headers: HeaderMap,
    hash: Sha256,
}

impl CommandHead {
    /// # Errors
    /// As [`idempotency_key`].
    pub fn of(request: &Request) -> Result<Self, Problem> {
        let headers = request.headers().clone();
        let mut hash = Sha256::new();
        let if_match = headers
            .get(header::IF_MATCH)
            .map_or(&b""[..], HeaderValue::as_bytes);
        let uri = request.uri();
        let query = uri.query().unwrap_or_default();
        // Each behind its length, so that no two requests run together.
        for part in [
            request.method().as_str().as_bytes(),
            uri.path().as_bytes(),
            query.as_bytes(),
            if_match,
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Ok(Self {
            key: idempotency_key(&headers)?,
            headers,
            hash,
        })
    }

    /// The whole command. Hashes the body, some 100 ms for 32 MiB: large ones not on a thread that serves.
    pub fn with_body(self, body: Bytes) -> Command {
        Command {
            key: self.key,
            digest: self.hash.chain_update(&body).finalize().into(),
            headers: self.headers,
            body,
        }
    }
}

/// A request that changes something: its key, a digest of what it asks, and its body.
#[derive(Debug, Clone)]
pub struct Command {
    pub key: IdempotencyKey,
    /// SHA-256 of method, path, query, `If-Match` and body: the same key with another digest is refused.
    pub digest: [u8; 32],
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Command {
    /// The body as a JSON document of a known shape.
    ///
    /// # Errors
    /// `invalid-body`, naming the place but never the value.
    pub fn json<T: for<'de> Deserialize<'de>>(&self) -> Result<T, Problem> {
        json(&self.body)
    }
}

/// Reads a body as JSON.
///
/// # Errors
/// `invalid-body`, naming line and column, never the value.
pub fn json<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "a member is missing, unknown or of another type",
            _ => "not JSON",
        };
        let place = format!("{what} (line {}, column {})", error.line(), error.column());
        Problem::new(Code::InvalidBody).detail(place)
    })
}

/// Reads a body whole, at most `bytes_max` of it.
///
/// # Errors
/// `body-too-large` past the bound, `bad-request` when the body breaks off.
pub async fn read_body(request: Request, bytes_max: usize) -> Result<Bytes, Problem> {
    match Limited::new(request.into_body(), bytes_max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Problem::new(Code::BodyTooLarge).with("bytes_max", bytes_max))
        }
        Err(_) => Err(Problem::new(Code::BadRequest).detail("the body broke off")),
    }
}

/// The idempotency key of a request.
///
/// # Errors
/// `idempotency-key-missing` or `idempotency-key-invalid`.
pub fn idempotency_key(headers: &HeaderMap) -> Result<IdempotencyKey, Problem> {
    let header = headers.get(IDEMPOTENCY_KEY).ok_or(Code::IdempotencyKeyMissing)?;
    let text = header.to_str().map_err(|_| Code::IdempotencyKeyInvalid)?;
    text.parse().map_err(|_| Code::IdempotencyKeyInvalid.into())
}

impl<S: Send + Sync> FromRequest<S> for Command {
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, _: &S) -> Result<Self, ProblemResponse> {
        let head = CommandHead::of(&request)?;
        let body = read_body(request, COMMAND_BODY_BYTES_MAX).await?;
        Ok(head.with_body(body))
    }
}

/// What a command came to: stored with its effect, and repeated to whoever sends it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub status: u16,
    /// `null` for an answer without a body.
    pub body: Value,
    /// A refusal is sent as a problem document.
    #[serde(default)]
    pub refusal: bool,
}

impl Outcome {
    pub fn new(status: StatusCode, body: Value) -> Self {
        Self {
            status: status.as_u16(),
            body,
            refusal: false,
        }
    }

    pub fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT, Value::Null)
    }

    /// A refusal that will not change: stored, so that a retry hears the same.
    pub fn refusal(problem: &Problem) -> Self {
        let body = serde_json::from_str(&problem.to_json()).unwrap_or(Value::Null);
        Self {
            status: problem.code.status(),
            body,
            refusal: true,
        }
    }

    /// The response, with the position of the write that made it.
    pub fn into_response(self, position: EpochPosition, replayed: bool) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = match self.body {
            Value::Null => status.into_response(),
            body => (status, body.to_string()).into_response(),
        };
        let headers = response.headers_mut();
        let kind = if self.refusal {
            Problem::CONTENT_TYPE
        } else {
            "application/json"
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        set_position(headers, position);
        if replayed {
            headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

/// Writes the (epoch, position) pair of an answer.
pub fn set_position(headers: &mut HeaderMap, position: EpochPosition) {
    if let Ok(value) = HeaderValue::from_str(&position.to_string()) {
        headers.insert(POSITION, value);
    }
}

impl RootCtx {
    /// Runs `f` once for the command's key, in one transaction with the record of its outcome; a repeated command gets
    /// the stored outcome and `f` does not run.
    ///
    /// # Errors
    /// `idempotency-mismatch`, `idempotency-expired`, or as [`RootCtx::write`].
    pub async fn command<F, Fut>(
        &self,
        domain: &'static str,
        mode: Mode,
        command: &Command,
        f: F,
    ) -> Result<Response, Problem>
    where
        F: Fn(RootTx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Outcome, DomainError>> + Send,
    {
        let answer = self.command_outcome(domain, mode, command, f).await?;
        let (outcome, replayed) = answer.value;
        Ok(outcome.into_response(answer.position, replayed))
    }

    /// As [`RootCtx::command`], for a caller that goes on with the outcome. True: it is a repeated one.
    ///
    /// # Errors
    /// As [`RootCtx::command`].
    pub async fn command_outcome<F, Fut>(
        &self,
        domain: &'static str,
        mode: Mode,
        command: &Command,
        f: F,
    ) -> Result<Answer<(Outcome, bool)>, Problem>
    where
        F: Fn(RootTx) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Outcome, DomainError>> + Send,
    {
        let (f, key, digest) = (&f, command.key, command.digest);
        let once = move |tx: RootTx| async move {
            match idempotency::begin(&tx, key, digest).await? {
                idempotency::Begin::Replay(stored) => Ok((decode(&stored)?, true)),
                idempotency::Begin::Mismatch => Err(Code::IdempotencyMismatch.into()),
                idempotency::Begin::Expired => Err(Code::IdempotencyExpired.into()),
                idempotency::Begin::Fresh => {
                    let outcome = f(tx.clone()).await?;
                    idempotency::conclude(&tx, key, digest, &encode(&outcome)).await?;
                    Ok((outcome, false))
                }
            }
        };
        self.write(domain, mode, once).await
    }
}

fn encode(outcome: &Outcome) -> Vec<u8> {
    serde_json::to_vec(outcome).expect("an outcome has only text keys")
}

fn decode(stored: &[u8]) -> Result<Outcome, DomainError> {
    serde_json::from_slice(stored).map_err(|_| {
        Problem::new(Code::Internal)
            .detail("a stored outcome cannot be read")
            .into()
    })
}

#[cfg(test)]
mod tests;
