//! The receiver's marks: per (destination root, source shard) the highest event that took effect. They lie in the root's
//! own range, so that they are copied, relocated and restored with the effects that they stand for; effect and mark are
//! one sync transaction, and the source is told only when that is committed.

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

impl<S: Ord> Default for Marks<S> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<S: Ord + Clone> Marks<S> {
    /// The source sends in order, so whatever is not above the mark is a repeat.
    pub fn judge(&self, source: &S, key: EventKey) -> Received {
        if self.0.get(source).is_some_and(|mark| *mark >= key) {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_is_told_from_what_is_new_by_source() {
        let key = |index| EventKey {
            index,
            ..EventKey::default()
        };
        let mut marks = Marks::default();
        marks.note("a", key(5));
        assert_eq!(marks.judge(&"a", key(5)), Received::Again);
        assert_eq!(marks.judge(&"a", key(4)), Received::Again);
        assert_eq!(marks.judge(&"a", key(6)), Received::Apply);
        assert_eq!(marks.judge(&"b", key(1)), Received::Apply);
    }
}
