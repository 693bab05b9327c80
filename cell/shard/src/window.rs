//! The window of recent writes, against which read sets are validated. It lies in memory only, belongs to one term
//! and is bounded; a transaction that read before its floor must be run again.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use cell_store::KeyRange;
use platform_model::Position;

use crate::buffer::WriteBuffer;

/// What a transaction has read: presence, absence and value alike.
#[derive(Debug, Default)]
pub(crate) struct ReadSet {
    pub keys: Vec<Bytes>,
    pub ranges: Vec<KeyRange>,
}

impl ReadSet {
    pub(crate) fn len(&self) -> usize {
        self.keys.len() + self.ranges.len()
    }
}

/// Which keys were written at which position, for all positions after `floor`.
#[derive(Debug)]
pub(crate) struct Window {
    floor: Position,
    /// The newest write of each key.
    points: HashMap<Bytes, Position>,
    ranges: VecDeque<(Position, KeyRange)>,
    entries: VecDeque<(Position, Vec<Bytes>)>,
    keys: usize,
    entries_max: usize,
    keys_max: usize,
}

impl Window {
    pub(crate) fn new(floor: Position, entries_max: usize, keys_max: usize) -> Self {
        Self {
            floor,
            points: HashMap::new(),
            ranges: VecDeque::new(),
            entries: VecDeque::new(),
            keys: 0,
            entries_max,
            keys_max,
        }
    }

    /// Takes in the writes of one transaction at `position`, which never falls.
    pub(crate) fn note(&mut self, position: Position, writes: &WriteBuffer) {
        if self.entries.back().is_none_or(|(last, _)| *last != position) {
            self.entries.push_back((position, Vec::new()));
        }
        let (_, noted) = self.entries.back_mut().expect("pushed above when there was none");
        for key in writes.keys() {
            self.points.insert(key.clone(), position);
            noted.push(key.clone());
        }
        self.ranges
            .extend(writes.ranges().iter().map(|range| (position, range.clone())));
        self.keys += writes.len();
    }

    /// Drops the oldest entries past the bounds. Never the newest, which may be pending.
    pub(crate) fn shrink(&mut self) {
        while self.entries.len() > 1 && (self.entries.len() > self.entries_max || self.keys > self.keys_max) {
            let (position, keys) = self.entries.pop_front().expect("more than one");
            self.floor = position;
            self.keys -= keys.len();
            for key in keys {
                if self.points.get(&key) == Some(&position) {
                    self.points.remove(&key);
                }
            }
            while self.ranges.front().is_some_and(|(at, _)| *at <= position) {
                self.ranges.pop_front();
                self.keys -= 1;
            }
        }
    }

    /// Forgets everything: whoever read before `floor` must run again.
    pub(crate) fn reset(&mut self, floor: Position) {
        *self = Self::new(floor, self.entries_max, self.keys_max);
    }

    /// The floor, if the window says nothing of some position after `read`.
    pub(crate) fn is_older(&self, read: Position) -> Option<Position> {
        (read < self.floor).then_some(self.floor)
    }

    /// The position of a write after `read` to one of the keys, if any.
    pub(crate) fn hits_key(&self, keys: &[Bytes], read: Position) -> Option<Position> {
        let point = |key: &Bytes| self.points.get(key).copied().filter(|at| *at > read);
        let cleared = |key: &Bytes| {
            self.cleared_after(read)
                .find(|(_, range)| range.contains(key))
                .map(|(at, _)| *at)
        };
        keys.iter().find_map(|key| point(key).or_else(|| cleared(key)))
    }

    /// The position of the newest write after `read` into one of the ranges, if any. Looks at all that was written
    /// since, for few read ranges and most have read lately: so points need no order.
    pub(crate) fn hits_range(&self, ranges: &[KeyRange], read: Position) -> Option<Position> {
        let sought = disjoint(ranges);
        if sought.is_empty() {
            return None;
        }
        let since = self.entries.iter().rev().take_while(|(at, _)| *at > read);
        let mut points = since.filter(|(_, keys)| keys.iter().any(|key| is_in(&sought, key)));
        points.next().map(|(at, _)| *at).or_else(|| {
            self.cleared_after(read)
                .find(|(_, other)| {
                    let meets = |range: &KeyRange| !range.is_empty() && other.overlaps(range);
                    ranges.iter().any(meets)
                })
                .map(|(at, _)| *at)
        })
    }

