//! What one entry adds to the store: its bytes, and its writes with whole keys. It lives from the moment the entry is
//! sealed or comes in until its batch is durable.

use bytes::Bytes;
use cell_replica::{Entry, Head};
use cell_store::{KeyRange, Mutation};

use super::codec::machine_entry;
use super::content::ShardContent;
use crate::applied::Applied;
use crate::entry::{EntryKind, LogEntry};
use crate::keys::ShardKeys;

#[derive(Debug, Clone)]
pub(crate) struct Payload {
    pub head: Head,
    pub stored: Bytes,
    pub time_ms: u64,
    pub kind: EntryKind,
    pub writes: Vec<Mutation>,
}

impl Payload {
    /// Of an entry that was read: from a frame, or from the store.
    pub(crate) fn read(keys: &ShardKeys, stored: Bytes, entry: LogEntry) -> Self {
        let writes = entry
            .transactions
            .into_iter()
            .flat_map(|transaction| transaction.writes)
            .map(|write| whole(keys, write));
        Self {
            head: Head {
                position: entry.position,
                term: entry.term,
                chain: entry.chain,
            },
            stored,
            time_ms: entry.time_ms,
            writes: writes.collect(),
            kind: entry.kind,
        }
    }

    pub(crate) fn applied(&self) -> Applied {
        Applied {
            position: self.head.position,
            term: self.head.term,
            time_ms: self.time_ms,
            chain: self.head.chain,
        }
    }

    pub(crate) fn clears_ranges(&self) -> bool {
        self.writes
            .iter()
            .any(|write| matches!(write, Mutation::ClearRange { .. }))
    }

    /// What it adds to a batch that applies it, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let write = |write: &Mutation| match write {
            Mutation::Put { key, value } => key.len() + value.len(),
            Mutation::Clear { key } => key.len(),
            Mutation::ClearRange { range } => range.start.len() + range.end.len(),
        };
        self.stored.len() + self.writes.iter().map(write).sum::<usize>()
    }
}

/// A write of the log with the shard in front of its keys.
pub(crate) fn whole(keys: &ShardKeys, write: Mutation) -> Mutation {
    match write {
        Mutation::Put { key, value } => Mutation::Put {
            key: keys.absolute(&key),
            value,
        },
        Mutation::Clear { key } => Mutation::Clear {
            key: keys.absolute(&key),
        },
        Mutation::ClearRange { range } => Mutation::ClearRange {
            range: KeyRange {
                start: keys.absolute(&range.start),
                end: keys.absolute(&range.end),
            },
        },
    }
}

/// The machine's view of an entry that was read behind `before`.
pub(crate) fn for_machine(entry: &LogEntry, before: u64, bytes: usize) -> Entry<ShardContent> {
    machine_entry(entry, before, bytes)
}
