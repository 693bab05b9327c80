//! The newest entries of a primary as they are stored, so that a standby that keeps up costs no read. Bounded in bytes;
//! what is not here is read from the store.

use std::collections::VecDeque;

use bytes::Bytes;
use cell_replica::Head;
use platform_model::Position;

/// Bytes kept for one copy.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// Entries kept: twice what may be under way to one standby.
const ENTRIES_MAX: usize = 512;

#[derive(Debug, Default)]
pub(crate) struct Recent {
    entries: VecDeque<(Head, Bytes)>,
    bytes: usize,
}

impl Recent {
    /// Takes the entry behind the newest; anything else begins anew.
    pub(crate) fn push(&mut self, head: Head, stored: Bytes) {
        let follows = |(last, _): &(Head, Bytes)| last.position.next() == head.position;
        if !self.entries.back().is_none_or(follows) {
            self.clear();
        }
        self.bytes += stored.len();
        self.entries.push_back((head, stored));
        while self.bytes > BYTES_MAX || self.entries.len() > ENTRIES_MAX {
            let Some((_, stored)) = self.entries.pop_front() else {
                return;
            };
            self.bytes -= stored.len();
        }
    }

    pub(crate) fn get(&self, head: Head) -> Option<&Bytes> {
        let first = self.entries.front()?.0.position;
        let at = head.position.0.checked_sub(first.0)?;
        let (found, stored) = self.entries.get(usize::try_from(at).ok()?)?;
        (*found == head).then_some(stored)
    }

    /// Entries up to here are of no use any more.
    pub(crate) fn forget(&mut self, upto: Position) {
        while let Some((head, stored)) = self.entries.front()
            && head.position <= upto
        {
            self.bytes -= stored.len();
            self.entries.pop_front();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use platform_model::Term;

    use super::*;

    fn head(position: u64, chain: u64) -> Head {
        Head {
            position: Position(position),
            term: Term::default(),
            chain,
        }
    }

    #[test]
    fn it_is_bounded_and_knows_an_entry_by_its_whole_head() {
        let mut recent = Recent::default();
        for position in 1..=100 {
            recent.push(head(position, position), Bytes::from(vec![0; 1024 * 1024]));
        }
        assert!(recent.bytes() <= BYTES_MAX);
        assert!(recent.get(head(100, 100)).is_some());
        assert_eq!(recent.get(head(100, 7)), None, "of another history");
        assert_eq!(recent.get(head(1, 1)), None);
        recent.push(head(50, 50), Bytes::from_static(b"x"));
        assert_eq!(
            (recent.bytes(), recent.get(head(100, 100))),
            (1, None),
            "the log was cut"
        );
    }
}
