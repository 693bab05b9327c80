//! Small histories by hand, and a property: what a correct system recorded is accepted, what was tampered with is
//! not (when the tampering cannot be explained).

use super::*;
use proptest::prelude::*;

fn get(key: &str, value: Option<&str>) -> Read {
    Read::Key {
        key: key.into(),
        value: value.map(Into::into),
    }
}

fn put(key: &str, value: &str) -> Write {
    Write::Put {
        key: key.into(),
        value: value.into(),
    }
}

fn list(rows: &[(&str, &str)]) -> Read {
    let rows = rows
        .iter()
        .map(|(key, value)| ((*key).into(), (*value).into()))
        .collect();
    Read::Range {
        start: b"a".to_vec(),
        end: b"z".to_vec(),
        limit: 10,
        reverse: false,
        rows,
    }
}

fn operation(times: (u64, u64), reads: Vec<Read>, writes: Vec<Write>) -> Operation {
    let (invoked, completed) = times;
    Operation {
        client: 0,
        invoked,
        completed,
        reads,
        writes,
        outcome: Outcome::Done,
        witness: None,
    }
}

fn check(operations: Vec<Operation>) -> Result<Report, Violation> {
    strict_serializable(&History {
        initial: Vec::new(),
        operations,
    })
}

#[test]
fn concurrent_writes_may_stand_in_either_order() {
    let order = |seen: &str| {
        check(vec![
            operation((1, 9), vec![], vec![put("a", "1")]),
            operation((2, 8), vec![], vec![put("a", "2")]),
            operation((10, 11), vec![get("a", Some(seen))], vec![]),
        ])
    };
    assert!(order("1").is_ok() && order("2").is_ok());
    assert!(order("3").is_err());
}

#[test]
fn a_read_older_than_an_answered_write_is_refused() {
    let stale = check(vec![
        operation((1, 2), vec![], vec![put("a", "1")]),
        operation((3, 4), vec![get("a", None)], vec![]),
    ]);
    let Err(Violation::NoOrder { explanation }) = stale else {
        panic!("accepted: {stale:?}")
    };
    assert!(
        explanation.contains("read `a` as absent, but it is `1`"),
        "{explanation}"
    );
}

#[test]
fn two_reads_that_disagree_on_the_order_of_writes_are_refused() {
    let split = check(vec![
        operation((1, 20), vec![], vec![put("a", "1")]),
        operation((1, 20), vec![], vec![put("b", "1")]),
        operation((2, 19), vec![get("a", Some("1")), get("b", None)], vec![]),
        operation((2, 19), vec![get("a", None), get("b", Some("1"))], vec![]),
    ]);
    assert!(split.is_err());
}

#[test]
fn a_lost_update_is_refused() {
    let lost = check(vec![
        operation((1, 9), vec![get("n", None)], vec![put("n", "1")]),
        operation((2, 8), vec![get("n", None)], vec![put("n", "1b")]),
    ]);
    assert!(lost.is_err());
}

#[test]
fn a_phantom_is_refused() {
    let phantom = check(vec![
        operation((1, 9), vec![list(&[])], vec![put("b", "1")]),
        operation((2, 8), vec![list(&[])], vec![put("c", "1")]),
    ]);
    assert!(phantom.is_err());
}

#[test]
fn what_failed_may_be_seen_by_nobody() {
    let mut failed = operation((1, 2), vec![], vec![put("a", "1")]);
    failed.outcome = Outcome::Failed;
    let seen = check(vec![failed, operation((3, 4), vec![get("a", Some("1"))], vec![])]);
    let Err(Violation::NoOrder { explanation }) = seen else {
        panic!("accepted: {seen:?}")
    };
    assert!(explanation.contains("FAILED"), "{explanation}");
}

#[test]
fn an_unknown_outcome_may_take_place_late_or_never() {
    let after = |seen: Option<&str>, then: Option<&str>| {
        let mut unknown = operation((1, 0), vec![], vec![put("a", "1")]);
        unknown.outcome = Outcome::Unknown;
        let reads = [
            operation((3, 4), vec![get("a", seen)], vec![]),
            operation((5, 6), vec![get("a", then)], vec![]),
        ];
        check(std::iter::once(unknown).chain(reads).collect())
    };
    assert!(after(None, None).is_ok());
    assert!(after(None, Some("1")).is_ok());
    assert!(after(Some("1"), Some("1")).is_ok());
    assert!(after(Some("1"), None).is_err());
}

#[test]
fn the_order_of_the_log_must_agree_with_real_time() {
    let named = |first: u64, second: u64| {
        let mut operations = vec![
            operation((1, 2), vec![], vec![put("a", "1")]),
            operation((3, 4), vec![], vec![put("b", "1")]),
        ];
        operations[0].witness = Some((first, 0));
        operations[1].witness = Some((second, 0));
        check(operations)
    };
    assert!(named(1, 2).is_ok());
    let Err(Violation::NoOrder { explanation }) = named(2, 1) else {
        panic!("accepted")
    };
    assert!(explanation.contains("asked for only after"), "{explanation}");
}

/// Runs operations one by one on a model, each at a random instant inside a random interval around it.
fn run(steps: &[(u8, u8, bool, u8)]) -> Vec<Operation> {
    let mut model = std::collections::BTreeMap::new();
    let mut operations = Vec::new();
    for (i, (key, value, writes, slack)) in steps.iter().enumerate() {
        let (key, slack) = (vec![*key % 4], u64::from(*slack % 50));
        let instant = 100 + 10 * i as u64;
        let reads = vec![Read::Key {
            key: key.clone(),
            value: model.get(&key).cloned(),
        }];
        let value = vec![*value, i as u8];
        let writes = if *writes {
            vec![Write::Put {
                key: key.clone(),
                value: value.clone(),
            }]
        } else {
            vec![]
        };
        if !writes.is_empty() {
            model.insert(key, value);
        }
        operations.push(operation((instant - slack, instant + slack), reads, writes));
    }
    operations
}

proptest! {
    #[test]
    fn what_a_correct_system_recorded_is_accepted(steps in prop::collection::vec(any::<(u8, u8, bool, u8)>(), 1..60)) {
        prop_assert!(check(run(&steps)).is_ok());
    }

    #[test]
    fn a_value_that_nobody_wrote_is_refused(
        steps in prop::collection::vec(any::<(u8, u8, bool, u8)>(), 1..40),
        at in any::<prop::sample::Index>(),
    ) {
        let mut operations = run(&steps);
        let at = at.index(operations.len());
        operations[at].reads = vec![Read::Key { key: vec![0], value: Some(vec![1, 2, 3]) }];
        prop_assert!(check(operations).is_err());
    }
}
