//! What the law is expected to answer. A case is part of the law: whoever changes a rule sees what it changes.
//!
//! ```toml
//! [[cases]]
//! name = "health data stays in the area"
//! jurisdiction = "eu"
//! action = "store-standby"          # or a list, or "*"
//! region = ["us-east", "ru-west"]
//! class = "health"
//! purpose = "*"                     # `service` if it is not said
//! expect = "deny"                   # permit | consent | deny
//! rule = "eu-copies-stay"           # the rule that must decide, if it matters
//! ```

mod read;

use std::fmt;

use platform_model::matrix::{Answer, Matrix, Point};
use serde::Deserialize;

pub(crate) use read::read;

use crate::law::Law;
use crate::position::Position;

/// Most points of all cases of a law together.
pub const CASE_POINTS_MAX: usize = 100_000;

/// Answers expected at some points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    pub name: String,
    pub position: Position,
    /// At least one.
    pub points: Vec<Point>,
    pub expect: Expected,
    /// The rule that must decide; `none` in the file: no rule at all.
    pub rule: Option<ExpectedRule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    Permit,
    Consent,
    Deny,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ExpectedRule {
    /// Nothing permits it and nothing forbids it.
    NoRule,
    Rule(String),
}

/// How the cases of a law came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseReport {
    pub cases: usize,
    pub points: usize,
    pub failures: Vec<CaseFailure>,
}

/// A case that is not so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFailure {
    pub case: String,
    pub position: Position,
    /// The first point that is not so.
    pub point: Point,
    /// Number of points that are not so.
    pub points: usize,
    pub expected: String,
    pub found: String,
}

impl Law {
    /// Runs every case against a matrix of this law.
    pub fn test(&self, matrix: &Matrix) -> CaseReport {
        CaseReport {
            cases: self.cases.len(),
            points: self.cases.iter().map(|case| case.points.len()).sum(),
            failures: self
                .cases
                .iter()
                .filter_map(|case| case.failure(matrix))
                .collect(),
        }
    }
}

impl CaseReport {
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

impl Case {
    fn failure(&self, matrix: &Matrix) -> Option<CaseFailure> {
        let mut wrong = self.points.iter().filter(|point| !self.holds(matrix, point));
        let point = wrong.next()?.clone();
        Some(CaseFailure {
            case: self.name.clone(),
            position: self.position.clone(),
            expected: self.expected(),
            found: found(matrix, &point),
            point,
            points: 1 + wrong.count(),
        })
    }

    fn holds(&self, matrix: &Matrix, point: &Point) -> bool {
        let ruling = matrix.ruling(point);
        let rule = ruling.rule.and_then(|rule| matrix.rule(rule));
        let rule_holds = match &self.rule {
            None => true,
            Some(ExpectedRule::NoRule) => rule.is_none(),
            Some(ExpectedRule::Rule(id)) => rule.is_some_and(|rule| rule.id == *id),
        };
        rule_holds && Expected::of(ruling.answer) == self.expect
    }

    fn expected(&self) -> String {
        match &self.rule {
            None => self.expect.to_string(),
            Some(ExpectedRule::NoRule) => format!("{} by no rule", self.expect),
            Some(ExpectedRule::Rule(id)) => format!("{} by {id}", self.expect),
        }
    }
}

fn found(matrix: &Matrix, point: &Point) -> String {
    let ruling = matrix.ruling(point);
    let expected = Expected::of(ruling.answer);
    match ruling.rule.and_then(|rule| matrix.rule(rule)) {
        Some(rule) => format!("{expected} by {}", rule.id),
        None => format!("{expected} by no rule"),
    }
}

impl Expected {
    pub fn of(answer: Answer) -> Self {
        match answer {
            Answer::Permit => Self::Permit,
            Answer::PermitWithConsent(_) => Self::Consent,
            Answer::Deny => Self::Deny,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Permit => "permit",
            Self::Consent => "consent",
            Self::Deny => "deny",
        })
    }
}

impl fmt::Display for CaseFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            case,
            position,
            point,
            points,
            expected,
            found,
        } = self;
        write!(
            f,
            "{position}: {case}: {point}: expected {expected}, found {found}"
        )?;
        if *points > 1 {
            write!(f, ", and {} points more", points - 1)
        } else {
            Ok(())
        }
    }
}
