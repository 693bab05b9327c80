//! The document itself, and the verdict that becomes an exit code.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::figure::Figure;
use crate::machine::machine;

/// `{suite, command, machine, versions, figures, tables, notes}`. Its `Display` is for people.
#[derive(Debug, Clone, Serialize)]
pub struct Document {
    /// `commit`, `route`, `demo`.
    pub suite: String,
    /// The command line that makes it again.
    pub command: String,
    pub machine: Value,
    /// Ours under `meridian`; a peer that was measured under its own name.
    pub versions: Value,
    pub figures: Vec<Figure>,
    /// Each an array of objects of one shape.
    pub tables: Map<String, Value>,
    /// What a reader of the numbers must know.
    pub notes: Vec<String>,
}

/// What the figures say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every goal is met.
    Met,
    /// At least one goal is missed.
    Missed,
}

impl Verdict {
    /// 0 or 3; a run that failed (1) makes no document.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Met => 0,
            Self::Missed => 3,
        }
    }
}

impl Document {
    /// An empty document about this machine and this process's command line.
    pub fn new(suite: impl Into<String>) -> Self {
        Self {
            suite: suite.into(),
            command: std::env::args().collect::<Vec<_>>().join(" "),
            machine: machine(),
            versions: json!({ "meridian": env!("CARGO_PKG_VERSION") }),
            figures: Vec::new(),
            tables: Map::new(),
            notes: Vec::new(),
        }
    }

    /// True when no goal is missed.
    pub fn goals_met(&self) -> bool {
        self.verdict() == Verdict::Met
    }

    pub fn verdict(&self) -> Verdict {
        match self.figures.iter().any(|figure| figure.met == Some(false)) {
            true => Verdict::Missed,
            false => Verdict::Met,
        }
    }

    /// Names of the figures that miss their goal.
    pub fn missed(&self) -> impl Iterator<Item = &str> {
        let missed = self.figures.iter().filter(|figure| figure.met == Some(false));
        missed.map(|figure| figure.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(figures: Vec<Figure>) -> Document {
        Document {
            figures,
            ..Document::new("test")
        }
    }

    #[test]
    fn one_missed_goal_is_exit_code_3_and_is_named() {
        let good = Figure::at_most("good", 1.0, "ns", 2.0);
        let bad = Figure::at_most("bad", 3.0, "ns", 2.0);
        let neutral = Figure::info("neutral", 9.0, "ns");
        assert_eq!(document(vec![good.clone(), neutral]).verdict().exit_code(), 0);
        let missed = document(vec![good, bad]);
        assert_eq!(missed.verdict().exit_code(), 3);
        assert_eq!(missed.missed().collect::<Vec<_>>(), ["bad"]);
        assert!(!missed.goals_met());
    }

    #[test]
    fn the_json_has_exactly_the_agreed_members() {
        let value = serde_json::to_value(document(vec![Figure::at_least("a", 9.0, "times", 8.0)]))
            .expect("plain data");
        let members: Vec<_> = value
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect();
        let agreed = [
            "command", "figures", "machine", "notes", "suite", "tables", "versions",
        ];
        assert_eq!(agreed.len(), members.len());
        assert!(agreed.iter().all(|name| members.contains(name)), "{members:?}");
        assert_eq!(
            value["figures"][0],
            json!({ "name": "a", "value": 9.0, "unit": "times", "goal": ">= 8", "met": true })
        );
    }

    #[test]
    fn what_could_not_be_measured_is_null_not_left_out() {
        let value = serde_json::to_value(document(vec![Figure::at_most("a", f64::NAN, "ns", 1.0)]))
            .expect("plain data");
        assert_eq!(value["figures"][0]["value"], Value::Null);
        assert_eq!(value["figures"][0]["met"], false);
    }
}
