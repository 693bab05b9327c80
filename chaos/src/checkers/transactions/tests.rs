//! Each anomaly by hand, correct histories by a model, and the size of a long run.

use proptest::prelude::*;

use super::*;
use crate::synthetic::{Random, transactions as correct};

fn append(key: &str, value: &str) -> Step {
    Step::Append {
        key: key.into(),
        value: value.into(),
    }
}

fn list(key: &str, values: &[&str]) -> Step {
    Step::ReadList {
        key: key.into(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    }
}

fn write(key: &str, value: &str, position: u64) -> Step {
    Step::Write {
        key: key.into(),
        value: value.into(),
        version: Some((1, position)),
    }
}

fn read(key: &str, value: Option<&str>) -> Step {
    Step::Read {
        key: key.into(),
        value: value.map(str::to_owned),
    }
}

/// All at the same time: only what they saw orders them.
fn at_once(steps: Vec<Step>) -> Transaction {
    Transaction {
        client: 1,
        invoked: 1,
        completed: 1_000,
        steps,
        outcome: Outcome::Done,
    }
}

fn at(times: (u64, u64), steps: Vec<Step>) -> Transaction {
    Transaction {
        invoked: times.0,
        completed: times.1,
        ..at_once(steps)
    }
}

/// The one anomaly of a history.
fn only(history: &[Transaction], promise: Promise) -> (String, String) {
    let verdict = transactions(history, promise);
    assert_eq!(verdict.found, 1, "{verdict}");
    (
        verdict.anomalies[0].name.clone(),
        verdict.anomalies[0].explanation.clone(),
    )
}

fn name(history: &[Transaction]) -> String {
    only(history, Promise::Serializable).0
}

#[test]
fn g0_two_lists_in_opposite_orders() {
    let history = [
        at_once(vec![append("x", "1"), append("y", "1")]),
        at_once(vec![append("x", "2"), append("y", "2")]),
        at_once(vec![list("x", &["1", "2"])]),
        at_once(vec![list("y", &["2", "1"])]),
    ];
    let (name, text) = only(&history, Promise::Serializable);
    assert_eq!(name, "g0", "{text}");
    assert!(
        text.contains("T1 wrote `x` over it") && text.contains("T0 wrote `y` over it"),
        "{text}"
    );
}

#[test]
fn g1a_a_read_of_what_failed() {
    let failed = Transaction {
        outcome: Outcome::Failed,
        ..at_once(vec![append("x", "1")])
    };
    assert_eq!(name(&[failed, at_once(vec![list("x", &["1"])])]), "g1a");
}

#[test]
fn g1b_a_read_of_what_was_not_the_last_word() {
    let writer = at_once(vec![append("x", "1"), append("x", "2")]);
    let all = at_once(vec![list("x", &["1", "2"])]);
    let half = at_once(vec![list("x", &["1"])]);
    let verdict = transactions(&[writer, all, half], Promise::Serializable);
    assert!(verdict.has("g1b"), "{verdict}");
}

#[test]
fn g1c_each_saw_the_other() {
    let history = [
        at_once(vec![write("x", "1", 1), read("y", Some("1"))]),
        at_once(vec![write("y", "1", 2), read("x", Some("1"))]),
    ];
    assert_eq!(name(&history), "g1c");
}

#[test]
fn g_single_half_of_a_transaction_was_seen() {
    let history = [
        at_once(vec![append("x", "1"), append("y", "1")]),
        at_once(vec![list("x", &["1"]), list("y", &[])]),
        at_once(vec![list("y", &["1"])]),
    ];
    let (name, text) = only(&history, Promise::Serializable);
    assert_eq!(name, "g-single", "{text}");
    assert!(
        text.contains("T1 read its `x`") && text.contains("it did not see the `y` of T0"),
        "{text}"
    );
}

#[test]
fn a_lost_update_of_a_register_is_named_as_such() {
    let history = [
        at_once(vec![read("x", None), write("x", "1", 1)]),
        at_once(vec![read("x", None), write("x", "2", 2)]),
    ];
    let verdict = transactions(&history, Promise::Serializable);
    assert!(verdict.has("lost-update") && verdict.has("g-single"), "{verdict}");
}

#[test]
fn g2_write_skew() {
    let history = [
        at_once(vec![read("x", None), write("y", "1", 1)]),
        at_once(vec![read("y", None), write("x", "1", 2)]),
    ];
    assert_eq!(name(&history), "g2");
}

#[test]
fn a_long_fork_of_two_readers() {
    let history = [
        at_once(vec![write("x", "1", 1)]),
        at_once(vec![write("y", "1", 2)]),
        at_once(vec![read("x", Some("1")), read("y", None)]),
        at_once(vec![read("y", Some("1")), read("x", None)]),
    ];
    assert_eq!(name(&history), "long-fork");
}

#[test]
fn lists_that_disagree_have_no_order_and_a_value_from_nowhere_no_writer() {
    let history = [
        at_once(vec![append("x", "1")]),
        at_once(vec![append("x", "2")]),
        at_once(vec![list("x", &["1", "2"])]),
        at_once(vec![list("x", &["2"])]),
    ];
    assert_eq!(name(&history), "incompatible-order");
    assert_eq!(name(&[at_once(vec![read("x", Some("9"))])]), "read-of-nothing");
    let two = [
        at_once(vec![write("x", "1", 7)]),
        at_once(vec![write("x", "2", 7)]),
    ];
    assert_eq!(name(&two), "two-at-one-version");
}

#[test]
fn a_transaction_that_does_not_see_what_it_appended_itself_is_named() {
    let sees = |values: &[&str]| {
        let own = vec![append("x", "2"), append("x", "3"), list("x", values)];
        [at_once(vec![append("x", "1")]), at_once(own)]
    };
    assert!(transactions(&sees(&["1", "2", "3"]), Promise::Strict).is_clean());
    assert!(transactions(&sees(&["2", "3"]), Promise::Strict).is_clean());
    for values in [&["1"][..], &["1", "2"], &[]] {
        let verdict = transactions(&sees(values), Promise::Serializable);
        assert!(verdict.has("internal"), "{values:?}: {verdict}");
    }
}

#[test]
fn a_stale_read_is_wrong_for_the_strict_promise_alone() {
    let history = [
        at((1, 2), vec![write("x", "1", 1)]),
        at((3, 4), vec![write("x", "2", 2)]),
        at((5, 6), vec![read("x", Some("1"))]),
    ];
    assert!(transactions(&history, Promise::Serializable).is_clean());
    let (name, text) = only(&history, Promise::Strict);
    assert_eq!(name, "g-single-realtime", "{text}");
    assert!(
        text.contains("T1 (client 1, 3..4: x := 2): it was answered before T2 was asked for"),
        "{text}"
    );
}

#[test]
fn an_append_that_vanished_is_found_by_time() {
    let history = [
        at((1, 2), vec![append("x", "1")]),
        at((3, 4), vec![append("x", "2")]),
        at((5, 6), vec![list("x", &["1"])]),
    ];
    assert!(transactions(&history, Promise::Serializable).is_clean());
    assert_eq!(only(&history, Promise::Strict).0, "g-single-realtime");
}

#[test]
fn versions_against_time_are_g0_realtime() {
    let history = [
        at((1, 2), vec![write("x", "1", 9)]),
        at((3, 4), vec![write("x", "2", 3)]),
    ];
    assert!(transactions(&history, Promise::Serializable).is_clean());
    assert_eq!(only(&history, Promise::Strict).0, "g0-realtime");
}

#[test]
fn an_unknown_outcome_may_have_been_seen_or_not() {
    let unknown = |steps| Transaction {
        outcome: Outcome::Unknown,
        completed: 0,
        ..at_once(steps)
    };
    let write_unknown = Step::Write {
        key: "x".into(),
        value: "1".into(),
        version: None,
    };
    let seen = [
        unknown(vec![write_unknown.clone()]),
        at((3, 4), vec![read("x", Some("1"))]),
    ];
    let not = [unknown(vec![write_unknown]), at((3, 4), vec![read("x", None)])];
    assert!(
        transactions(&seen, Promise::Strict).is_clean() && transactions(&not, Promise::Strict).is_clean()
    );
}

#[test]
fn one_stale_read_in_a_long_history_is_the_one_circle() {
    let mut history = correct(&mut Random::new(3), 20_000, 40);
    assert!(transactions(&history, Promise::Strict).is_clean());
    let written = history[100..]
        .iter()
        .flat_map(|transaction| &transaction.steps)
        .find_map(|step| match step {
            Step::Write { key, value, .. } => Some((key.clone(), value.clone())),
            _ => None,
        });
    let (key, value) = written.expect("somebody wrote");
    history.push(at(
        (900_000, 900_001),
        vec![Step::Read {
            key,
            value: Some(value),
        }],
    ));
    let (name, text) = only(&history, Promise::Strict);
    assert_eq!(name, "g-single-realtime");
    assert_eq!(text.lines().count(), 3, "{text}");
}

proptest! {
    #[test]
    fn what_a_correct_store_did_is_accepted(seed in any::<u64>(), keys in 1u64..6) {
        let verdict = transactions(&correct(&mut Random::new(seed), 200, keys), Promise::Strict);
        prop_assert!(verdict.is_clean(), "{}", verdict);
    }
}
