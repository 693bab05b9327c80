//! Is everything there that was acknowledged, once, and nothing that was refused? Writes acknowledged before they were
//! copied (`async`) may be lost, but only so many, and each is counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::history::Outcome;
use crate::verdict::Verdict;

/// When a write was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// When all copies that count had it.
    Sync,
    /// Before.
    Async,
}

/// One write, by a name of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    pub id: String,
    pub mode: Mode,
    pub outcome: Outcome,
}

/// What the checker counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub acknowledged: usize,
    pub sync_lost: usize,
    pub async_lost: usize,
    /// Of unknown outcome, and there.
    pub unknown_there: usize,
}

/// Compares writes with what was found at the end. `async_lost_max`: the bound that was promised.
pub fn acknowledged(writes: &[Write], found: &[String], async_lost_max: usize) -> (Verdict, Counts) {
    let unknown = writes.iter().filter(|write| write.outcome == Outcome::Unknown);
    let mut verdict = Verdict::new("acknowledged", writes.len(), unknown.count());
    let (mut counts, mut there) = (Counts::default(), BTreeMap::<&str, usize>::new());
    for id in found {
        *there.entry(id).or_default() += 1;
    }
    for write in writes {
        let times = there.remove(write.id.as_str()).unwrap_or(0);
        judge(write, times, &mut verdict, &mut counts);
    }
    for id in there.keys() {
        verdict.add("out-of-nowhere", format!("`{id}` is there, and nobody wrote it"));
    }
    if counts.async_lost > async_lost_max {
        let lost = counts.async_lost;
        verdict.add(
            "async-past-bound",
            format!("{lost} lost, at most {async_lost_max} may be"),
        );
    }
    (verdict, counts)
}

fn judge(write: &Write, times: usize, verdict: &mut Verdict, counts: &mut Counts) {
    let id = &write.id;
    counts.acknowledged += usize::from(write.outcome == Outcome::Done);
    match (write.outcome, times) {
        (Outcome::Done, 0) if write.mode == Mode::Async => counts.async_lost += 1,
        (Outcome::Done, 0) => {
            counts.sync_lost += 1;
            verdict.add("lost", format!("`{id}` was acknowledged and is not there"));
        }
        (Outcome::Failed, 1..) => {
            verdict.add("refused-but-there", format!("`{id}` was refused and is there"))
        }
        (Outcome::Unknown, 1) => counts.unknown_there += 1,
        (_, 2..) => verdict.add("twice", format!("`{id}` is there {times} times")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(id: &str, mode: Mode, outcome: Outcome) -> Write {
        Write {
            id: id.into(),
            mode,
            outcome,
        }
    }

    fn ids(found: &[&str]) -> Vec<String> {
        found.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn all_that_was_acknowledged_once_and_what_is_unknown_once_or_never_is_clean() {
        let writes = [
            write("a", Mode::Sync, Outcome::Done),
            write("b", Mode::Sync, Outcome::Unknown),
            write("c", Mode::Sync, Outcome::Unknown),
            write("d", Mode::Sync, Outcome::Failed),
        ];
        let (verdict, counts) = acknowledged(&writes, &ids(&["b", "a"]), 0);
        assert!(verdict.is_clean(), "{verdict}");
        assert_eq!((counts.acknowledged, counts.unknown_there), (1, 1));
    }

    #[test]
    fn each_way_to_be_wrong_is_named() {
        let writes = [
            write("lost", Mode::Sync, Outcome::Done),
            write("twice", Mode::Sync, Outcome::Done),
            write("again", Mode::Sync, Outcome::Unknown),
            write("refused", Mode::Sync, Outcome::Failed),
        ];
        let found = ids(&["twice", "twice", "again", "again", "refused", "strange"]);
        let (verdict, counts) = acknowledged(&writes, &found, 0);
        let names: Vec<&str> = verdict
            .anomalies
            .iter()
            .map(|anomaly| anomaly.name.as_str())
            .collect();
        assert_eq!(
            names,
            ["lost", "twice", "twice", "refused-but-there", "out-of-nowhere"]
        );
        assert_eq!(counts.sync_lost, 1);
    }

    #[test]
    fn async_losses_are_counted_and_bounded() {
        let writes: Vec<Write> = (0..3)
            .map(|n| write(&format!("w{n}"), Mode::Async, Outcome::Done))
            .collect();
        let (verdict, counts) = acknowledged(&writes, &ids(&["w1"]), 2);
        assert!(verdict.is_clean() && counts.async_lost == 2, "{verdict}");
        let (verdict, _) = acknowledged(&writes, &ids(&["w1"]), 1);
        assert!(verdict.has("async-past-bound"));
    }

    #[test]
    fn one_lost_write_of_many_is_found() {
        let count = 100_000;
        let writes: Vec<Write> = (0..count)
            .map(|n| write(&n.to_string(), Mode::Sync, Outcome::Done))
            .collect();
        let found: Vec<String> = (1..count).map(|n| n.to_string()).collect();
        assert_eq!(acknowledged(&writes, &found, 0).1.sync_lost, 1);
    }
}
