//! One entry: who asked for what, on which grounds it was decided, and how.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::encoding;

/// Longest name of an actor and longest subject, in bytes.
pub const NAME_BYTES_MAX: usize = 300;
/// Longest name of a command and longest code of a refusal, in bytes.
pub const WORD_BYTES_MAX: usize = 64;
/// Longest reason, in bytes.
pub const REASON_BYTES_MAX: usize = 500;
/// Longest detail of a refusal, in bytes.
pub const DETAIL_BYTES_MAX: usize = 4_096;
/// Longest canonical form of an entry, in bytes.
pub const ENTRY_BYTES_MAX: usize = 6 * 1_024;

/// What is on record about one decision or refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Milliseconds since 1970, never before the entry before it.
    pub time_ms: u64,
    /// The SPIFFE id of whoever asked. Never a person's name.
    pub actor: String,
    /// Name of the command.
    pub command: String,
    /// What the command is about, such as `shard/eu/eu-central/007`.
    pub subject: String,
    /// Of the command as it stands in the log.
    pub command_digest: Digest,
    /// Of the records that were read to decide it, with their generations.
    pub inputs_digest: Digest,
    pub verdict: Verdict,
    /// Why, in the words of whoever asked; may be empty.
    pub reason: String,
    /// How many equal ones this entry stands for; 1 but for repetitions.
    pub count: u32,
    /// For repetitions: the sequence of the entry that they repeat. 0: none.
    pub repeats: u64,
}

/// How it was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The state has changed.
    Accepted {
        /// Generation of the routing table after it.
        table: u64,
    },
    /// Nothing was changed.
    Refused {
        /// Name of the rule of the state, such as `outside-home-region`.
        code: String,
        /// What the refusal names, as JSON: stable where a text for people is not. Empty if it names nothing.
        detail: String,
    },
}

/// A record in its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From 1, without gaps.
    pub sequence: u64,
    /// Hash of the entry before.
    pub previous: Digest,
    pub record: Record,
}

impl Record {
    /// The record with every text within its bound, cut at a whole character. What writers make is never cut, but
    /// for a reason that was refused for its length.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        cut(&mut self.actor, NAME_BYTES_MAX);
        cut(&mut self.command, WORD_BYTES_MAX);
        cut(&mut self.subject, NAME_BYTES_MAX);
        cut(&mut self.reason, REASON_BYTES_MAX);
        if let Verdict::Refused { code, detail } = &mut self.verdict {
            cut(code, WORD_BYTES_MAX);
            cut(detail, DETAIL_BYTES_MAX);
        }
        self
    }
}

impl Entry {
    /// What the next entry names.
    pub fn hash(&self) -> Digest {
        encoding::hash(&encoding::encode(self))
    }
}

impl Verdict {
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }

    /// One word: `accepted`, or the code of the refusal.
    pub fn word(&self) -> &str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Refused { code, .. } => code,
        }
    }
}

impl fmt::Display for Verdict {
    /// For people: `accepted` or `outside-home-region: cell us-east-1, found us-east, ...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::Refused { detail, .. } if !detail.is_empty() => write!(f, ": {}", told(detail)),
            _ => Ok(()),
        }
    }
}

/// What a detail names, for people, sorted; the detail itself if it is no JSON.
fn told(detail: &str) -> String {
    match serde_json::from_str(detail) {
        Ok(serde_json::Value::Object(fields)) => {
            let fields = fields.iter();
            let mut told: Vec<String> = fields
                .map(|(name, value)| format!("{name} {}", plain(value)))
                .collect();
            told.sort();
            told.join(", ")
        }
        Ok(value) => plain(&value),
        Err(_) => detail.to_owned(),
    }
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

fn cut(text: &mut String, max: usize) {
    let end = (0..=max.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or(0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::record;

    #[test]
    fn a_long_text_is_cut_at_a_whole_character() {
        let long = Record {
            reason: "é".repeat(REASON_BYTES_MAX),
            ..record(1)
        };
        let bounded = long.bounded();
        assert_eq!(bounded.reason, "é".repeat(REASON_BYTES_MAX / 2));
        assert_eq!(record(1).bounded(), record(1));
    }

    #[test]
    fn the_longest_entry_fits() {
        let text = |n: usize| "x".repeat(n);
        let verdict = Verdict::Refused {
            code: text(99),
            detail: text(9_999),
        };
        let record = Record {
            actor: text(999),
            command: text(99),
            subject: text(999),
            reason: text(999),
            verdict,
            ..record(1)
        };
        let entry = Entry {
            sequence: u64::MAX,
            previous: Digest::default(),
            record: record.bounded(),
        };
        assert!(encoding::encode(&entry).len() <= ENTRY_BYTES_MAX);
    }

    #[test]
    fn a_refusal_is_told_in_words() {
        let refused = |detail: &str| Verdict::Refused {
            code: "no-world".into(),
            detail: detail.into(),
        };
        assert_eq!(refused("").to_string(), "no-world");
        assert_eq!(
            refused(r#"{"cell":"us-east-1","have":3,"primary":null}"#).to_string(),
            "no-world: cell us-east-1, have 3, primary none"
        );
        assert_eq!(refused(r#""us-east-1""#).to_string(), "no-world: us-east-1");
        assert_eq!(refused("{").to_string(), "no-world: {");
    }
}
