//! Known-bad histories, each by hand; correct ones by a model; and the size that a night of chaos records.

use proptest::prelude::*;

use super::*;
use crate::synthetic::{Random, registers};

fn operation(client: u64, times: (u64, u64), action: Action) -> Operation {
    Operation {
        client,
        key: "k".into(),
        invoked: times.0,
        completed: times.1,
        action,
        outcome: Outcome::Done,
    }
}

fn write(client: u64, times: (u64, u64), value: &str) -> Operation {
    operation(client, times, Action::Write(value.into()))
}

fn read(client: u64, times: (u64, u64), value: &str) -> Operation {
    operation(client, times, Action::Read(Some(value.into())))
}

fn absent(client: u64, times: (u64, u64)) -> Operation {
    operation(client, times, Action::Read(None))
}

fn with(outcome: Outcome, operation: Operation) -> Operation {
    Operation { outcome, ..operation }
}

#[test]
fn concurrent_writes_may_stand_in_either_order() {
    for last in ["a", "b"] {
        let history = [
            write(1, (1, 9), "a"),
            write(2, (2, 8), "b"),
            read(3, (10, 11), last),
        ];
        assert!(linearizable(&history).is_clean(), "{last}");
    }
}

#[test]
fn a_stale_read_is_shown_with_the_writes_that_make_it_stale_and_nothing_else() {
    let mut history = Vec::new();
    for number in 0..500 {
        let at = 10 * number;
        history.push(write(1, (at, at + 2), &format!("v{number}")));
        history.push(read(2, (at + 3, at + 5), &format!("v{number}")));
    }
    assert!(linearizable(&history).is_clean());
    history.push(read(3, (4_006, 4_009), "v77"));
    let verdict = linearizable(&history);
    assert!(verdict.has("not-linearizable"), "{verdict}");
    let lines: Vec<&str> = verdict.anomalies[0].explanation.lines().collect();
    assert_eq!(lines.len(), 4, "{verdict}");
    assert!(
        lines[0].contains("no order explains these 3 operations"),
        "{verdict}"
    );
    assert!(lines[1].contains("wrote `v77` (770..772)"), "{verdict}");
    assert!(lines[3].contains("read  `v77` (4006..4009)"), "{verdict}");
}

#[test]
fn a_lost_write_a_split_brain_and_a_read_back_in_time_are_refused() {
    let lost = [write(1, (1, 2), "a"), absent(2, (3, 4))];
    let flicker = [
        with(Outcome::Unknown, write(1, (1, 0), "a")),
        read(2, (3, 4), "a"),
        absent(2, (5, 6)),
    ];
    // Two servers, each with its own last write.
    let split = [
        write(1, (1, 2), "a"),
        write(2, (3, 4), "b"),
        read(3, (5, 6), "b"),
        read(4, (7, 8), "a"),
    ];
    for history in [lost.to_vec(), flicker.to_vec(), split.to_vec()] {
        assert!(linearizable(&history).has("not-linearizable"), "{history:?}");
    }
}

#[test]
fn what_failed_or_was_never_written_may_be_read_by_nobody() {
    let failed = [with(Outcome::Failed, write(1, (1, 2), "a")), read(2, (3, 4), "a")];
    assert!(linearizable(&failed).has("read-of-failed"));
    assert!(linearizable(&[read(1, (1, 2), "a")]).has("read-of-nothing"));
}

#[test]
fn an_unknown_write_stays_open_and_takes_place_late_or_never() {
    let unknown = || with(Outcome::Unknown, write(1, (1, 0), "a"));
    let late = [
        unknown(),
        write(2, (10, 11), "b"),
        read(3, (12, 13), "b"),
        read(3, (900, 901), "a"),
    ];
    let never = [
        unknown(),
        write(2, (10, 11), "b"),
        read(3, (12, 13), "b"),
        read(3, (900, 901), "b"),
    ];
    assert!(linearizable(&late).is_clean() && linearizable(&never).is_clean());
    let twice = [late.as_slice(), &[read(3, (910, 911), "b")]].concat();
    assert!(
        linearizable(&twice).has("not-linearizable"),
        "it can take place once"
    );
}

#[test]
fn keys_are_judged_apart() {
    let other = Operation {
        key: "other".into(),
        ..absent(2, (3, 4))
    };
    assert!(linearizable(&[write(1, (1, 2), "a"), other]).is_clean());
}

#[test]
fn a_long_history_is_judged_whole_and_one_stale_read_in_it_is_found() {
    let mut random = Random::new(7);
    let mut history = registers(&mut random, 60_000, 20, 16);
    assert!(linearizable(&history).is_clean());
    let last = history
        .iter()
        .map(|operation| operation.completed)
        .max()
        .unwrap_or(0);
    history.push(Operation {
        key: "k3".into(),
        ..absent(99, (last + 1, last + 2))
    });
    let verdict = linearizable(&history);
    assert_eq!(verdict.found, 1, "{verdict}");
    assert!(verdict.anomalies[0].explanation.lines().count() <= 4, "{verdict}");
}

proptest! {
    #[test]
    fn what_a_correct_store_answered_is_accepted(seed in any::<u64>(), keys in 1u64..4, clients in 1u64..12) {
        let history = registers(&mut Random::new(seed), 300, keys, clients);
        let verdict = linearizable(&history);
        prop_assert!(verdict.is_clean(), "{}", verdict);
    }

    /// By every order there is, for histories that are small enough.
    #[test]
    fn the_search_agrees_with_every_order(seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let history = scrambled(&mut random);
        let verdict = linearizable(&history);
        prop_assert_eq!(verdict.is_clean(), some_order(&history), "{}", verdict);
    }
}

/// Six operations on one key, in any times, with any values of three.
fn scrambled(random: &mut Random) -> Vec<Operation> {
    let one = |_| {
        let invoked = random.below(12);
        let completed = invoked + 1 + random.below(6);
        let value = ["a", "b", "c"][usize::try_from(random.below(3)).unwrap_or(0)];
        let operation = match random.below(5) {
            0 => absent(0, (invoked, completed)),
            1 | 2 => read(0, (invoked, completed), value),
            _ => write(0, (invoked, completed), value),
        };
        let outcome = [
            Outcome::Done,
            Outcome::Done,
            Outcome::Done,
            Outcome::Failed,
            Outcome::Unknown,
        ];
        with(outcome[usize::try_from(random.below(5)).unwrap_or(0)], operation)
    };
    (0..6).map(one).collect()
}

/// Tries all orders of all subsets that leave out unknown operations only.
fn some_order(history: &[Operation]) -> bool {
    let live: Vec<&Operation> = history
        .iter()
        .filter(|operation| operation.outcome != Outcome::Failed)
        .collect();
    explore(&live, &mut vec![false; live.len()], None)
}

fn explore(live: &[&Operation], placed: &mut Vec<bool>, state: Option<&str>) -> bool {
    let is_open = |i: usize| live[i].outcome == Outcome::Unknown;
    if (0..live.len()).all(|i| placed[i] || is_open(i)) {
        return true;
    }
    for i in 0..live.len() {
        let too_early =
            (0..live.len()).any(|j| !placed[j] && !is_open(j) && live[j].completed < live[i].invoked);
        if placed[i] || too_early {
            continue;
        }
        let after = match &live[i].action {
            Action::Write(value) => Some(value.as_str()),
            Action::Read(value) if is_open(i) || value.as_deref() == state => state,
            Action::Read(_) => continue,
        };
        placed[i] = true;
        let found = explore(live, placed, after);
        placed[i] = false;
        if found {
            return true;
        }
    }
    false
}
