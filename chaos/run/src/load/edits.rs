//! Changes of one title, one after the other: writes that are acknowledged before the standbys have them. A failover may
//! take the newest of them back; the next read shows which.

use std::collections::BTreeSet;

use chaos::checkers::acknowledged::{Counts, Mode, Write, acknowledged};
use chaos::history::Outcome;
use chaos::verdict::Verdict;

/// What one client changed, and what it read of it in between.
#[derive(Debug, Clone, Default)]
pub struct Edits {
    /// Of the first change, the second, ...
    outcomes: Vec<Outcome>,
    /// Acknowledged, and a later read did not show them.
    lost: BTreeSet<usize>,
    /// Reads that showed less than a read after them, with no change in between.
    stale: Vec<String>,
}

/// The title of a change, from 1.
pub fn title(number: usize) -> String {
    format!("edit {number}")
}

/// The change of which a title is; 0: of none.
pub fn number_of(title: Option<&str>) -> usize {
    let number = title.and_then(|title| title.strip_prefix("edit "));
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

impl Edits {
    /// The next change ended.
    pub fn ended(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    /// The newest change that was acknowledged; 0: none.
    pub fn newest(&self) -> usize {
        let newest = self
            .outcomes
            .iter()
            .rposition(|outcome| *outcome == Outcome::Done);
        newest.map_or(0, |at| at + 1)
    }

    /// A read after the last change that ended, and a second one after that.
    pub fn read(&mut self, shown: usize, again: usize) {
        if again > shown {
            self.stale.push(format!(
                "change {shown} was shown, and change {again} right after"
            ));
        }
        let acknowledged = |number: &usize| self.outcomes[number - 1] == Outcome::Done;
        let gone = (again + 1..=self.newest()).filter(acknowledged);
        self.lost.extend(gone.collect::<Vec<_>>());
    }

    /// How many were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.outcomes
            .iter()
            .filter(|outcome| **outcome == Outcome::Done)
            .count()
    }

    /// Compares what was lost with the bound that holds for this person's shard.
    pub fn judge(&self, who: &str, lost_max: usize) -> (Verdict, Counts) {
        let id = |number: usize| format!("{who} {}", title(number));
        let writes = self.outcomes.iter().enumerate().map(|(at, outcome)| Write {
            id: id(at + 1),
            mode: Mode::Async,
            outcome: *outcome,
        });
        let writes: Vec<Write> = writes.collect();
        let is_there =
            |number: &usize| self.outcomes[number - 1] == Outcome::Done && !self.lost.contains(number);
        let found: Vec<String> = (1..=writes.len()).filter(is_there).map(id).collect();
        let (mut verdict, counts) = acknowledged(&writes, &found, lost_max);
        verdict.checker = "async-acknowledged".to_owned();
        for stale in &self.stale {
            verdict.add("stale-read", format!("{who}: {stale}"));
        }
        (verdict, counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits(outcomes: &[Outcome]) -> Edits {
        let mut edits = Edits::default();
        for outcome in outcomes {
            edits.ended(*outcome);
        }
        edits
    }

    #[test]
    fn what_a_failover_took_back_is_counted_once_against_the_bound() {
        let mut edits = edits(&[Outcome::Done; 30]);
        edits.read(30, 30);
        assert_eq!(edits.judge("a", 0).1.async_lost, 0);
        edits.read(28, 28);
        edits.read(27, 27);
        let (verdict, counts) = edits.judge("a", 24);
        assert_eq!(
            (verdict.found, counts.async_lost, counts.acknowledged),
            (0, 3, 30)
        );
        let (verdict, _) = edits.judge("a", 2);
        assert!(verdict.has("async-past-bound"), "{verdict}");
    }

    #[test]
    fn one_lost_where_nothing_may_be_is_caught() {
        let mut edits = edits(&[Outcome::Done, Outcome::Unknown, Outcome::Done]);
        edits.read(2, 2);
        assert!(edits.judge("a", 0).0.has("async-past-bound"));
    }

    #[test]
    fn a_read_that_showed_less_than_the_next_is_stale_and_nothing_is_lost() {
        let mut edits = edits(&[Outcome::Done; 3]);
        edits.read(2, 3);
        let (verdict, counts) = edits.judge("a", 24);
        assert!(verdict.has("stale-read"), "{verdict}");
        assert_eq!(counts.async_lost, 0);
    }

    #[test]
    fn what_was_never_answered_may_be_there_or_not() {
        let mut edits = edits(&[Outcome::Done, Outcome::Unknown]);
        edits.read(1, 1);
        edits.read(2, 2);
        let (verdict, counts) = edits.judge("a", 0);
        assert_eq!((verdict.found, verdict.unknown, counts.async_lost), (0, 1, 0));
    }

    #[test]
    fn a_title_names_its_change() {
        assert_eq!(number_of(Some(&title(7))), 7);
        assert_eq!(number_of(Some("Morning ride")), 0);
        assert_eq!(number_of(None), 0);
    }
}
