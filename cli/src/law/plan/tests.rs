//! Plans of laws that narrow, widen, do both, strand somebody, or change nothing.

use platform_wire::law::LawRecord;

use super::super::sample;
use super::*;
use crate::evidence::sample::status;

fn plan(in_force: Option<&LawRecord>, version: u64, more: &str) -> Plan {
    let view = sample::view(in_force, in_force, None);
    Plan::of(&view, &status(), &sample::law(version, more)).expect("a plan")
}

#[test]
fn the_first_law_lets_what_waits_be_placed() {
    let mut status = status();
    status.shards.iter_mut().for_each(|shard| shard.primary = None);
    let plan = Plan::of(&sample::view(None, None, None), &status, &sample::law(1, "")).expect("a plan");
    assert_eq!((plan.direction, plan.at_once), ("first", true));
    assert_eq!(plan.effect.placed.len(), status.shards.len());
    insta::assert_snapshot!(sample::without_digests(&plan.text()));
}

#[test]
fn what_narrows_holds_at_once_and_names_the_copies_that_become_illegal() {
    let first = sample::record(1, "");
    let plan = plan(Some(&first), 2, sample::NARROWER);
    assert_eq!((plan.direction, plan.at_once), ("narrower", true));
    assert!(
        plan.effect
            .violations
            .iter()
            .all(|copy| copy.region == "eu-west" && !copy.already)
    );
    assert!(!plan.effect.violations.is_empty());
    assert_eq!(plan.effect.homes_closed, ["eu/eu-west"]);
    insta::assert_snapshot!(sample::without_digests(&plan.text()));
}

#[test]
fn what_widens_waits_until_everybody_can_have_heard_of_it() {
    let first = sample::record(1, "");
    let plan = plan(Some(&first), 2, sample::WIDER);
    assert_eq!((plan.direction, plan.at_once), ("wider", false));
    assert_eq!(
        plan.holds_from.as_deref(),
        moment(1_795_700_000_000 + 600_000).as_deref()
    );
    assert!(plan.narrower.is_empty() && plan.effect.violations.is_empty());
    insta::assert_snapshot!(sample::without_digests(&plan.text()));
}

#[test]
fn what_does_both_is_said_apart() {
    let first = sample::record(1, "");
    let plan = plan(Some(&first), 2, &[sample::NARROWER, sample::WIDER].concat());
    assert_eq!(plan.direction, "both");
    assert!(!plan.narrower.is_empty() && !plan.wider.is_empty());
}

#[test]
fn a_law_that_is_in_force_changes_nothing_and_another_text_does() {
    let first = sample::record(1, "");
    let same = plan(Some(&first), 1, "");
    assert!(!same.changes);
    assert!(
        same.text().ends_with("nothing changes: it is what is in force"),
        "{}",
        same.text()
    );
    let renamed = plan(Some(&first), 2, "");
    assert!(renamed.changes);
    assert_eq!(renamed.direction, "same");
}

/// A law without homes for a jurisdiction that it knows does not get so far; one that forgets a jurisdiction does.
#[test]
fn homes_whose_data_could_go_nowhere_are_named() {
    let first = sample::record(1, "");
    let mut status = status();
    let forgotten = status.table.homes.values().next().cloned().expect("a home");
    let home = "mx/us-east".parse().expect("a home");
    status.table.homes.insert(home, forgotten);
    let view = sample::view(Some(&first), Some(&first), None);
    let plan = Plan::of(&view, &status, &sample::law(2, sample::WIDER)).expect("a plan");
    assert_eq!(plan.effect.stranded, ["mx/us-east"]);
    let text = plan.text();
    assert!(
        text.contains("the controllers refuse this law (1): mx/us-east"),
        "{text}"
    );
}

#[test]
fn the_document_is_this() {
    let first = sample::record(1, "");
    let plan = plan(Some(&first), 2, sample::WIDER);
    let json = serde_json::to_string_pretty(&plan).expect("writes");
    insta::assert_snapshot!(sample::without_digests(&json));
}
