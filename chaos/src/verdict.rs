//! What a checker says: how much it looked at, what is wrong, and the shortest explanation of each that a person can
//! read. One shape for all checkers, as text and as JSON.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Anomalies that a verdict keeps with their explanation; all are counted.
pub const ANOMALIES_MAX: usize = 20;

/// One thing that cannot be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomaly {
    /// Its name in the literature, kebab-case: `lost-update`, `g-single`.
    pub name: String,
    /// What was seen, line by line.
    pub explanation: String,
}

/// The judgement on one history.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub checker: String,
    /// Operations looked at.
    pub operations: usize,
    /// Those whose outcome their client never learned.
    pub unknown: usize,
    /// All that were found, also those that are not kept.
    pub found: usize,
    pub anomalies: Vec<Anomaly>,
    /// What could not be decided, and why: no proof in either direction.
    pub undecided: Vec<String>,
}

impl Verdict {
    pub fn new(checker: &str, operations: usize, unknown: usize) -> Self {
        Self {
            checker: checker.to_owned(),
            operations,
            unknown,
            ..Self::default()
        }
    }

    /// Nothing is wrong, and everything was decided.
    pub fn is_clean(&self) -> bool {
        self.found == 0 && self.undecided.is_empty()
    }

    /// Adds one; past [`ANOMALIES_MAX`] it is counted only.
    pub fn add(&mut self, name: &str, explanation: impl Into<String>) {
        self.found += 1;
        if self.anomalies.len() < ANOMALIES_MAX {
            self.anomalies.push(Anomaly {
                name: name.to_owned(),
                explanation: explanation.into(),
            });
        }
    }

    /// Takes in what the same checker says of another history; `of`: how that one is told. Bounded as [`Self::add`].
    pub fn absorb(&mut self, of: &str, other: &Self) {
        self.operations += other.operations;
        self.unknown += other.unknown;
        self.found += other.found;
        let room = ANOMALIES_MAX.saturating_sub(self.anomalies.len());
        let anomalies = other.anomalies.iter().take(room).map(|anomaly| Anomaly {
            name: anomaly.name.clone(),
            explanation: format!("{of}: {}", anomaly.explanation),
        });
        self.anomalies.extend(anomalies);
        let room = ANOMALIES_MAX.saturating_sub(self.undecided.len());
        let undecided = other.undecided.iter().take(room);
        self.undecided.extend(undecided.map(|why| format!("{of}: {why}")));
    }

    /// Whether an anomaly of this name is among those kept.
    pub fn has(&self, name: &str) -> bool {
        self.anomalies.iter().any(|anomaly| anomaly.name == name)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            checker,
            operations,
            unknown,
            found,
            ..
        } = self;
        let found = match found {
            0 => "nothing wrong".to_owned(),
            found => format!("{found} wrong"),
        };
        write!(
            f,
            "{checker}: {operations} operations, {unknown} of unknown outcome: {found}"
        )?;
        for anomaly in &self.anomalies {
            let text = anomaly.explanation.replace('\n', "\n    ");
            write!(f, "\n  {}: {text}", anomaly.name)?;
        }
        for text in &self.undecided {
            write!(f, "\n  undecided: {text}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_counts_more_than_it_keeps_and_reads_back() {
        let mut verdict = Verdict::new("test", 100, 1);
        assert!(verdict.is_clean());
        for number in 0..=ANOMALIES_MAX {
            verdict.add("lost", format!("number {number}"));
        }
        assert_eq!(
            (verdict.found, verdict.anomalies.len()),
            (ANOMALIES_MAX + 1, ANOMALIES_MAX)
        );
        assert!(!verdict.is_clean() && verdict.has("lost"));
        let json = serde_json::to_string(&verdict).expect("JSON");
        assert_eq!(
            serde_json::from_str::<Verdict>(&json).expect("a verdict"),
            verdict
        );
        assert!(
            verdict
                .to_string()
                .starts_with("test: 100 operations, 1 of unknown outcome: 21 wrong\n  lost: number 0")
        );
    }

    #[test]
    fn a_verdict_over_two_histories_counts_both_and_says_which() {
        let mut whole = Verdict::new("test", 0, 0);
        let mut one = Verdict::new("test", 10, 1);
        one.undecided.push("too many".into());
        let mut other = Verdict::new("test", 5, 0);
        for _ in 0..=ANOMALIES_MAX {
            other.add("lost", "a");
        }
        whole.absorb("round 0", &one);
        whole.absorb("round 1", &other);
        assert_eq!((whole.operations, whole.unknown), (15, 1));
        assert_eq!(
            (whole.found, whole.anomalies.len()),
            (ANOMALIES_MAX + 1, ANOMALIES_MAX)
        );
        assert_eq!(whole.anomalies[0].explanation, "round 1: a");
        assert_eq!(whole.undecided, ["round 0: too many"]);
    }

    #[test]
    fn what_is_undecided_is_not_clean() {
        let mut verdict = Verdict::new("test", 1, 0);
        verdict.undecided.push("too many".into());
        assert!(!verdict.is_clean());
    }
}
