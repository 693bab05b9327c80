//! Who held each shard at a time, and which law held then: from the holders that the state remembers (the newest 32 of
//! a shard) and from the history of the law.

use control_plane_residency::Digest;
use platform_wire::law::{LawHistory, LawView, Residency, ShardCopy};
use serde::Serialize;

use super::moment::Moment;
use crate::law::views::moment;

/// Who held a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldView {
    pub shard: String,
    pub node: Option<String>,
    pub region: Option<String>,
    pub epoch: Option<u64>,
    pub since: Option<String>,
    /// `held`, `nobody-yet`, or `unknown` where the state no longer remembers.
    pub state: &'static str,
}

/// Which version held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldLaw {
    pub version: String,
    pub digest: String,
    pub author: String,
    pub approver: Option<String>,
    pub whole_from: Option<String>,
    /// Approved before, and only in part in force at that time.
    pub in_part: bool,
}

/// Who held each shard at `at`.
pub fn holders(report: &Residency, at: Moment) -> Vec<HeldView> {
    report.copies.iter().map(|copy| holder(copy, at)).collect()
}

fn holder(copy: &ShardCopy, at: Moment) -> HeldView {
    let none = |state| HeldView {
        shard: copy.shard.to_string(),
        node: None,
        region: None,
        epoch: None,
        since: None,
        state,
    };
    let held = |node: String, region: String, epoch: u64, since_ms: u64| HeldView {
        node: Some(node),
        region: Some(region).filter(|region| !region.is_empty()),
        epoch: Some(epoch),
        since: moment(since_ms),
        ..none("held")
    };
    if let Some(node) = copy.node.as_ref().filter(|_| copy.since_ms <= at.0) {
        return held(
            node.to_string(),
            copy.region.to_string(),
            copy.epoch.0,
            copy.since_ms,
        );
    }
    let before = copy.earlier.iter().rev().find(|entry| entry.since_ms <= at.0);
    if let Some(entry) = before {
        return held(
            entry.node.to_string(),
            entry.region.clone(),
            entry.epoch.0,
            entry.since_ms,
        );
    }
    // Epochs count from 1: if the oldest that is remembered is a later one, somebody held it before.
    let oldest = copy.earlier.first().map_or(copy.epoch.0, |entry| entry.epoch.0);
    none(if oldest > 1 { "unknown" } else { "nobody-yet" })
}

/// The version that held wholly at `at`, and one that held in part beside it. Empty: none that is remembered.
pub fn laws(view: &LawView, at: Moment) -> Vec<HeldLaw> {
    let held = |past: &&LawHistory| past.holds_from_ms > 0 && past.holds_from_ms <= at.0;
    let whole = view
        .history
        .iter()
        .filter(held)
        .max_by_key(|past| past.holds_from_ms);
    let in_part = view.history.iter().filter(|past| {
        let approved = past.approved_ms > 0 && past.approved_ms <= at.0;
        let not_yet = past.holds_from_ms == 0 || past.holds_from_ms > at.0;
        approved && not_yet && past.outcome != "withdrawn"
    });
    let newest = in_part.max_by_key(|past| past.approved_ms);
    let newest = newest.filter(|part| whole.is_none_or(|whole| part.approved_ms > whole.holds_from_ms));
    whole
        .map(|past| law(past, false))
        .into_iter()
        .chain(newest.map(|past| law(past, true)))
        .collect()
}

fn law(past: &LawHistory, in_part: bool) -> HeldLaw {
    HeldLaw {
        version: past.version.to_string(),
        digest: Digest(past.digest).to_string(),
        author: past.author.clone(),
        approver: past.approver.clone(),
        whole_from: moment(past.holds_from_ms),
        in_part,
    }
}

#[cfg(test)]
mod tests {
    use platform_model::Epoch;
    use platform_model::matrix::LawVersion;
    use platform_wire::law::EarlierHolder;

    use super::super::sample;
    use super::*;
    use crate::law::sample::view;

    fn moved() -> Residency {
        let mut report = sample::residency();
        let copy = &mut report.copies[0];
        (copy.epoch, copy.since_ms) = (Epoch(3), 3_000);
        let earlier = |epoch, since_ms, region: &str| EarlierHolder {
            node: "eu-west-1/0".parse().expect("a node"),
            region: region.to_owned(),
            epoch: Epoch(epoch),
            since_ms,
        };
        copy.earlier = vec![earlier(1, 1_000, "eu-west"), earlier(2, 2_000, "")];
        report
    }

    #[test]
    fn the_holder_at_a_time_is_the_last_before_it() {
        let report = moved();
        let at = |ms| holders(&report, Moment(ms)).swap_remove(0);
        assert_eq!(at(999).state, "nobody-yet");
        assert_eq!(
            (at(1_000).epoch, at(1_000).region.as_deref()),
            (Some(1), Some("eu-west"))
        );
        assert_eq!((at(2_999).epoch, at(2_999).region), (Some(2), None));
        assert_eq!((at(3_000).epoch, at(9_000).epoch), (Some(3), Some(3)));
    }

    #[test]
    fn what_is_no_longer_remembered_is_unknown_and_not_nobody() {
        let mut report = moved();
        report.copies[0].earlier.remove(0);
        assert_eq!(holders(&report, Moment(1_500))[0].state, "unknown");
    }

    fn past(version: u64, approved_ms: u64, holds_from_ms: u64, outcome: &str) -> LawHistory {
        LawHistory {
            version: LawVersion(version),
            document: [0; 32],
            digest: [0; 32],
            author: "a".into(),
            proposed_ms: approved_ms,
            approver: Some("b".into()),
            approved_ms,
            holds_from_ms,
            outcome: outcome.to_owned(),
        }
    }

    #[test]
    fn the_law_at_a_time_is_the_last_that_held_and_what_held_in_part() {
        let mut view = view(None, None, None);
        view.history = vec![
            past(1, 1_000, 1_000, "replaced"),
            past(2, 2_000, 3_000, "in-force"),
            past(3, 2_500, 0, "withdrawn"),
        ];
        let at = |ms| -> Vec<(String, bool)> {
            let laws = laws(&view, Moment(ms));
            laws.into_iter().map(|law| (law.version, law.in_part)).collect()
        };
        assert!(at(999).is_empty());
        assert_eq!(at(1_500), [("v1".to_owned(), false)]);
        assert_eq!(at(2_000), [("v1".to_owned(), false), ("v2".to_owned(), true)]);
        assert_eq!(at(3_000), [("v2".to_owned(), false)]);
    }
}
