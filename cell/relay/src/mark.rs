//! The receiver's marks: per (destination root, source shard) the highest event that took effect. They lie in the root's
//! own range, so that they are copied, relocated and restored with the effects that they stand for; effect and mark are
//! one sync transaction, and the source is told only when that is committed.
//!
//! Marks are bounded by the source's `low`: all its events below that were acknowledged, to whatever root. A mark below
//! may go, but only against a [`Floors`] that remembers `low` for the whole shard: a message that lay somewhere brings an
//! old event back, and without mark or floor it would take effect again. The floors travel with a root that relocates.

use std::collections::BTreeMap;

use crate::relay::EventKey;

/// What a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Received {
    /// New: commit effect and mark together, then say `Delivered`.
    Apply,
    /// It took effect before: say `Delivered` again.
    Again,
}

/// The marks of one root, by source shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks<S: Ord>(BTreeMap<S, EventKey>);

/// Of a shard: below which key each source has nothing more to send, to anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Floors<S: Ord>(BTreeMap<S, EventKey>);

impl<S: Ord> Default for Marks<S> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<S: Ord> Default for Floors<S> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<S: Ord + Clone> Marks<S> {
    /// The source sends in order, so whatever is not above the mark is a repeat. Keys of one root have gaps: those
    /// between them are other roots'.
    pub fn judge(&self, floors: &Floors<S>, source: &S, key: EventKey) -> Received {
        let marked = self.0.get(source).is_some_and(|mark| *mark >= key);
        if marked || floors.0.get(source).is_some_and(|low| *low > key) {
            Received::Again
        } else {
            Received::Apply
        }
    }

    pub fn note(&mut self, source: S, key: EventKey) {
        self.0.insert(source, key);
    }

    pub fn of(&self, source: &S) -> Option<EventKey> {
        self.0.get(source).copied()
    }

    /// Lets the marks go that the floors stand for.
    pub fn prune(&mut self, floors: &Floors<S>) {
        self.0
            .retain(|source, mark| floors.0.get(source).is_none_or(|low| *low <= *mark));
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<S: Ord + Clone> Floors<S> {
    /// The source says so with each delivery. A floor never sinks. Answers whether it rose.
    pub fn raise(&mut self, source: S, low: EventKey) -> bool {
        let floor = self.0.entry(source).or_default();
        let rises = *floor < low;
        *floor = low.max(*floor);
        rises
    }

    /// A root comes in, whose marks were let go by those floors.
    pub fn merge(&mut self, others: &Self) {
        for (source, low) in &others.0 {
            self.raise(source.clone(), *low);
        }
    }

    pub fn of(&self, source: &S) -> Option<EventKey> {
        self.0.get(source).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(index: u32) -> EventKey {
        EventKey {
            index,
            ..EventKey::default()
        }
    }

    #[test]
    fn a_repeat_is_told_from_what_is_new_by_source() {
        let (mut marks, floors) = (Marks::default(), Floors::default());
        marks.note("a", key(5));
        assert_eq!(marks.judge(&floors, &"a", key(5)), Received::Again);
        assert_eq!(marks.judge(&floors, &"a", key(4)), Received::Again);
        assert_eq!(marks.judge(&floors, &"a", key(6)), Received::Apply);
        assert_eq!(marks.judge(&floors, &"b", key(1)), Received::Apply);
    }

    #[test]
    fn a_mark_that_was_let_go_is_stood_for_by_the_floor_in_another_shard_too() {
        let (mut marks, mut floors) = (Marks::default(), Floors::default());
        marks.note("a", key(5));
        marks.note("b", key(7));
        assert!(floors.raise("a", key(6)));
        assert!(!floors.raise("a", key(3)), "a late one");
        floors.raise("b", key(7));
        marks.prune(&floors);
        assert_eq!((marks.of(&"a"), marks.of(&"b")), (None, Some(key(7))));
        let mut elsewhere = Floors::default();
        elsewhere.merge(&floors);
        assert_eq!(marks.judge(&elsewhere, &"a", key(5)), Received::Again);
        assert_eq!(marks.judge(&elsewhere, &"a", key(6)), Received::Apply);
    }
}
