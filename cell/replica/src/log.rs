//! The kept part of the log: from a base, that was trimmed or copied up to, to the end.

use std::collections::VecDeque;

use platform_model::{Epoch, Position};

use crate::entry::{Content, Entry, Head};
use crate::limits::EPOCH_ENDS_MAX;

/// The last position of an epoch in one log. The base counts as an end of its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EpochEnd {
    pub epoch: Epoch,
    pub end: Position,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Log<C: Content> {
    base: Head,
    entries: VecDeque<Entry<C>>,
    /// Ascending; never empty.
    ends: Vec<EpochEnd>,
}

impl<C: Content> Default for Log<C> {
    fn default() -> Self {
        Self::from_base(Head::default())
    }
}

impl<C: Content> Log<C> {
    /// An empty log that continues after `base`.
    pub fn from_base(base: Head) -> Self {
        let first = EpochEnd {
            epoch: base.term.epoch,
            end: base.position,
        };
        Self {
            base,
            entries: VecDeque::new(),
            ends: vec![first],
        }
    }

    pub fn base(&self) -> Head {
        self.base
    }

    /// The last entry; the base if there is none.
    pub fn last(&self) -> Head {
        self.entries.back().map_or(self.base, |entry| entry.head)
    }

    pub fn end(&self) -> Position {
        self.last().position
    }

    /// The head at a position that is kept (the base counts).
    pub fn head(&self, position: Position) -> Option<Head> {
        if position == self.base.position {
            return Some(self.base);
        }
        self.entry(position).map(|entry| entry.head)
    }

    pub fn entry(&self, position: Position) -> Option<&Entry<C>> {
        let index = position.0.checked_sub(self.base.position.0 + 1)?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// Entries after `after`, in order.
    pub fn after(&self, after: Position) -> impl Iterator<Item = &Entry<C>> {
        let skip = after.0.saturating_sub(self.base.position.0);
        self.entries
            .range(usize::try_from(skip).map_or(self.entries.len(), |skip| skip.min(self.entries.len()))..)
    }

    /// Appends the entry after the last. Whoever calls has checked that it fits.
    pub fn push(&mut self, entry: Entry<C>) {
        debug_assert_eq!(entry.head.position, self.end().next());
        let end = EpochEnd {
            epoch: entry.head.term.epoch,
            end: entry.head.position,
        };
        match self.ends.last_mut() {
            Some(last) if last.epoch == end.epoch => last.end = end.end,
            _ => self.ends.push(end),
        }
        self.entries.push_back(entry);
    }

    /// Drops what is past `position`, which is not below the base.
    pub fn truncate(&mut self, position: Position) {
        let keep = position.0.saturating_sub(self.base.position.0);
        self.entries.truncate(usize::try_from(keep).unwrap_or(usize::MAX));
        let last = self.last();
        self.ends.retain(|end| end.epoch <= last.term.epoch);
        if let Some(end) = self.ends.last_mut() {
            end.end = last.position;
        }
    }

    /// Drops what is up to `position`, which becomes the base. Nothing happens if it is not kept.
    pub fn trim(&mut self, position: Position) {
        let Some(head) = self.head(position) else { return };
        let drop = position.0 - self.base.position.0;
        self.entries.drain(..usize::try_from(drop).unwrap_or(0));
        self.base = head;
        self.ends.retain(|end| end.end >= position);
        if self.ends.first().is_none_or(|end| end.epoch != head.term.epoch) {
            let first = EpochEnd {
                epoch: head.term.epoch,
                end: position,
            };
            self.ends.insert(0, first);
        }
    }

    /// Ends of the newest epochs, ascending, bounded.
    pub fn ends(&self) -> &[EpochEnd] {
        &self.ends[self.ends.len().saturating_sub(EPOCH_ENDS_MAX)..]
    }

    /// The highest position that both logs have (KIP-279): down the epochs of the other log; one that is unknown
    /// here is skipped to the next lower one. None if it is below what is kept.
    ///
    /// One epoch has one primary, so within it one log is a prefix of the other.
    pub fn fork(&self, theirs: &[EpochEnd]) -> Option<Head> {
        for their in theirs.iter().rev() {
            let Some(own) = self.ends.iter().find(|own| own.epoch == their.epoch) else {
                continue;
            };
            return self.head(own.end.min(their.end));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Body;
    use crate::tests::{Small, entry};

    fn log(terms: &[u64]) -> Log<Small> {
        let mut log = Log::default();
        for epoch in terms {
            log.push(entry(&log, *epoch, Body::Term));
        }
        log
    }

    #[test]
    fn the_fork_is_found_down_the_epochs_and_an_unknown_one_is_skipped() {
        let ours = log(&[1, 1, 1, 3, 3]);
        let fork = |terms: &[u64]| ours.fork(log(terms).ends()).map(|head| head.position.0);
        assert_eq!(fork(&[1, 1]), Some(2), "a prefix");
        assert_eq!(fork(&[1, 1, 1, 1, 1]), Some(3), "more of an epoch that ended");
        assert_eq!(fork(&[1, 1, 2, 2, 2]), Some(2), "an epoch that nobody kept");
        assert_eq!(fork(&[1, 1, 1, 3, 3, 3]), Some(5), "ahead of us");
        assert_eq!(fork(&[]), Some(0), "an empty log");
    }

    #[test]
    fn below_the_base_there_is_no_fork() {
        let mut ours = log(&[1, 1, 1, 3, 3]);
        ours.trim(Position(4));
        assert_eq!(ours.fork(log(&[1, 1]).ends()), None);
        assert_eq!(
            ours.fork(log(&[1, 1, 1, 3]).ends()).map(|head| head.position.0),
            Some(4)
        );
        assert_eq!(ours.ends().len(), 1);
    }

    #[test]
    fn truncating_takes_back_the_ends() {
        let mut ours = log(&[1, 2, 2, 5]);
        ours.truncate(Position(2));
        let epochs: Vec<(u64, u64)> = ours.ends().iter().map(|end| (end.epoch.0, end.end.0)).collect();
        assert_eq!(epochs, [(0, 0), (1, 1), (2, 2)]);
        assert_eq!(ours.end(), Position(2));
    }
}
