//! How far the slowest member of the effective set is behind, in bytes and in time: past either bound async writes wait as
//! sync ones do. The bound in entries is the machine's own.

use std::collections::VecDeque;

use cell_replica::Moment;
use platform_model::Position;
use platform_model::replica_set::{ASYNC_LAG_BYTES, ASYNC_LAG_MICROS};

/// Entries that are told apart. Behind them what comes is counted with the last.
const ENTRIES_MAX: usize = 1_024;

/// Entries of a primary that are not committed.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    entries: VecDeque<Waiting>,
    bytes: u64,
}

#[derive(Debug)]
struct Waiting {
    position: Position,
    bytes: u64,
    /// When it was sealed.
    since: Moment,
}

impl Lag {
    /// An entry was sealed.
    pub(crate) fn push(&mut self, now: Moment, position: Position, bytes: usize) {
        let bytes = bytes as u64;
        self.bytes = self.bytes.saturating_add(bytes);
        let is_full = self.entries.len() >= ENTRIES_MAX;
        match self.entries.back_mut().filter(|_| is_full) {
            Some(last) => {
                last.position = position;
                last.bytes = last.bytes.saturating_add(bytes);
            }
            None => self.entries.push_back(Waiting {
                position,
                bytes,
                since: now,
            }),
        }
    }

    /// Everything up to here is committed.
    pub(crate) fn committed(&mut self, upto: Position) {
        while let Some(first) = self.entries.front()
            && first.position <= upto
        {
            self.bytes = self.bytes.saturating_sub(first.bytes);
            self.entries.pop_front();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    /// Whether async writes that are durable may be answered.
    pub(crate) fn is_within(&self, now: Moment) -> bool {
        let oldest = self.entries.front();
        let is_young = oldest.is_none_or(|entry| now.since(entry.since) <= ASYNC_LAG_MICROS);
        is_young && self.bytes <= ASYNC_LAG_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_too_long_closes_until_it_is_committed() {
        let mut lag = Lag::default();
        assert!(lag.is_within(Moment(u64::MAX)), "nothing waits");
        lag.push(Moment(5), Position(1), 1);
        lag.push(Moment(5 + ASYNC_LAG_MICROS), Position(2), 1);
        assert!(lag.is_within(Moment(5 + ASYNC_LAG_MICROS)));
        assert!(!lag.is_within(Moment(6 + ASYNC_LAG_MICROS)));
        lag.committed(Position(1));
        assert!(
            lag.is_within(Moment(6 + ASYNC_LAG_MICROS)),
            "the other is younger"
        );
        lag.clear();
        assert!(lag.is_within(Moment(u64::MAX)));
    }

    #[test]
    fn too_many_bytes_close_until_some_are_committed() {
        let half = usize::try_from(ASYNC_LAG_BYTES / 2).expect("it fits");
        let mut lag = Lag::default();
        lag.push(Moment(1), Position(1), half);
        lag.push(Moment(1), Position(2), half);
        assert!(lag.is_within(Moment(1)));
        lag.push(Moment(1), Position(3), 1);
        assert!(!lag.is_within(Moment(1)));
        lag.committed(Position(1));
        assert!(lag.is_within(Moment(1)));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_loses_neither_bytes_nor_the_oldest() {
        let mut lag = Lag::default();
        let all = 3 * ENTRIES_MAX as u64;
        for position in 1..=all {
            lag.push(Moment(position), Position(position), 10);
        }
        assert_eq!((lag.entries.len(), lag.bytes), (ENTRIES_MAX, all * 10));
        assert_eq!(lag.entries.front().map(|entry| entry.since), Some(Moment(1)));
        lag.committed(Position(all));
        assert_eq!((lag.entries.len(), lag.bytes), (0, 0));
    }
}
