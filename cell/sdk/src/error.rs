//! Errors inside a domain, and the one place that turns them into what an app sees.

use axum::response::{IntoResponse, Response};
use cell_layers::LayerError;
use cell_shard::{TxError, WriteError};
use http::{HeaderValue, StatusCode, header};
use platform_model::{Code, Problem};

/// What a domain's closure or handler may fail with.
#[derive(Debug, thiserror::Error)]
pub enum DomainError {
    /// An expected answer: the app sees it as it is.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// A layer or the transaction below it failed.
    #[error(transparent)]
    Layer(#[from] LayerError),
}

impl From<Code> for DomainError {
    fn from(code: Code) -> Self {
        Self::Problem(code.into())
    }
}

impl From<TxError> for DomainError {
    fn from(error: TxError) -> Self {
        Self::Layer(error.into())
    }
}

impl From<DomainError> for Problem {
    fn from(error: DomainError) -> Self {
        match error {
            DomainError::Problem(problem) => problem,
            DomainError::Layer(error) => layer_problem(&error),
        }
    }
}

/// A layer's error as an app sees it. Details of the store stay in the log.
fn layer_problem(error: &LayerError) -> Problem {
    match error {
        LayerError::Tx(error) => tx_problem(error),
        LayerError::AlreadyExists { .. } | LayerError::UniqueViolation { .. } => Code::Conflict.into(),
        LayerError::TooLarge { .. } => Problem::new(Code::LimitExceeded).detail(error.to_string()),
        LayerError::KeyAheadOfTime { .. } => {
            Problem::new(Code::IdempotencyKeyInvalid).detail(format!("{error}: is the device's clock right?"))
        }
        LayerError::Gone { to, user_epoch } => Problem::new(Code::HomeMoved)
            .with("home", to.to_string())
            .with("user_epoch", *user_epoch),
        // Nothing was read or written: it may be sent again in a moment, wherever he is then.
        LayerError::OnTheWay => Problem::new(Code::Moving).retry_after_s(1),
        LayerError::RootEnded => Code::NotFound.into(),
        LayerError::InvalidCursor => Code::InvalidCursor.into(),
        LayerError::UploadIncomplete => {
            Problem::new(Code::Conflict).detail("parts of the upload are gone: send it again")
        }
        LayerError::DigestMismatch => Problem::new(Code::BadRequest).detail(error.to_string()),
        other => {
            tracing::error!(error = %other, "a layer failed");
            Code::Internal.into()
        }
    }
}

fn tx_problem(error: &TxError) -> Problem {
    match error {
        TxError::Conflict => Code::Conflict.into(),
        TxError::OutboxFull => Problem::new(Code::Overloaded).retry_after_s(1),
        TxError::Unavailable { .. } => Code::Unavailable.into(),
        other if other.is_limit() => Problem::new(Code::LimitExceeded).detail(other.to_string()),
        other => {
            tracing::error!(error = %other, "a transaction failed");
            Code::Internal.into()
        }
    }
}

/// What a shard answered to a transaction, as an app sees it.
pub(crate) fn write_problem(error: WriteError<DomainError>) -> Problem {
    match error {
        WriteError::Rejected(error) => error.into(),
        WriteError::Conflict => Problem::new(Code::Conflict).retry_after_s(1),
        WriteError::TooLarge => Code::LimitExceeded.into(),
        WriteError::Overloaded => Problem::new(Code::Overloaded).retry_after_s(1),
        WriteError::Timeout => Problem::new(Code::Timeout).retry_after_s(1),
        WriteError::Unknown => Problem::new(Code::OutcomeUnknown).retry_after_s(1),
        WriteError::Fenced => Code::Moved.into(),
        // Nothing was written: the router keeps the request until the shard is served again.
        WriteError::Moving => Problem::new(Code::Moving).retry_after_s(1),
        WriteError::Lost => Code::Lost.into(),
        WriteError::Unavailable => Problem::new(Code::Unavailable).retry_after_s(1),
    }
}

/// A problem on its way out of a handler.
#[derive(Debug)]
pub struct ProblemResponse(pub Problem);

impl From<Problem> for ProblemResponse {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Code> for ProblemResponse {
    fn from(code: Code) -> Self {
        Self(code.into())
    }
}

impl From<DomainError> for ProblemResponse {
    fn from(error: DomainError) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ProblemResponse {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, self.0.to_json()).into_response();
        let kind = HeaderValue::from_static(Problem::CONTENT_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some(seconds) = self.0.retry_after_s {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
