//! Which entries lie in the store, so that they can be removed key by key, and where the kept log begins.

use std::collections::VecDeque;

use cell_replica::Head;
use platform_model::Position;

use super::notes::Base;

/// One stored entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Indexed {
    pub head: Head,
    pub time_ms: u64,
    pub parts: usize,
    pub bytes: usize,
}

/// Stored entries, oldest first. Those up to the base are trimmed already and go a few at a time.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub base: Base,
    entries: VecDeque<Indexed>,
    bytes: usize,
}

impl Index {
    pub(crate) fn new(base: Base) -> Self {
        Self {
            base,
            entries: VecDeque::new(),
            bytes: 0,
        }
    }

    pub(crate) fn push(&mut self, entry: Indexed) {
        self.bytes += entry.bytes;
        self.entries.push_back(entry);
    }

    /// Entries and bytes that are not trimmed.
    pub(crate) fn kept(&self) -> (usize, usize) {
        let trimmed = self
            .entries
            .partition_point(|entry| entry.head.position <= self.base.head.position);
        let gone: usize = self.entries.range(..trimmed).map(|entry| entry.bytes).sum();
        (self.entries.len() - trimmed, self.bytes - gone)
    }

    /// The entry up to which the log would have to go so that no more than so much is kept; never the newest.
    pub(crate) fn surplus(&self, entries_max: usize, bytes_max: usize) -> Option<Position> {
        let (mut count, mut bytes) = self.kept();
        let mut upto = None;
        let newest = self.entries.back()?.head.position;
        let kept = self
            .entries
            .iter()
            .filter(|entry| entry.head.position > self.base.head.position);
        for entry in kept {
            if (count <= entries_max && bytes <= bytes_max) || entry.head.position >= newest {
                break;
            }
            count -= 1;
            bytes -= entry.bytes;
            upto = Some(entry.head.position);
        }
        upto
    }

    pub(crate) fn find(&self, position: Position) -> Option<&Indexed> {
        let first = self.entries.front()?.head.position;
        let at = position.0.checked_sub(first.0)?;
        self.entries.get(usize::try_from(at).ok()?)
    }

    /// The log begins behind this entry from now on, if it is kept.
    pub(crate) fn base_at(&self, position: Position) -> Option<Base> {
        if position <= self.base.head.position {
            return None;
        }
        self.find(position).map(|entry| Base {
            head: entry.head,
            time_ms: entry.time_ms,
        })
    }

    /// Trimmed entries that still lie there, of at most so many keys.
    pub(crate) fn garbage(&self, base: Position, keys_max: usize) -> Vec<Indexed> {
        let mut keys = 0;
        let within = |entry: &&Indexed| {
            keys += entry.parts;
            entry.head.position <= base && keys <= keys_max
        };
        self.entries.iter().take_while(within).copied().collect()
    }

    pub(crate) fn removed_front(&mut self, count: usize) {
        for entry in self.entries.drain(..count.min(self.entries.len())) {
            self.bytes -= entry.bytes;
        }
    }

    /// Entries past `after`.
    pub(crate) fn past(&self, after: Position) -> impl Iterator<Item = &Indexed> {
        self.entries
            .iter()
            .filter(move |entry| entry.head.position > after)
    }

    pub(crate) fn truncate(&mut self, after: Position) {
        while let Some(last) = self.entries.back()
            && last.head.position > after
        {
            self.bytes -= last.bytes;
            self.entries.pop_back();
        }
    }

    pub(crate) fn last(&self) -> Option<&Indexed> {
        self.entries.back()
    }
}

#[cfg(test)]
mod tests {
    use platform_model::Term;

    use super::*;

    fn index(count: u64) -> Index {
        let mut index = Index::default();
        for position in 1..=count {
            index.push(Indexed {
                head: Head {
                    position: Position(position),
                    term: Term::default(),
                    chain: position,
                },
                time_ms: position,
                parts: 1 + position as usize % 3,
                bytes: 10,
            });
        }
        index
    }

    #[test]
    fn what_is_too_much_goes_and_the_newest_stays() {
        let index = index(100);
        assert_eq!(index.surplus(40, usize::MAX), Some(Position(60)));
        assert_eq!(index.surplus(1_000, 250), Some(Position(75)));
        assert_eq!(
            index.surplus(1_000, 0),
            Some(Position(99)),
            "readers continue from its chain"
        );
        assert_eq!(index.surplus(100, 1_000), None);
    }

    #[test]
    fn trimmed_entries_go_a_few_keys_at_a_time() {
        let mut index = index(10);
        index.base = index.base_at(Position(6)).expect("kept");
        assert_eq!(index.kept(), (4, 40));
        let mut removed = 0;
        while !index.garbage(index.base.head.position, 5).is_empty() {
            let some = index.garbage(index.base.head.position, 5);
            assert!(some.iter().map(|entry| entry.parts).sum::<usize>() <= 5);
            removed += some.len();
            index.removed_front(some.len());
        }
        assert_eq!((removed, index.kept()), (6, (4, 40)));
        assert_eq!(index.base_at(Position(3)), None, "never back");
    }
}
