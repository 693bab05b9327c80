//! Each class of data: whose, where copies of it are now, and the rule that permits it there.

use std::collections::BTreeSet;

use platform_model::matrix::{Action, CLAIM_CLASSES, Matrix, Purpose};
use platform_model::{DataClass, Jurisdiction, RegionId, ShardId};
use platform_wire::law::{Residency, ShardCopy};
use serde::Serialize;

/// One class of the people of one jurisdiction, in one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassView {
    pub class: &'static str,
    pub jurisdiction: String,
    pub region: String,
    /// `store-primary`, or `hold-claim` for digests in a directory.
    pub action: &'static str,
    /// Shards with a copy there.
    pub shards: usize,
    /// None: no rule permits it.
    pub rule: Option<String>,
    pub article: Option<String>,
    pub permitted: bool,
}

/// Every class, by jurisdiction and region.
pub fn classes(report: &Residency) -> Vec<ClassView> {
    let matrix = report.in_force.as_ref().map(|law| law.matrix.as_ref());
    let copies = report.copies.iter().chain(&report.unintended);
    let copies: Vec<&ShardCopy> = copies.filter(|copy| copy.node.is_some()).collect();
    let places: BTreeSet<(&Jurisdiction, &RegionId, bool)> = copies
        .iter()
        .map(|copy| (copy.shard.jurisdiction(), &copy.region, is_directory(&copy.shard)))
        .collect();
    let mut views = Vec::new();
    for class in DataClass::ALL {
        let there = |(_, _, directory): &&(&Jurisdiction, &RegionId, bool)| {
            !directory || CLAIM_CLASSES.contains(&class)
        };
        for (jurisdiction, region, directory) in places.iter().filter(there) {
            let is_there = |copy: &&&ShardCopy| {
                copy.shard.jurisdiction() == *jurisdiction
                    && copy.region == **region
                    && is_directory(&copy.shard) == *directory
            };
            let action = if *directory {
                Action::HoldClaim
            } else {
                Action::StorePrimary
            };
            let shards = copies.iter().filter(is_there).count();
            views.push(view(matrix, class, jurisdiction, region, action, shards));
        }
    }
    views
}

fn view(
    matrix: Option<&Matrix>,
    class: DataClass,
    jurisdiction: &Jurisdiction,
    region: &RegionId,
    action: Action,
    shards: usize,
) -> ClassView {
    let ruling = matrix.map(|matrix| matrix.ask(jurisdiction, action, region, class, Purpose::Service));
    let rule = matrix
        .zip(ruling.and_then(|ruling| ruling.rule))
        .and_then(|(matrix, rule)| matrix.rule(rule));
    ClassView {
        class: class.as_str(),
        jurisdiction: jurisdiction.to_string(),
        region: region.to_string(),
        action: action.as_str(),
        shards,
        rule: rule.map(|rule| rule.id.clone()),
        article: rule.map(|rule| rule.article.clone()),
        permitted: ruling.is_some_and(|ruling| ruling.is_permitted()),
    }
}

fn is_directory(shard: &ShardId) -> bool {
    matches!(shard, ShardId::Directory { .. })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn each_class_is_where_its_copies_are_by_a_rule() {
        let views = classes(&sample::residency());
        assert!(
            views.iter().all(|view| view.permitted && view.rule.is_some()),
            "{views:#?}"
        );
        let health: Vec<_> = views.iter().filter(|view| view.class == "health").collect();
        let places: Vec<_> = health
            .iter()
            .map(|view| (view.jurisdiction.as_str(), view.region.as_str()))
            .collect();
        assert_eq!(
            places,
            [("eu", "eu-central"), ("eu", "eu-west"), ("us", "us-east")]
        );
        // Digests of addresses are in directories, too; health is not.
        let contact = views
            .iter()
            .filter(|view| view.class == "contact" && view.action == "hold-claim");
        assert_eq!(contact.count(), 2);
    }

    #[test]
    fn a_stray_copy_counts_where_it_is() {
        let mut report = sample::residency();
        let mut stray = report.copies[0].clone();
        stray.region = "us-east".parse().expect("a region");
        report.unintended.push(stray);
        let views = classes(&report);
        let abroad = views
            .iter()
            .find(|view| view.jurisdiction == "eu" && view.region == "us-east");
        assert!(!abroad.expect("there").permitted);
    }
}
