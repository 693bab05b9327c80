//! Every difference between what is intended, what the nodes see, and what the law permits. One is an alarm.

use platform_wire::law::{Residency, SeenCopy, ShardCopy};
use serde::Serialize;

/// A node reports four times a second; after so long its word is no evidence.
pub const SEEN_AGE_MS_MAX: u64 = 5_000;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub kind: FindingKind,
    /// None: of the whole report.
    pub shard: Option<String>,
    pub node: Option<String>,
    pub what: String,
    /// The command, or the step, that helps.
    pub hint: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// No law is in force: nothing may be kept anywhere.
    NoLaw,
    /// The law in force forbids the copy where it is.
    Violation,
    /// A node holds it, and nothing intends it.
    Unintended,
    /// Its node has not said that it holds it.
    NotReported,
    /// Its node has said so, too long ago.
    Stale,
    /// Its node serves it in another epoch.
    OtherEpoch,
    /// Its node judges by another law, for longer than a table may be old.
    OtherLaw,
    /// Its node asked no law at all.
    NoLawAtNode,
    /// Its node says that it may not be there.
    NodeDenies,
    /// Its node names no rule that permits it.
    NoRuleAtNode,
}

impl FindingKind {
    #[cfg(test)]
    pub const ALL: [Self; 10] = [
        Self::NoLaw,
        Self::Violation,
        Self::Unintended,
        Self::NotReported,
        Self::Stale,
        Self::OtherEpoch,
        Self::OtherLaw,
        Self::NoLawAtNode,
        Self::NodeDenies,
        Self::NoRuleAtNode,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoLaw => "no-law",
            Self::Violation => "violation",
            Self::Unintended => "unintended",
            Self::NotReported => "not-reported",
            Self::Stale => "stale",
            Self::OtherEpoch => "other-epoch",
            Self::OtherLaw => "other-law",
            Self::NoLawAtNode => "no-law-at-node",
            Self::NodeDenies => "node-denies",
            Self::NoRuleAtNode => "no-rule-at-node",
        }
    }
}

/// All of them, in the order of the report. `law_since_ms`: since when the law in force holds; unknown, a node that
/// judges by another law is told at once.
pub fn findings(report: &Residency, law_since_ms: Option<u64>) -> Vec<Finding> {
    let judge = Judge {
        revision: report.in_force.as_ref().map(|law| law.revision),
        nodes_know: nodes_know(report, law_since_ms),
    };
    let mut all = Vec::new();
    if report.in_force.is_none() {
        all.push(Finding {
            kind: FindingKind::NoLaw,
            shard: None,
            node: None,
            what: "no law is in force: nothing may be kept anywhere".to_owned(),
            hint: "cellctl policy history".to_owned(),
        });
    }
    for copy in &report.copies {
        judge.intended(copy, &mut all);
    }
    for copy in &report.unintended {
        judge.unintended(copy, &mut all);
    }
    all
}

/// Whether the law has held for so long that every node must have it.
fn nodes_know(report: &Residency, law_since_ms: Option<u64>) -> bool {
    let Some((law, since_ms)) = report.in_force.as_ref().zip(law_since_ms) else {
        return true;
    };
    report.time_ms.saturating_sub(since_ms) > law.matrix_age_max_ms
}

struct Judge {
    revision: Option<u64>,
    nodes_know: bool,
}

impl Judge {
    fn intended(&self, copy: &ShardCopy, all: &mut Vec<Finding>) {
        if copy.node.is_none() {
            // It waits for its first primary: there is no copy yet.
            return;
        }
        if let Some(denied) = copy.denied.as_ref().filter(|_| self.revision.is_some()) {
            let hint = format!(
                "cellctl policy why-not --shard {} --cell {}",
                copy.shard, copy.cell
            );
            all.push(of(copy, FindingKind::Violation, denied.clone(), hint));
        }
        match &copy.seen {
            None => {
                let what = "its node has not said that it holds it".to_owned();
                all.push(of(
                    copy,
                    FindingKind::NotReported,
                    what,
                    "cellctl cell list".to_owned(),
                ));
            }
            Some(seen) => self.seen(copy, seen, all),
        }
    }

    fn unintended(&self, copy: &ShardCopy, all: &mut Vec<Finding>) {
        let may = copy
            .denied
            .as_ref()
            .map_or_else(|| "the law permits it there".to_owned(), Clone::clone);
        let what = format!("a node holds it and nothing intends it; {may}");
        let hint =
            "quarantine the node and find out whence it came: cellctl audit list --subject shard".to_owned();
        all.push(of(copy, FindingKind::Unintended, what, hint));
    }

