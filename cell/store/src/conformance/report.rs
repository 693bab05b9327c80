//! What the suite found.

use std::fmt;

use super::{Checked, Stop};

/// What became of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The promise held.
    Passed,
    /// Could not be tried here, and why.
    Skipped(String),
    /// The promise was broken, and how.
    Failed(String),
}

/// The outcome of each check, in order. `Display` has one line per check.
#[derive(Clone, Debug)]
pub struct Report {
    engine: String,
    checks: Vec<(&'static str, Outcome)>,
}

impl Report {
    pub(super) fn new(engine: &str) -> Self {
        Self {
            engine: engine.to_owned(),
            checks: Vec::new(),
        }
    }

    pub(super) fn note(&mut self, check: &'static str, checked: Checked) {
        let outcome = match checked {
            Ok(()) => Outcome::Passed,
            Err(Stop::Skipped(why)) => Outcome::Skipped(why),
            Err(Stop::Failed(how)) => Outcome::Failed(how),
        };
        self.checks.push((check, outcome));
    }

    /// Whether no check failed.
    pub fn passed(&self) -> bool {
        !self
            .checks
            .iter()
            .any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)))
    }

    /// Name and outcome of each check.
    pub fn checks(&self) -> &[(&'static str, Outcome)] {
        &self.checks
    }

    /// The outcome of one check.
    pub fn outcome(&self, check: &str) -> Option<&Outcome> {
        self.checks
            .iter()
            .find(|(name, _)| *name == check)
            .map(|(_, outcome)| outcome)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (check, outcome) in &self.checks {
            match outcome {
                Outcome::Passed => writeln!(f, "{} {check}: passed", self.engine)?,
                Outcome::Skipped(why) => writeln!(f, "skipped: {} {check}: {why}", self.engine)?,
                Outcome::Failed(how) => writeln!(f, "{} {check}: FAILED: {how}", self.engine)?,
            }
        }
        Ok(())
    }
}
