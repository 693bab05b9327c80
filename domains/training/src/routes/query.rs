//! What stands behind the `?` of a path, checked.

use std::collections::BTreeMap;
use std::ops::Range;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use platform_model::{Code, Problem};

use crate::model::Channel;
use crate::streams::RESOLUTION_S_MAX;

/// Members of a list when the app does not say, and at most.
const LIMIT_DEFAULT: usize = 20;
pub const LIMIT_MAX: usize = 100;
/// Longest cursor that is looked at, in characters.
const CURSOR_CHARS_MAX: usize = 512;

pub type Raw = Result<Query<BTreeMap<String, String>>, QueryRejection>;

/// `?limit=&cursor=`
#[derive(Debug, PartialEq)]
pub struct ListQuery {
    pub limit: usize,
    pub after: Option<Vec<u8>>,
}

/// `?channels=heart_rate,speed&resolution=5&from=0&to=600`, seconds since the start.
#[derive(Debug, PartialEq)]
pub struct StreamQuery {
    /// All, where none are named.
    pub channels: Vec<Channel>,
    /// 0: every record.
    pub resolution_s: u32,
    pub within_ms: Range<i64>,
}

impl ListQuery {
    /// # Errors
    /// `bad-request` naming what is wrong, `invalid-cursor`.
    pub fn read(raw: Raw) -> Result<Self, Problem> {
        let members = members(raw, &["limit", "cursor"])?;
        let limit = match members.get("limit") {
            Some(text) => text
                .parse()
                .map_err(|_| wrong("limit", "a number from 1 to 100"))?,
            None => LIMIT_DEFAULT,
        };
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(wrong("limit", "a number from 1 to 100"));
        }
        let after = members.get("cursor").map(|text| cursor(text)).transpose()?;
        Ok(Self { limit, after })
    }
}

/// The text of a sealed cursor.
pub fn cursor_text(cursor: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(cursor)
}

fn cursor(text: &str) -> Result<Vec<u8>, Problem> {
    let invalid = || Problem::new(Code::InvalidCursor);
    if text.len() > CURSOR_CHARS_MAX {
        return Err(invalid());
    }
    URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())
}

impl StreamQuery {
    /// # Errors
    /// `bad-request` naming what is wrong.
    pub fn read(raw: Raw) -> Result<Self, Problem> {
        let members = members(raw, &["channels", "resolution", "from", "to"])?;
        let channels = match members.get("channels").filter(|text| !text.is_empty()) {
            Some(text) => channels(text)?,
            None => Channel::ALL.to_vec(),
        };
        let resolution = members.get("resolution").filter(|text| !text.is_empty());
        let resolution_s = resolution.map_or(Ok(0), |text| text.parse());
        let resolution_s = resolution_s.ok().filter(|seconds| *seconds <= RESOLUTION_S_MAX);
        let resolution_s =
            resolution_s.ok_or_else(|| wrong("resolution", "whole seconds from 0 to 86400"))?;
        let from = seconds(&members, "from", 0)?;
        let to = seconds(&members, "to", i64::MAX)?;
        Ok(Self {
            channels,
            resolution_s,
            within_ms: from..to,
        })
    }
}

fn channels(text: &str) -> Result<Vec<Channel>, Problem> {
    let names = Channel::ALL.map(Channel::name).join(", ");
    let mut channels = Vec::new();
    for name in text.split(',') {
        let channel = Channel::from_name(name.trim()).ok_or_else(|| wrong("channels", &names))?;
        if !channels.contains(&channel) {
            channels.push(channel);
        }
    }
    Ok(channels)
}

fn seconds(members: &BTreeMap<String, String>, name: &str, otherwise: i64) -> Result<i64, Problem> {
    let Some(text) = members.get(name).filter(|text| !text.is_empty()) else {
        return Ok(otherwise);
    };
    let seconds = text
        .parse::<f64>()
        .ok()
        .filter(|seconds| (0.0..1e9).contains(seconds));
    seconds
        .map(|seconds| (seconds * 1_000.0) as i64)
        .ok_or_else(|| wrong(name, "seconds since the start"))
}

fn members(raw: Raw, known: &[&str]) -> Result<BTreeMap<String, String>, Problem> {
    let Query(members) =
        raw.map_err(|_| Problem::new(Code::BadRequest).detail("what stands behind the ? cannot be read"))?;
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(_) => {
            Err(Problem::new(Code::BadRequest)
                .detail(format!("only these may be asked: {}", known.join(", "))))
        }
        None => Ok(members),
    }
}

fn wrong(member: &str, takes: &str) -> Problem {
    Problem::new(Code::BadRequest).detail(format!("`{member}` takes: {takes}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Raw {
        let uri: http::Uri = format!("/x?{text}").parse().expect("a path");
        Query::try_from_uri(&uri)
    }

    #[test]
    fn what_is_asked_is_checked() {
        let query =
            StreamQuery::read(raw("channels=heart_rate,speed&resolution=5&from=1.5&to=60")).expect("good");
        assert_eq!(query.channels, [Channel::HeartRate, Channel::Speed]);
        assert_eq!((query.resolution_s, query.within_ms), (5, 1_500..60_000));
        assert_eq!(
            StreamQuery::read(raw("")).expect("good").channels.len(),
            Channel::COUNT
        );
        for bad in [
            "channels=heart",
            "resolution=-1",
            "resolution=99999999",
            "from=NaN",
            "to=1e300",
            "form=1",
        ] {
            assert_eq!(
                StreamQuery::read(raw(bad)).expect_err(bad).code,
                Code::BadRequest,
                "{bad}"
            );
        }
        assert_eq!(
            ListQuery::read(raw("")),
            Ok(ListQuery {
                limit: 20,
                after: None
            })
        );
        for (bad, code) in [
            ("limit=0", Code::BadRequest),
            ("limit=101", Code::BadRequest),
            ("cursor=%20", Code::InvalidCursor),
        ] {
            assert_eq!(ListQuery::read(raw(bad)).expect_err(bad).code, code, "{bad}");
        }
    }
}
