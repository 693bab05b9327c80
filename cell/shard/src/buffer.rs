//! Writes that are not in the store yet: those of one transaction, or those of a group.

use std::collections::BTreeMap;

use bytes::Bytes;
use cell_store::{KeyRange, Mutation};

/// Absolute writes. Its meaning: first all `ranges` are cleared, then the `points` are set or cleared.
#[derive(Debug, Clone, Default)]
pub(crate) struct WriteBuffer {
    points: BTreeMap<Bytes, Option<Bytes>>,
    ranges: Vec<KeyRange>,
}

impl WriteBuffer {
    /// Sets (or, with none, clears) a key.
    pub(crate) fn set(&mut self, key: Bytes, value: Option<Bytes>) {
        self.points.insert(key, value);
    }

    pub(crate) fn clear_range(&mut self, range: KeyRange) {
        if range.is_empty() {
            return;
        }
        let inside: Vec<Bytes> = self.points_in(&range).map(|(key, _)| key.clone()).collect();
        for key in inside {
            self.points.remove(&key);
        }
        self.ranges.push(range);
    }

    /// Everything that `later` does, after what is here.
    pub(crate) fn absorb(&mut self, later: WriteBuffer) {
        for range in later.ranges {
            self.clear_range(range);
        }
        self.points.extend(later.points);
    }

    /// What the buffer says of a key: none if nothing, `Some(None)` if it is cleared.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Option<Bytes>> {
        match self.points.get(key) {
            Some(value) => Some(value.clone()),
            None => self
                .ranges
                .iter()
                .any(|range| range.contains(key))
                .then_some(None),
        }
    }

    pub(crate) fn points_in<'a>(
        &'a self,
        range: &KeyRange,
    ) -> impl DoubleEndedIterator<Item = (&'a Bytes, &'a Option<Bytes>)> + use<'a> {
        // `BTreeMap::range` panics on an inverted range.
        let end = if range.is_empty() {
            range.start.clone()
        } else {
            range.end.clone()
        };
        self.points.range(range.start.clone()..end)
    }

    /// The part of the buffer that a read of `range` can see.
    pub(crate) fn clone_in(&self, range: &KeyRange) -> Self {
        Self {
            points: self
                .points_in(range)
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            ranges: self
                .ranges
                .iter()
                .filter(|other| other.overlaps(range))
                .cloned()
                .collect(),
        }
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Bytes> {
        self.points.keys()
    }

    /// Keys that are set or, with none, cleared; in order.
    pub(crate) fn points(&self) -> impl Iterator<Item = (&Bytes, &Option<Bytes>)> {
        self.points.iter()
    }

    pub(crate) fn ranges(&self) -> &[KeyRange] {
        &self.ranges
    }

    /// Bytes of all keys and values, as a store batch counts them.
    pub(crate) fn bytes(&self) -> usize {
        let ranges = self
            .ranges
            .iter()
            .map(|range| range.start.len() + range.end.len());
        let points = self
            .points
            .iter()
            .map(|(key, value)| key.len() + value.as_ref().map_or(0, Bytes::len));
        ranges.chain(points).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.points.is_empty() && self.ranges.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.points.len() + self.ranges.len()
    }

    /// In the order in which they are to be applied.
    pub(crate) fn into_mutations(self) -> impl Iterator<Item = Mutation> {
        let ranges = self.ranges.into_iter();
        let ranges = ranges.map(|range| Mutation::ClearRange { range });
        ranges.chain(self.points.into_iter().map(|(key, value)| match value {
            Some(value) => Mutation::Put { key, value },
            None => Mutation::Clear { key },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cleared_range_hides_what_was_put_before_and_not_what_is_put_after() {
        let mut buffer = WriteBuffer::default();
        buffer.set("a".into(), Some("1".into()));
        buffer.set("b".into(), Some("1".into()));
        buffer.clear_range(KeyRange::new("a", "b"));
        buffer.set("aa".into(), Some("2".into()));
        assert_eq!(buffer.get(b"a"), Some(None));
        assert_eq!(buffer.get(b"aa"), Some(Some("2".into())));
        assert_eq!(buffer.get(b"b"), Some(Some("1".into())));
        assert_eq!(buffer.get(b"c"), None);
    }

    #[test]
    fn a_later_buffer_wins_over_an_earlier_one() {
        let (mut first, mut second) = (WriteBuffer::default(), WriteBuffer::default());
        first.set("a".into(), Some("1".into()));
        first.set("c".into(), Some("1".into()));
        second.clear_range(KeyRange::new("a", "b"));
        second.set("c".into(), Some("2".into()));
        first.absorb(second);
        assert_eq!(first.get(b"a"), Some(None));
        assert_eq!(first.get(b"c"), Some(Some("2".into())));
        assert_eq!(first.len(), 2);
    }
}
