//! Operations on names as transactions. Whoever writes a name reads the profile and writes its next version: what he
//! read is the name of the version before. Of two who read one version, and both wrote the next, one update is lost,
//! which no order of blind writes shows.

use std::collections::BTreeMap;

use chaos::checkers::linearizable::{Action, Operation};
use chaos::checkers::transactions::{Step, Transaction};
use platform_model::EpochPosition;

/// `pairs` and `versions`: where each name stands in its shard's log, and which version of the profile it made, as far
/// as answers told. A write whose version, or the one name of the version before, is not known stands as a blind one.
pub(super) fn as_transactions(
    operations: &[Operation],
    pairs: &BTreeMap<String, EpochPosition>,
    versions: &BTreeMap<String, u64>,
) -> Vec<Transaction> {
    let alone = alone_in_their_entry(operations, pairs);
    let named = by_version(operations, versions);
    let seen = |key: &str, value: &str| {
        let before = versions.get(value)?.checked_sub(1)?;
        match named.get(&(key, before))?.as_slice() {
            [one] => Some((*one).to_owned()),
            _ => None,
        }
    };
    let steps = |operation: &Operation| {
        let key = operation.key.clone();
        match &operation.action {
            Action::Read(value) => vec![read(key, value.clone())],
            Action::Write(value) => {
                let seen = seen(&key, value).map(|name| read(key.clone(), Some(name)));
                let pair = alone.get(&(key.as_str(), value.as_str()));
                let write = Step::Write {
                    version: pair.map(|pair| (pair.epoch.0, pair.position.0)),
                    value: value.clone(),
                    key,
                };
                seen.into_iter().chain([write]).collect()
            }
        }
    };
    let transaction = |operation: &Operation| Transaction {
        client: operation.client,
        invoked: operation.invoked,
        completed: operation.completed,
        steps: steps(operation),
        outcome: operation.outcome,
    };
    operations.iter().map(transaction).collect()
}

fn read(key: String, value: Option<String>) -> Step {
    Step::Read { key, value }
}

/// Every name that was written, with whose it is.
fn written(operations: &[Operation]) -> impl Iterator<Item = (&str, &str)> {
    operations.iter().filter_map(|operation| match &operation.action {
        Action::Write(name) => Some((operation.key.as_str(), name.as_str())),
        Action::Read(_) => None,
    })
}

/// The pairs of names. Those of one entry of the log share a pair: that says nothing of their order.
fn alone_in_their_entry<'a>(
    operations: &'a [Operation],
    pairs: &BTreeMap<String, EpochPosition>,
) -> BTreeMap<(&'a str, &'a str), EpochPosition> {
    let mut sharing: BTreeMap<(&str, EpochPosition), Vec<&str>> = BTreeMap::new();
    for (key, name) in written(operations) {
        if let Some(pair) = pairs.get(name) {
            sharing.entry((key, *pair)).or_default().push(name);
        }
    }
    let alone = sharing
        .into_iter()
        .filter_map(|((key, pair), names)| match names[..] {
            [name] => Some(((key, name), pair)),
            _ => None,
        });
    alone.collect()
}

/// The names that made each version of each profile: one, unless an update was lost.
fn by_version<'a>(
    operations: &'a [Operation],
    versions: &BTreeMap<String, u64>,
) -> BTreeMap<(&'a str, u64), Vec<&'a str>> {
    let mut named: BTreeMap<(&str, u64), Vec<&str>> = BTreeMap::new();
    for (key, name) in written(operations) {
        if let Some(version) = versions.get(name) {
            named.entry((key, *version)).or_default().push(name);
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use chaos::checkers::linearizable;
    use chaos::checkers::transactions::{Promise, transactions};
    use chaos::history::Outcome;
    use chaos::verdict::Verdict;
    use platform_model::{Epoch, Position};

    use super::*;

    /// Names of one person, each written after the one before was answered, with position in the log and version.
    fn renamed(names: &[(&str, Option<u64>, Option<u64>)]) -> (Vec<Operation>, Verdict) {
        let operation = |(at, (name, ..)): (usize, &(&str, Option<u64>, Option<u64>))| Operation {
            client: at as u64,
            key: "ann".to_owned(),
            invoked: at as u64 * 10,
            completed: at as u64 * 10 + 5,
            action: Action::Write((*name).to_owned()),
            outcome: Outcome::Done,
        };
        let operations: Vec<Operation> = names.iter().enumerate().map(operation).collect();
        let pair = |position: u64| EpochPosition {
            epoch: Epoch(1),
            position: Position(position),
        };
        let known = |name: &str| name.to_owned();
        let pairs = names
            .iter()
            .filter_map(|(name, at, _)| Some((known(name), pair((*at)?))));
        let versions = names
            .iter()
            .filter_map(|(name, _, version)| Some((known(name), (*version)?)));
        let history = as_transactions(&operations, &pairs.collect(), &versions.collect());
        let verdict = transactions(&history, Promise::Strict);
        (operations, verdict)
    }

    #[test]
    fn two_names_of_one_version_are_a_lost_update_that_no_order_of_writes_shows() {
        let lost = [
            ("ann", None, Some(1)),
            ("a", Some(5), Some(2)),
            ("b", Some(6), Some(2)),
        ];
        let (operations, verdict) = renamed(&lost);
        assert!(verdict.has("lost-update"), "{verdict}");
        assert!(linearizable(&operations).is_clean());
        // In one entry of the log, too.
        let (_, verdict) = renamed(&[lost[0], lost[1], ("b", Some(5), Some(2))]);
        assert!(verdict.has("lost-update"), "{verdict}");
    }

    #[test]
    fn names_of_versions_that_follow_each_other_are_clean() {
        let (_, verdict) = renamed(&[
            ("ann", None, Some(1)),
            ("a", Some(5), Some(2)),
            ("b", Some(6), Some(3)),
        ]);
        assert!(verdict.is_clean(), "{verdict}");
    }

    #[test]
    fn whose_version_or_the_one_before_is_not_known_is_a_blind_write() {
        for names in [
            [
                ("ann", None, None),
                ("a", Some(5), Some(2)),
                ("b", Some(6), Some(2)),
            ],
            [
                ("ann", None, Some(1)),
                ("a", Some(5), None),
                ("b", Some(6), Some(2)),
            ],
        ] {
            let (_, verdict) = renamed(&names);
            assert!(verdict.is_clean(), "{verdict}");
        }
    }
}
