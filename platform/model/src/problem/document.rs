//! The one shape in which apps see an error (RFC 9457).

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value, json};

use super::Code;

/// An error as an app sees it: `application/problem+json`.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub code: Code,
    /// What was wrong in this request. Never personal data.
    pub detail: Option<String>,
    /// Seconds after which a retry makes sense (also sent as `Retry-After`).
    pub retry_after_s: Option<u32>,
    /// Further members of the document.
    pub members: Map<String, Value>,
}

impl Problem {
    pub const CONTENT_TYPE: &'static str = "application/problem+json";

    pub fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            retry_after_s: None,
            members: Map::new(),
        }
    }

    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    #[must_use]
    pub fn retry_after_s(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// The document, members in alphabetical order.
    pub fn to_json(&self) -> String {
        // Whether the library's map is ordered depends on who else is in the build.
        let mut document: BTreeMap<String, Value> = self.members.clone().into_iter().collect();
        document.insert(
            "type".into(),
            json!(format!("urn:meridian:problem:{}", self.code)),
        );
        document.insert("code".into(), json!(self.code.as_str()));
        document.insert("title".into(), json!(self.code.title()));
        document.insert("status".into(), json!(self.code.status()));
        document.insert("retryable".into(), json!(self.code.retryable()));
        if let Some(detail) = &self.detail {
            document.insert("detail".into(), json!(detail));
        }
        serde_json::to_string(&document).expect("keys are text")
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(detail) => write!(f, "{}: {detail}", self.code),
            None => write!(f, "{}: {}", self.code, self.code.title()),
        }
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_document_with_a_stable_code() {
        let text = Problem::new(Code::EmptyFile)
            .detail("0 records")
            .with("records", 0)
            .to_json();
        let expected = concat!(
            r#"{"code":"empty-file","detail":"0 records","records":0,"retryable":false,"status":422,"#,
            r#""title":"The file holds no workout","type":"urn:meridian:problem:empty-file"}"#
        );
        assert_eq!(text, expected);
    }
}