    fn seen(&self, copy: &ShardCopy, seen: &SeenCopy, all: &mut Vec<Finding>) {
        let mut found = |kind, what: String, hint: &str| all.push(of(copy, kind, what, hint.to_owned()));
        if seen.age_ms > SEEN_AGE_MS_MAX {
            let what = format!("its node was heard {} ms ago", seen.age_ms);
            found(FindingKind::Stale, what, "cellctl cell list");
        }
        if seen.epoch != copy.epoch {
            let what = format!("intended in {}, its node serves {}", copy.epoch, seen.epoch);
            found(FindingKind::OtherEpoch, what, "cellctl shard list");
        }
        if let Some(denied) = &seen.denied {
            let what = format!("its node says: {denied}");
            found(FindingKind::NodeDenies, what, "cellctl policy explain --help");
        }
        if seen.law_revision == 0 {
            let what = "its node asked no law".to_owned();
            found(
                FindingKind::NoLawAtNode,
                what,
                "the node runs a build that does not know the law",
            );
            return;
        }
        if self.nodes_know
            && self
                .revision
                .is_some_and(|revision| revision != seen.law_revision)
        {
            let revision = self.revision.unwrap_or_default();
            let what = format!(
                "law revision {revision} is in force, its node judges by {}",
                seen.law_revision
            );
            found(FindingKind::OtherLaw, what, "cellctl world status");
        }
        if seen.rules.is_empty() && seen.denied.is_none() {
            let what = "its node names no rule that permits it".to_owned();
            found(FindingKind::NoRuleAtNode, what, "cellctl policy history");
        }
    }
}

fn of(copy: &ShardCopy, kind: FindingKind, what: String, hint: String) -> Finding {
    Finding {
        kind,
        shard: Some(copy.shard.to_string()),
        node: copy.node.as_ref().map(ToString::to_string),
        what,
        hint,
    }
}

#[cfg(test)]
mod tests {
    use platform_model::Epoch;

    use super::super::sample;
    use super::*;

    fn kinds(report: &Residency) -> Vec<FindingKind> {
        findings(report, Some(0))
            .into_iter()
            .map(|finding| finding.kind)
            .collect()
    }

    fn seen(report: &mut Residency) -> &mut SeenCopy {
        report.copies[0].seen.as_mut().expect("seen")
    }

    #[test]
    fn a_world_as_it_should_be_has_no_finding() {
        assert!(kinds(&sample::residency()).is_empty());
    }

    #[test]
    fn each_difference_is_found_and_only_it() {
        type Change = fn(&mut Residency);
        let cases: [(FindingKind, Change); 9] = [
            (FindingKind::Violation, |r| r.copies[0].denied = Some("no".into())),
            (FindingKind::Unintended, |r| {
                r.unintended.push(r.copies[0].clone())
            }),
            (FindingKind::NotReported, |r| r.copies[0].seen = None),
            (FindingKind::Stale, |r| seen(r).age_ms = SEEN_AGE_MS_MAX + 1),
            (FindingKind::OtherEpoch, |r| seen(r).epoch = Epoch(9)),
            (FindingKind::OtherLaw, |r| seen(r).law_revision = 9),
            (FindingKind::NoLawAtNode, |r| seen(r).law_revision = 0),
            (FindingKind::NodeDenies, |r| {
                seen(r).denied = Some("no".into());
                seen(r).rules.clear();
            }),
            (FindingKind::NoRuleAtNode, |r| seen(r).rules.clear()),
        ];
        for (kind, change) in cases {
            let mut report = sample::residency();
            change(&mut report);
            assert_eq!(kinds(&report), [kind], "{}", kind.as_str());
        }
        // The tenth: without a law every copy is where it may not be, which is said once.
        let mut report = sample::residency();
        report.in_force = None;
        assert_eq!(kinds(&report), [FindingKind::NoLaw]);
        assert_eq!(FindingKind::ALL.len(), cases.len() + 1);
    }

    #[test]
    fn a_node_has_time_to_hear_of_a_new_law() {
        let mut report = sample::residency();
        seen(&mut report).law_revision = 9;
        let since = report.time_ms - 1_000;
        assert!(findings(&report, Some(since)).is_empty());
        let since = report.time_ms - 300_001;
        assert_eq!(findings(&report, Some(since)).len(), 1);
    }

    #[test]
    fn a_shard_that_waits_for_its_first_primary_is_no_copy() {
        let mut report = sample::residency();
        (report.copies[0].node, report.copies[0].seen) = (None, None);
        assert!(kinds(&report).is_empty());
    }

    #[test]
    fn names_in_documents_are_those_for_people() {
        for kind in FindingKind::ALL {
            assert_eq!(serde_json::to_value(kind).expect("writes"), kind.as_str());
        }
    }
}
