//! What `audit verify` found, as it is shown.

use control_plane_ledger::Broken;
use serde::Serialize;

use super::{Judged, Verdict};
use crate::printer::{Column, Listed};
use crate::world::ledgers::Seen;

/// The whole document.
#[derive(Debug, Serialize)]
pub struct Report {
    pub ledgers: Vec<LedgerView>,
    witnesses: Witnesses,
    silent: Vec<Silent>,
}

/// One ledger, judged.
#[derive(Debug, Serialize)]
pub struct LedgerView {
    ledger: String,
    whole: bool,
    first: Option<u64>,
    last: Option<u64>,
    hash: Option<String>,
    segments: Option<usize>,
    witnessed: Option<usize>,
    broken_at: Option<u64>,
    verdict: String,
}

/// Who has kept heads.
#[derive(Debug, Serialize)]
struct Witnesses {
    answered: usize,
    heads: usize,
}

/// Who said nothing.
#[derive(Debug, Serialize)]
struct Silent {
    name: String,
    why: String,
}

impl Report {
    pub fn of(judged: &[Judged], seen: &Seen) -> Self {
        let silent = |(name, why): &(String, String)| Silent {
            name: name.clone(),
            why: why.clone(),
        };
        Self {
            ledgers: judged.iter().map(LedgerView::of).collect(),
            witnesses: Witnesses {
                answered: seen.answered,
                heads: seen.witnesses.len(),
            },
            silent: seen.silent.iter().map(silent).collect(),
        }
    }
}

impl LedgerView {
    pub fn of(judged: &Judged) -> Self {
        let (verified, broken) = match &judged.verdict {
            Verdict::Whole(verified) => (Some(verified), None),
            Verdict::Broken(broken) => (None, Some(broken)),
            Verdict::Lacks { .. } | Verdict::Silent { .. } => (None, None),
        };
        Self {
            ledger: judged.name.clone(),
            whole: verified.is_some(),
            first: verified.map(|v| v.begins.sequence + 1),
            last: verified.map(|v| v.head.sequence),
            hash: verified.map(|v| v.head.hash.to_string()),
            segments: verified.map(|v| v.segments),
            witnessed: verified.map(|v| v.witnesses),
            broken_at: broken.map(Broken::sequence),
            verdict: judged.verdict.to_string(),
        }
    }
}

impl Listed for LedgerView {
    const COLUMNS: &'static [Column] = &[
        Column::new("ledger"),
        Column::new("entries"),
        Column::new("segments"),
        Column::new("end"),
        Column::new("witnessed"),
        Column::new("verdict"),
    ];

    fn cells(&self) -> Vec<String> {
        let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let entries = self
            .first
            .zip(self.last)
            .map(|(first, last)| format!("{first}-{last}"));
        vec![
            self.ledger.clone(),
            or_dash(entries),
            or_dash(self.segments.map(|segments| segments.to_string())),
            or_dash(self.hash.as_ref().map(|hash| hash.chars().take(SHORT).collect())),
            or_dash(self.witnessed.map(|witnessed| witnessed.to_string())),
            self.verdict.clone(),
        ]
    }

    fn name(&self) -> String {
        self.ledger.clone()
    }
}

/// Digits of a hash that tell it from others by eye, as in [`control_plane_ledger::Digest::short`].
const SHORT: usize = 12;
