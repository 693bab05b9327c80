//! The epoch history: where each epoch began. It tells whether a pair that a caller brings is still in the log.

use platform_model::{Epoch, EpochPosition, Position};

use crate::limits::EPOCHS_KEPT;

/// Starts of epochs, oldest first. The position of a start is that of the epoch's `term` entry.
#[derive(Debug, Clone, Default)]
pub(crate) struct EpochHistory {
    starts: Vec<(Epoch, Position)>,
}

impl EpochHistory {
    pub(crate) fn new(mut starts: Vec<(Epoch, Position)>) -> Self {
        starts.sort_unstable();
        Self { starts }
    }

    /// Notes a new epoch. Returns those that fall out of the history.
    pub(crate) fn begin(&mut self, epoch: Epoch, start: Position) -> Vec<Epoch> {
        if self.starts.last().is_some_and(|(last, _)| *last == epoch) {
            return Vec::new();
        }
        self.starts.push((epoch, start));
        let surplus = self.starts.len().saturating_sub(EPOCHS_KEPT);
        self.starts.drain(..surplus).map(|(epoch, _)| epoch).collect()
    }

    /// Where an epoch began, if it is known.
    pub(crate) fn start_of(&self, epoch: Epoch) -> Option<Position> {
        self.starts
            .iter()
            .find(|(other, _)| *other == epoch)
            .map(|(_, start)| *start)
    }

    /// The epoch of the entry at a position, as far as is remembered.
    pub(crate) fn epoch_at(&self, position: Position) -> Epoch {
        let before = self.starts.iter().rev().find(|(_, start)| *start <= position);
        before.map_or(Epoch(0), |(epoch, _)| *epoch)
    }

    /// Whether the state at `seen` is part of this log, of which up to `committed` was ever shown.
    pub(crate) fn holds(&self, seen: EpochPosition, committed: Position) -> bool {
        let Some((newest, _)) = self.starts.last() else {
            return false;
        };
        if seen.epoch > *newest || seen.position > committed {
            return false;
        }
        let next = self.starts.iter().find(|(epoch, _)| *epoch > seen.epoch);
        next.is_none_or(|(_, start)| seen.position < *start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(text: &str) -> EpochPosition {
        text.parse().expect("a pair")
    }

    #[test]
    fn a_pair_behind_the_end_of_its_epoch_is_lost() {
        let history = EpochHistory::new(vec![(Epoch(1), Position(1)), (Epoch(3), Position(50))]);
        let committed = Position(60);
        for kept in ["e1:1", "e1:49", "e2:49", "e3:50", "e3:60"] {
            assert!(history.holds(pair(kept), committed), "{kept}");
        }
        for lost in ["e1:50", "e2:50", "e3:61", "e4:1", "e4:60"] {
            assert!(!history.holds(pair(lost), committed), "{lost}");
        }
    }

    #[test]
    fn the_history_is_bounded() {
        let mut history = EpochHistory::default();
        let dropped: Vec<Epoch> = (1..=70)
            .flat_map(|n| history.begin(Epoch(n), Position(n * 10)))
            .collect();
        assert_eq!(dropped.len(), 70 - EPOCHS_KEPT);
        assert!(
            history.begin(Epoch(70), Position(999)).is_empty(),
            "a restart begins no epoch"
        );
    }
}
