//! Reads entries of the log out of a snapshot, in order, in bounded pages.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use cell_store::{Key, KeyRange, Snapshot, SnapshotError, Value};
use platform_model::Position;

use crate::backup::Origin;
use crate::entry::{self, LogEntry, Unreadable};
use crate::error::LogError;
use crate::keys::{ShardKeys, join};

/// Rows fetched at once; each has at most 90 kB and the store bounds a page's bytes.
const PAGE_ROWS: usize = 512;

impl LogEntry {
    /// An entry as it is stored, for whoever reads a log that is not open here; `None` for bytes that are none. The chain
    /// is not checked: it takes the entry before.
    pub fn read(stored: Bytes) -> Option<Self> {
        entry::open(stored, None).ok()
    }

    /// An entry as it is stored, if it is the one right behind `before`: its position follows, and its chain fits.
    ///
    /// # Errors
    /// [`LogError::Damaged`] for any other; [`LogError::TooNew`].
    pub fn follows(stored: Bytes, before: &Origin) -> Result<Self, LogError> {
        open_at(stored, before.position.next(), Some(before.chain))
    }

    /// Where a shard stands just after it.
    pub fn origin(&self) -> Origin {
        Origin {
            position: self.position,
            term: self.term,
            time_ms: self.time_ms,
            chain: self.chain,
        }
    }
}

/// Reads an entry that is to have this position; with the chain before it, checks its own.
fn open_at(stored: Bytes, position: Position, chain: Option<u64>) -> Result<LogEntry, LogError> {
    let entry = entry::open(stored, chain).map_err(|error| match error {
        Unreadable::Damaged(reason) => LogError::Damaged {
            position,
            reason: reason.into(),
        },
        Unreadable::TooNew(found) => LogError::TooNew {
            found,
            known: entry::ENTRY_VERSION,
        },
    })?;
    if entry.position != position {
        let reason = format!("it says that its position is {}", entry.position);
        return Err(LogError::Damaged { position, reason });
    }
    Ok(entry)
}

/// One entry with what it takes in the store.
#[derive(Debug)]
pub(crate) struct StoredEntry {
    pub entry: LogEntry,
    pub parts: usize,
    pub bytes: usize,
}

/// Walks the entries behind `after` up to `last`. Every position must be there.
pub(crate) struct LogScan<'a> {
    snapshot: Arc<dyn Snapshot>,
    keys: &'a ShardKeys,
    rest: KeyRange,
    rows: VecDeque<(Key, Value)>,
    more: bool,
    before: Position,
    chain: Option<u64>,
}

impl<'a> LogScan<'a> {
    /// With `chain`, that of the entry at `after`, each entry's chain is checked.
    pub(crate) fn new(
        snapshot: Arc<dyn Snapshot>,
        keys: &'a ShardKeys,
        after: Position,
        last: Position,
        chain: Option<u64>,
    ) -> Self {
        let rest = keys.log_range(after, last);
        Self {
            snapshot,
            keys,
            rest,
            rows: VecDeque::new(),
            more: true,
            before: after,
            chain,
        }
    }

    /// The next entry, or none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<StoredEntry>, LogError> {
        let next = self.next_parts().await?;
        next.map(|(stored, parts)| self.finish(stored, parts)).transpose()
    }

    /// As [`LogScan::next`], with the bytes beside it.
    pub(crate) async fn next_with_bytes(&mut self) -> Result<Option<(Bytes, StoredEntry)>, LogError> {
        let Some((stored, parts)) = self.next_parts().await? else {
            return Ok(None);
        };
        let entry = self.finish(stored.clone(), parts)?;
        Ok(Some((stored, entry)))
    }

    /// The stored bytes of the next entry, and of how many parts they were.
    async fn next_parts(&mut self) -> Result<Option<(Bytes, usize)>, LogError> {
        let (position, keys) = (self.before.next(), self.keys);
        let mut parts: Vec<Bytes> = Vec::new();
        while let Some((key, _)) = self.peek().await? {
            let found = keys.parse_log(key);
            if found == Some((position, parts.len() as u64)) {
                let (_, value) = self.rows.pop_front().expect("peeked");
                parts.push(value);
            } else if !parts.is_empty() && found == Some((position.next(), 0)) {
                break;
            } else {
                return Err(LogError::Damaged {
                    position,
                    reason: "a part of it is missing".into(),
                });
            }
        }
        let (count, bytes) = (parts.len(), parts.iter().map(Bytes::len).sum());
        Ok(match count {
            0 => None,
            1 => parts.pop().map(|part| (part, 1)),
            _ => Some((concatenate(&parts, bytes), count)),
        })
    }

    fn finish(&mut self, stored: Bytes, parts: usize) -> Result<StoredEntry, LogError> {
        let (position, bytes) = (self.before.next(), stored.len());
        let entry = open_at(stored, position, self.chain)?;
        self.before = position;
        self.chain = self.chain.map(|_| entry.chain);
        Ok(StoredEntry { entry, parts, bytes })
    }

    async fn peek(&mut self) -> Result<Option<&(Key, Value)>, LogError> {
        if self.rows.is_empty() && self.more {
            let page = self
                .snapshot
                .scan(&self.rest, PAGE_ROWS, false)
                .await
                .map_err(unavailable)?;
            self.more = page.more && !page.rows.is_empty();
            if let Some((last, _)) = page.rows.last() {
                self.rest.start = join(last, &[0]);
            }
            self.rows = page.rows.into();
        }
        Ok(self.rows.front())
    }
}

fn concatenate(parts: &[Bytes], bytes: usize) -> Bytes {
    let mut whole = BytesMut::with_capacity(bytes);
    parts.iter().for_each(|part| whole.extend_from_slice(part));
    whole.freeze()
}

fn unavailable(error: SnapshotError) -> LogError {
    LogError::Unavailable {
        reason: error.to_string(),
    }
}
