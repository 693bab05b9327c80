//! The law as people's JSON: one struct for each thing that is shown, its fields in one order for ever.

use control_plane_ledger::time;
use control_plane_residency::diff::Group;
use control_plane_residency::explain::PlaceFacts;
use control_plane_residency::rules::Rule;
use control_plane_residency::{Digest, Fault};
use platform_model::matrix::{Answer, Matrix, Point, RuleName};
use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub struct PointView {
    pub jurisdiction: String,
    pub action: String,
    pub region: String,
    pub class: String,
    pub purpose: String,
}

/// A rule as its annotations say.
#[derive(Debug, Clone, Serialize)]
pub struct RuleView {
    pub id: String,
    pub effect: Option<&'static str>,
    pub article: String,
    pub reason: Option<String>,
    pub owner: Option<String>,
    pub position: Option<String>,
}

/// What rules could read of a region.
#[derive(Debug, Clone, Serialize)]
pub struct PlaceView {
    pub country: String,
    pub jurisdiction: Option<String>,
    pub attested_by: Option<String>,
    pub attested_on: Option<String>,
    pub mechanisms: Vec<&'static str>,
}

/// Which law it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LawName {
    pub version: String,
    /// What widens holds from this day at the earliest.
    pub date: String,
    /// SHA-256 of the matrix: what an approver signs.
    pub digest: String,
    /// SHA-256 of the text.
    pub document: String,
}

/// Points of one place whose answer changes alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupView {
    pub jurisdiction: String,
    pub action: String,
    pub region: String,
    pub from: &'static str,
    pub to: &'static str,
    pub points: usize,
    pub classes: Vec<&'static str>,
    pub purposes: Vec<&'static str>,
    pub rules_before: Vec<String>,
    pub rules_after: Vec<String>,
}

/// One thing that is wrong with a law.
#[derive(Debug, Clone, Serialize)]
pub struct FaultView {
    pub code: &'static str,
    pub file: Option<String>,
    pub line: Option<usize>,
    pub column: Option<usize>,
    pub message: String,
}

impl From<&Point> for PointView {
    fn from(point: &Point) -> Self {
        Self {
            jurisdiction: point.jurisdiction.to_string(),
            action: point.action.to_string(),
            region: point.region.to_string(),
            class: point.class.to_string(),
            purpose: point.purpose.to_string(),
        }
    }
}

impl From<&Rule> for RuleView {
    fn from(rule: &Rule) -> Self {
        Self {
            id: rule.id.clone(),
            effect: Some(rule.effect.as_str()),
            article: rule.article.clone(),
            reason: Some(rule.reason.clone()),
            owner: Some(rule.owner.clone()),
            position: Some(rule.position.to_string()),
        }
    }
}

/// A rule of which no text is at hand.
impl From<&RuleName> for RuleView {
    fn from(rule: &RuleName) -> Self {
        Self {
            id: rule.id.clone(),
            effect: None,
            article: rule.article.clone(),
            reason: None,
            owner: None,
            position: None,
        }
    }
}

impl From<&PlaceFacts<'_>> for PlaceView {
    fn from(facts: &PlaceFacts<'_>) -> Self {
        Self {
            country: facts.country.to_string(),
            jurisdiction: facts.area.map(ToString::to_string),
            attested_by: facts.attested.map(|attested| attested.by.clone()),
            attested_on: facts.attested.map(|attested| attested.on.to_string()),
            mechanisms: facts.mechanisms.iter().map(|kind| kind.as_str()).collect(),
        }
    }
}

impl From<&Matrix> for LawName {
    fn from(matrix: &Matrix) -> Self {
        let stamp = matrix.stamp();
        Self {
            version: stamp.version.to_string(),
            date: stamp.date.to_string(),
            digest: Digest::of(&matrix.to_bytes()).to_string(),
            document: Digest(stamp.document).to_string(),
        }
    }
}

impl From<&Group> for GroupView {
    fn from(group: &Group) -> Self {
        let mut classes: Vec<&str> = group.points.iter().map(|(class, _)| class.as_str()).collect();
        let mut purposes: Vec<&str> = group.points.iter().map(|(_, purpose)| purpose.as_str()).collect();
        classes.dedup();
        purposes.sort_unstable();
        purposes.dedup();
        Self {
            jurisdiction: group.jurisdiction.to_string(),
            action: group.action.to_string(),
            region: group.region.to_string(),
            from: group.from.as_str(),
            to: group.to.as_str(),
            points: group.points.len(),
            classes,
            purposes,
            rules_before: group.rules_before.iter().cloned().collect(),
            rules_after: group.rules_after.iter().cloned().collect(),
        }
    }
}

impl From<&Fault> for FaultView {
    fn from(fault: &Fault) -> Self {
        let position = fault.position.as_ref();
        Self {
            code: fault.kind.code(),
            file: position.map(|position| position.file.clone()),
            line: position.map(|position| position.line),
            column: position.map(|position| position.column),
            message: fault.kind.to_string(),
        }
    }
}

/// The answer in a word.
pub fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Deny => "deny",
        Answer::PermitWithConsent(_) => "consent",
        Answer::Permit => "permit",
    }
}

/// A time, or nothing for what never was.
pub fn moment(unix_ms: u64) -> Option<String> {
    (unix_ms > 0).then(|| time::utc(unix_ms))
}

/// Enough of a digest to tell laws apart by eye.
pub fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

/// Who, without what is the same for all: `compliance/ann`.
pub fn person(spiffe_id: &str) -> &str {
    spiffe_id
        .split_once("/operator/")
        .map_or(spiffe_id, |(_, person)| person)
}