    fn cleared_after(&self, read: Position) -> impl Iterator<Item = &(Position, KeyRange)> {
        self.ranges.iter().rev().take_while(move |(at, _)| *at > read)
    }
}

/// The same keys as ranges that are in order and do not meet, without the empty ones.
fn disjoint(ranges: &[KeyRange]) -> Vec<(&[u8], &[u8])> {
    let mut ordered: Vec<(&[u8], &[u8])> = ranges
        .iter()
        .filter(|range| !range.is_empty())
        .map(|range| (&*range.start, &*range.end))
        .collect();
    ordered.sort_unstable();
    // `dedup_by` hands the later one first, and drops it.
    ordered.dedup_by(|(start, end), (_, end_before)| {
        let meets = *start <= *end_before;
        if meets {
            *end_before = (*end).max(*end_before);
        }
        meets
    });
    ordered
}

/// Whether the key lies in one of ranges as [`disjoint`] gives them.
fn is_in(ordered: &[(&[u8], &[u8])], key: &[u8]) -> bool {
    let behind = ordered.partition_point(|(start, _)| *start <= key);
    behind > 0 && key < ordered[behind - 1].1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &'static str) -> WriteBuffer {
        let mut buffer = WriteBuffer::default();
        buffer.set(key.into(), Some("v".into()));
        buffer
    }

    #[test]
    fn a_later_write_hits_what_was_read() {
        let mut window = Window::new(Position(4), 10, 10);
        window.note(Position(5), &put("a"));
        let keys = ["a".into()];
        assert_eq!(window.hits_key(&keys, Position(4)), Some(Position(5)));
        assert_eq!(window.hits_key(&keys, Position(5)), None);
        assert_eq!(
            window.hits_range(&[KeyRange::new("a", "b")], Position(4)),
            Some(Position(5))
        );
        assert_eq!(window.hits_range(&[KeyRange::new("aa", "b")], Position(4)), None);
    }

    /// All pairs of ranges over five keys, one written at each position: apart, meeting, nested, empty and inverted.
    #[test]
    fn the_newest_write_into_any_of_the_ranges_is_found() {
        static BOUNDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
        let mut window = Window::new(Position(0), 10, 10);
        for (key, at) in BOUNDS.into_iter().zip(1..=5) {
            window.note(Position(at), &put(key));
        }
        let ranges = || {
            let starts = BOUNDS.iter();
            starts.flat_map(|start| BOUNDS.iter().map(move |end| KeyRange::new(*start, *end)))
        };
        for one in ranges() {
            for two in ranges() {
                let both = [one.clone(), two.clone()];
                for read in 0..=5 {
                    let hit = |at: &u64| {
                        let key = BOUNDS[*at as usize - 1].as_bytes();
                        *at > read && both.iter().any(|range| range.contains(key))
                    };
                    let newest = (1..=5).rev().find(hit).map(Position);
                    assert_eq!(
                        window.hits_range(&both, Position(read)),
                        newest,
                        "{both:?} {read}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_cleared_range_hits_keys_and_ranges() {
        let mut window = Window::new(Position(0), 10, 10);
        let mut clear = WriteBuffer::default();
        clear.clear_range(KeyRange::new("a", "c"));
        window.note(Position(1), &clear);
        assert!(window.hits_key(&["b".into()], Position(0)).is_some());
        assert!(
            window
                .hits_range(&[KeyRange::new("b", "d")], Position(0))
                .is_some()
        );
        assert!(
            window
                .hits_range(&[KeyRange::new("c", "d")], Position(0))
                .is_none()
        );
    }

    #[test]
    fn what_falls_out_of_the_window_makes_older_readers_run_again() {
        let mut window = Window::new(Position(0), 2, 10);
        for position in 1..=4 {
            window.note(Position(position), &put(["a", "b"][position as usize % 2]));
            window.shrink();
        }
        assert_eq!(window.is_older(Position(1)), Some(Position(2)));
        assert_eq!(window.is_older(Position(2)), None);
        assert_eq!(window.hits_key(&["b".into()], Position(2)), Some(Position(3)));
        assert_eq!(window.hits_key(&["a".into()], Position(2)), Some(Position(4)));
    }
}
