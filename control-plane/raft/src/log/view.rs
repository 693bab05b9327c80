//! What the log holds, in memory: everything since the last purge, and the vote. Pure; bounded by compaction.

use std::collections::BTreeMap;
use std::io;
use std::ops::{Bound, RangeBounds};

use openraft::EntryPayload;
use openraft::entry::RaftEntry;

use crate::types::{Entry, LogId, Vote};

/// The readable log. An entry is here from the moment it is appended, before it is durable.
#[derive(Debug, Default)]
pub struct View {
    pub(super) entries: BTreeMap<u64, Entry>,
    /// The last entry that was dropped because a snapshot holds it.
    pub purged: Option<LogId>,
    pub committed: Option<LogId>,
    /// Durable: set only after it was written.
    pub vote: Option<Vote>,
}

impl View {
    pub fn last_log_id(&self) -> Option<LogId> {
        self.entries
            .last_key_value()
            .map(|(_, entry)| entry.log_id())
            .or(self.purged)
    }

    /// # Errors
    /// An entry that does not follow the last one: a hole would be taken for a whole log.
    pub fn append(&mut self, entry: Entry) -> io::Result<()> {
        let index = entry.index();
        if let Some((last, _)) = self.entries.last_key_value()
            && index != last + 1
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("entry {index} does not follow entry {last}"),
            ));
        }
        self.entries.insert(index, entry);
        Ok(())
    }

    /// Drops what lies at `from` and behind it.
    pub fn truncate(&mut self, from: u64) {
        self.entries.split_off(&from);
    }

    /// Drops what lies up to `upto`, itself too.
    pub fn purge(&mut self, upto: LogId) {
        self.entries = self.entries.split_off(&(upto.index + 1));
        self.purged = Some(upto);
    }

    /// The entries in `range`, at most `bytes_max` bytes of commands but at least one entry.
    pub fn read(&self, range: impl RangeBounds<u64>, bytes_max: usize) -> Vec<Entry> {
        if is_empty(&range) {
            return Vec::new();
        }
        let mut bytes = 0;
        let within = self
            .entries
            .range(range)
            .map(|(_, entry)| entry)
            .take_while(|entry| {
                let first = bytes == 0;
                bytes += command_bytes(entry);
                first || bytes <= bytes_max
            });
        within.cloned().collect()
    }
}

/// `BTreeMap::range` panics on a range that ends before it starts.
fn is_empty(range: &impl RangeBounds<u64>) -> bool {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(start) => start.saturating_add(1),
        Bound::Unbounded => 0,
    };
    match range.end_bound() {
        Bound::Included(end) => start > *end,
        Bound::Excluded(end) => start >= *end,
        Bound::Unbounded => false,
    }
}

/// At least one, so that entries without command count too.
fn command_bytes(entry: &Entry) -> usize {
    match &entry.payload {
        EntryPayload::Normal(proposal) => proposal.0.len().max(1),
        EntryPayload::Blank | EntryPayload::Membership(_) => 1,
    }
}
