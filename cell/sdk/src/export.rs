//! What a person may take along: everything that the domains hold of him, in the form in which he is shown it, page by page.
//!
//! A page is of one moment, the next may be of a later one: what is written meanwhile may be in it or not. Files are named, to be
//! fetched as they came.

use std::str::FromStr;

use platform_model::{Code, Problem};
use serde::Serialize;
use serde_json::Value;

/// One thing that is held of a person.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExportItem {
    /// The domain that holds it.
    pub domain: &'static str,
    /// What it is: `profile`, `activity`.
    pub kind: &'static str,
    pub value: Value,
    /// Paths of what belongs to it and is too large to stand here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// A page of one domain.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exported {
    pub items: Vec<ExportItem>,
    /// Where the domain goes on; none: that was all of it. The domain's own bytes.
    pub next: Option<Vec<u8>>,
}

/// Where an export of all domains goes on: at which domain, and where in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportCursor {
    /// Its name; empty: at the first.
    pub domain: String,
    pub after: Option<Vec<u8>>,
}

/// A page of all domains together, each of which comes to its end before the next.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportPage {
    pub items: Vec<ExportItem>,
    pub next: Option<ExportCursor>,
}

/// Longest text of a cursor that is looked at, in characters.
const CURSOR_CHARS_MAX: usize = 1_024;

impl ExportCursor {
    /// As it stands in an answer: the domain, a point, the domain's bytes in hex.
    pub fn text(&self) -> String {
        let after = self.after.iter().flatten();
        let after: String = after.map(|byte| format!("{byte:02x}")).collect();
        format!("{}.{after}", self.domain)
    }
}

impl FromStr for ExportCursor {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let parsed = (text.len() <= CURSOR_CHARS_MAX)
            .then(|| text.split_once('.'))
            .flatten();
        let (domain, after) = parsed.ok_or(Code::InvalidCursor)?;
        let after = after.as_bytes().chunks(2).map(|pair| {
            let digits = std::str::from_utf8(pair)
                .ok()
                .filter(|digits| digits.len() == 2)?;
            let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            u8::from_str_radix(digits, 16).ok().filter(|_| plain)
        });
        let after: Option<Vec<u8>> = after.collect();
        let after = after.ok_or(Code::InvalidCursor)?;
        Ok(Self {
            domain: domain.to_owned(),
            after: Some(after).filter(|after| !after.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_what_is_none_is_refused() {
        for after in [None, Some(vec![0, 0x7f, 0xff])] {
            let domain = "training".to_owned();
            let cursor = ExportCursor { domain, after };
            assert_eq!(cursor.text().parse::<ExportCursor>().ok(), Some(cursor));
        }
        let long = format!("training.{}", "00".repeat(CURSOR_CHARS_MAX));
        for bad in [
            "",
            "training",
            "training.0",
            "training.0g",
            "training.+1",
            "training.é1",
            &long,
        ] {
            let refused = bad.parse::<ExportCursor>().map_err(|problem| problem.code);
            assert_eq!(refused, Err(Code::InvalidCursor), "{bad}");
        }
    }
}
