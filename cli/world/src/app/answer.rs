//! What came back: an answer, or why there is none.

use bytes::Bytes;
use platform_model::EpochPosition;
use platform_model::header::{IDEMPOTENCY_REPLAYED, POSITION};
use reqwest::RequestBuilder;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::code_of;
use super::kind::Kind;
use crate::door::innermost;

/// An answer that says yes.
#[derive(Debug)]
pub struct Answer {
    kind: Kind,
    pub status: u16,
    /// The (epoch, position) pair of what was written, as the answer names it.
    pub written: Option<EpochPosition>,
    /// It was given before, to the same key.
    pub replayed: bool,
    pub body: Bytes,
}

/// Why a request did not get what it asked for.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The platform refused, with its stable code.
    #[error("{}: {status} {code}: {detail}", kind.as_str())]
    Refused {
        kind: Kind,
        status: u16,
        code: String,
        detail: String,
        /// Where to ask instead, if the answer says so.
        host: Option<String>,
    },
    /// Nothing is known of what became of it.
    #[error("{}: no answer: {cause}", kind.as_str())]
    NoAnswer { kind: Kind, cause: String },
    #[error("{}: the answer cannot be understood: {cause}", kind.as_str())]
    Unreadable { kind: Kind, cause: String },
}

impl Failure {
    /// The stable code of a refusal; empty for all else.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            Self::NoAnswer { .. } | Self::Unreadable { .. } => "",
        }
    }
}

impl Answer {
    /// The document in the body.
    ///
    /// # Errors
    /// [`Failure::Unreadable`].
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| Failure::Unreadable {
            kind: self.kind,
            cause: error.to_string(),
        })
    }
}

/// Sends, and reads the whole answer.
pub async fn exchange(kind: Kind, request: RequestBuilder) -> Result<Answer, Failure> {
    let lost = |error: reqwest::Error| Failure::NoAnswer {
        kind,
        cause: innermost(&error),
    };
    let response = request.send().await.map_err(lost)?;
    let status = response.status();
    let written = response
        .headers()
        .get(POSITION)
        .and_then(|value| value.to_str().ok());
    let written = written.and_then(|text| text.parse().ok());
    let replayed = response.headers().contains_key(IDEMPOTENCY_REPLAYED);
    let body = response.bytes().await.map_err(lost)?;
    if status.is_success() {
        Ok(Answer {
            kind,
            status: status.as_u16(),
            written,
            replayed,
            body,
        })
    } else {
        Err(refused(kind, status.as_u16(), &body))
    }
}

fn refused(kind: Kind, status: u16, body: &[u8]) -> Failure {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    let detail = ["detail", "title"]
        .iter()
        .find_map(|name| document.get(name)?.as_str());
    let code = code_of(&document).unwrap_or("without a code").to_owned();
    Failure::Refused {
        kind,
        status,
        code,
        detail: detail.unwrap_or_default().to_owned(),
        host: document.get("host").and_then(Value::as_str).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_known_by_its_code() {
        let body = br#"{"code":"empty-file","detail":"0 records","status":422}"#;
        let failure = refused(Kind::Upload, 422, body);
        assert_eq!(failure.code(), "empty-file");
        assert_eq!(failure.to_string(), "upload: 422 empty-file: 0 records");
        assert_eq!(
            refused(Kind::List, 502, b"<html>").to_string(),
            "list: 502 without a code: "
        );
    }
}
