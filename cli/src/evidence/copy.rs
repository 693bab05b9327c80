//! One copy as it is shown: where it is meant to be, what its node sees, and by which rules.

use std::collections::BTreeMap;

use platform_model::matrix::Matrix;
use platform_wire::law::{Residency, ShardCopy};
use serde::Serialize;

use super::finding::{Finding, findings};
use super::user::Part;
use crate::law::views::moment;

#[derive(Debug, Clone, Serialize)]
pub struct CopyView {
    pub shard: String,
    /// What it holds of the person who was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<&'static str>,
    pub role: String,
    pub cell: String,
    pub region: String,
    pub node: Option<String>,
    pub epoch: u64,
    pub since: Option<String>,
    /// Whether the state intends it.
    pub intended: bool,
    pub rules: Vec<RuleCited>,
    pub denied: Option<String>,
    pub seen: Option<SeenView>,
}

/// A rule that permits a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleCited {
    pub id: String,
    pub article: String,
}

/// What the node itself says.
#[derive(Debug, Clone, Serialize)]
pub struct SeenView {
    pub node: String,
    pub age_ms: u64,
    pub epoch: u64,
    pub law_revision: u64,
    pub rules: Vec<String>,
    pub denied: Option<String>,
}

/// The whole report, judged.
#[derive(Debug, Serialize)]
pub struct ReportView {
    pub world: String,
    pub controller: String,
    pub time: String,
    pub table: u64,
    pub law: Option<LawView>,
    pub ledger: u64,
    /// Of whom, if it is about one person.
    pub user: Option<String>,
    pub copies: Vec<CopyView>,
    pub findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
pub struct LawView {
    pub version: String,
    pub revision: u64,
    pub matrix_age_max_ms: u64,
}

impl ReportView {
    /// `parts`: only these shards, for a person. `law_since_ms`: since when the law in force holds, if that is known.
    pub fn of(report: &Residency, law_since_ms: Option<u64>, user: Option<(String, Vec<Part>)>) -> Self {
        let articles = Articles::of(report);
        let parts = user.as_ref().map(|(_, parts)| parts.as_slice());
        let wanted =
            |copy: &&ShardCopy| parts.is_none_or(|parts| parts.iter().any(|part| part.shard == copy.shard));
        let view = |copy: &ShardCopy, intended| {
            let holds = parts.and_then(|parts| parts.iter().find(|part| part.shard == copy.shard));
            CopyView::of(copy, intended, &articles, holds.map(|part| part.what))
        };
        let intended = report.copies.iter().filter(wanted).map(|copy| view(copy, true));
        let strays = report
            .unintended
            .iter()
            .filter(wanted)
            .map(|copy| view(copy, false));
        let all = findings(report, law_since_ms).into_iter();
        let about = |finding: &Finding| {
            parts.is_none_or(|parts| {
                let is_of = |part: &Part| Some(part.shard.to_string()) == finding.shard;
                finding.shard.is_none() || parts.iter().any(is_of)
            })
        };
        Self {
            world: report.world.clone(),
            controller: report.controller.clone(),
            time: moment(report.time_ms).unwrap_or_default(),
            table: report.table_generation.0,
            law: report.in_force.as_ref().map(|law| LawView {
                version: law.matrix.stamp().version.to_string(),
                revision: law.revision,
                matrix_age_max_ms: law.matrix_age_max_ms,
            }),
            ledger: report.ledger_sequence,
            copies: intended.chain(strays).collect(),
            findings: all.filter(about).collect(),
            user: user.map(|(name, _)| name),
        }
    }
}

impl CopyView {
    fn of(copy: &ShardCopy, intended: bool, articles: &Articles<'_>, holds: Option<&'static str>) -> Self {
        Self {
            shard: copy.shard.to_string(),
            holds,
            role: copy.role.clone(),
            cell: copy.cell.to_string(),
            region: copy.region.to_string(),
            node: copy.node.as_ref().map(ToString::to_string),
            epoch: copy.epoch.0,
            since: moment(copy.since_ms),
            intended,
            rules: copy.rules.iter().map(|id| articles.cited(id)).collect(),
            denied: copy.denied.clone(),
            seen: copy.seen.as_ref().map(|seen| SeenView {
                node: seen.node.to_string(),
                age_ms: seen.age_ms,
                epoch: seen.epoch.0,
                law_revision: seen.law_revision,
                rules: seen.rules.clone(),
                denied: seen.denied.clone(),
            }),
        }
    }

    pub fn cells(&self) -> Vec<String> {
        let cited = |rule: &RuleCited| format!("{} ({})", rule.id, rule.article);
        let rules: Vec<String> = self.rules.iter().map(cited).collect();
        let seen = match &self.seen {
            None if self.node.is_none() => "-".to_owned(),
            None => "not reported".to_owned(),
            Some(seen) => format!("e{} {}ms ago", seen.epoch, seen.age_ms),
        };
        vec![
            self.shard.clone(),
            self.role.clone(),
            self.cell.clone(),
            self.region.clone(),
            self.node.clone().unwrap_or_else(|| "-".to_owned()),
            self.since.clone().unwrap_or_else(|| "-".to_owned()),
            if rules.is_empty() {
                "none".to_owned()
            } else {
                rules.join(", ")
            },
            seen,
        ]
    }
}

/// Articles of the rules in force, by id.
pub struct Articles<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Articles<'a> {
    pub fn of(report: &'a Residency) -> Self {
        let matrix: Option<&Matrix> = report.in_force.as_ref().map(|law| law.matrix.as_ref());
        let rules = matrix.into_iter().flat_map(Matrix::rules);
        Self(
            rules
                .map(|rule| (rule.id.as_str(), rule.article.as_str()))
                .collect(),
        )
    }

    fn cited(&self, id: &str) -> RuleCited {
        RuleCited {
            id: id.to_owned(),
            article: self
                .0
                .get(id)
                .copied()
                .unwrap_or("no rule of the law in force")
                .to_owned(),
        }
    }
}
