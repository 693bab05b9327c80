//! What has left so far: a first copy, page by page while he is served, and then what changed since, by the shard's log.
//!
//! Of each row that has left its digest is remembered, so that both sides can say that they have the same. It is in memory only:
//! whoever drives the relocation anew copies anew.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use cell_layers::keys::UserKey;
use cell_layers::place::{Row, Tally, Whole, digest};
use cell_shard::{LogEntry, LogError, Mutation, Shard, Tx, keys_of};
use platform_model::{Position, RootRef, UserId};

use super::faults;
use super::standing::request;

/// Rows of one page, and of one stretch.
const ROWS_AT_ONCE: usize = 1_000;
/// Rows of one read of what has changed: of the largest about 23 MB, and a transaction may read 48 MiB.
pub(super) const CHANGED_AT_ONCE: usize = 256;
/// Bytes of one stretch, about: it is counted while its sender waits.
const STRETCH_BYTES: u64 = 8 << 20;
/// Bytes of one part.
const PART_BYTES: usize = 768 << 10;
/// Entries of the log that are read at once.
const ENTRIES_AT_ONCE: usize = 2_000;
/// Rows that one person may take along.
pub(super) const ROWS_MAX: u64 = 2_000_000;

/// Why the copy does not go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum CopyError {
    /// What changed since is not known any more: it must begin anew.
    #[error("the log does not reach back to where the copy began")]
    Trimmed,
    #[error("he has more than {ROWS_MAX} rows")]
    TooMany,
    #[error("{0}")]
    Later(String),
}

/// The copy of one person.
pub(super) struct Copier {
    shard: Shard,
    user: UserId,
    key: UserKey,
    prefix: Bytes,
    /// The rows that have left.
    left: BTreeMap<Bytes, Left>,
    /// Keys of what has changed by the log and has not left since.
    waiting: BTreeSet<Bytes>,
    pub(super) tally: Tally,
    /// Up to here the log was looked through.
    position: Position,
    after: Option<Bytes>,
    over: bool,
}

/// A row that has left: its digest, and about what it takes, in bytes.
#[derive(Clone, Copy)]
struct Left {
    digest: [u8; 32],
    bytes: u32,
}

/// A part of a person's root: behind a key, up to another; an empty one: from the first, to the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    pub after: Bytes,
    pub upto: Bytes,
    pub tally: Tally,
}

impl Copier {
    /// What changes from now on is looked for in the log.
    pub(super) fn begin(shard: Shard, user: UserId, key: UserKey) -> Self {
        let position = shard.status().committed;
        Self {
            shard,
            user,
            key,
            prefix: keys_of(RootRef::user(user)),
            left: BTreeMap::new(),
            waiting: BTreeSet::new(),
            tally: Tally::default(),
            position,
            after: None,
            over: false,
        }
    }

    /// The next parts of the first copy; none behind the last.
    pub(super) async fn page(&mut self) -> Result<Option<Vec<Vec<Row>>>, CopyError> {
        if self.over {
            return Ok(None);
        }
        let (user, key, after) = (self.user, &self.key, self.after.as_ref());
        let read = |tx: Tx| async move { Whole::new(tx, user, key).page(after, ROWS_AT_ONCE).await };
        let page = self.shard.read(&request(user), read).await;
        let (rows, more) = page.map_err(|error| CopyError::Later(error.to_string()))?.value;
        self.over = !more;
        self.after = rows.last().map(|row| row.key.clone());
        self.noted(rows).map(Some)
    }

    /// Looks through the log for what has changed by `upto`, at the least: it leaves by [`Self::changed`].
    pub(super) async fn look(&mut self, upto: Position) -> Result<(), CopyError> {
        if faults::leaves_the_tail_behind() {
            return Ok(());
        }
        while self.position < upto {
            let entries = self.shard.log(self.position, ENTRIES_AT_ONCE).await;
            let entries = entries.map_err(|error| match error {
                LogError::Trimmed { .. } => CopyError::Trimmed,
                other => CopyError::Later(other.to_string()),
            })?;
            let Some(last) = entries.last() else {
                return Err(CopyError::Later("the log is not committed so far".to_owned()));
            };
            self.position = last.position;
            let mut keys = std::mem::take(&mut self.waiting);
            for entry in &entries {
                self.changed_by(entry, &mut keys);
            }
            self.waiting = keys;
        }
        Ok(())
    }

    /// The next parts of what has changed, as it stands now; none behind the last.
    pub(super) async fn changed(&mut self) -> Result<Option<Vec<Vec<Row>>>, CopyError> {
        let some: Vec<Bytes> = self.waiting.iter().take(CHANGED_AT_ONCE).cloned().collect();
        if some.is_empty() {
            return Ok(None);
        }
        let (user, key, keys) = (self.user, &self.key, &some);
        let read = |tx: Tx| async move { Whole::new(tx, user, key).rows(keys).await };
        let rows = self.shard.read(&request(user), read).await;
        let rows = rows.map_err(|error| CopyError::Later(error.to_string()))?.value;
        for key in &some {
            self.waiting.remove(key);
        }
        self.noted(rows).map(Some)
    }

    /// What must lie in the other home of what has left, stretch by stretch; behind the last lies nothing.
    pub(super) fn stretches(&self) -> Vec<Stretch> {
        let (mut all, mut after) = (Vec::new(), Bytes::new());
        let (mut tally, mut bytes) = (Tally::default(), 0);
        for (key, left) in &self.left {
            tally.add(&left.digest);
            bytes += u64::from(left.bytes);
            if tally.rows >= ROWS_AT_ONCE as u64 || bytes >= STRETCH_BYTES {
                let after = std::mem::replace(&mut after, key.clone());
                let tally = std::mem::take(&mut tally);
                let upto = key.clone();
                all.push(Stretch { after, upto, tally });
                bytes = 0;
            }
        }
        if tally.rows > 0 {
            let upto = Bytes::new();
            all.push(Stretch { after, upto, tally });
        }
        if let Some(last) = all.last_mut() {
            last.upto = Bytes::new();
        }
        all
    }

    pub(super) fn committed(&self) -> Position {
        self.shard.status().committed
    }

    fn changed_by(&self, entry: &LogEntry, keys: &mut BTreeSet<Bytes>) {
        let within = |key: &Bytes| key.strip_prefix(&self.prefix[..]).map(Bytes::copy_from_slice);
        for write in entry.transactions.iter().flat_map(|one| &one.writes) {
            match write {
                Mutation::Put { key, .. } | Mutation::Clear { key } => keys.extend(within(key)),
                Mutation::ClearRange { range } => {
                    let cleared = |key: &&Bytes| {
                        let absolute = [&self.prefix[..], &key[..]].concat();
                        range.contains(&absolute)
                    };
                    keys.extend(self.left.keys().filter(cleared).cloned());
                }
            }
        }
    }

    /// Counts rows that leave now, and puts them into parts.
    fn noted(&mut self, rows: Vec<Row>) -> Result<Vec<Vec<Row>>, CopyError> {
        let (mut parts, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
        for row in rows {
            let before = self.left.get(&row.key).map(|left| left.digest);
            let now = digest(&row);
            // It has left as it is, or came and went in between.
            if before == now {
                continue;
            }
            if let Some(before) = before {
                self.tally.take(&before);
                self.left.remove(&row.key);
            }
            if let Some(now) = now {
                self.tally.add(&now);
                let left = Left {
                    digest: now,
                    bytes: u32::try_from(row.bytes()).unwrap_or(u32::MAX),
                };
                self.left.insert(row.key.clone(), left);
            }
            bytes += row.bytes();
            part.push(row);
            if bytes >= PART_BYTES {
                parts.push(std::mem::take(&mut part));
                bytes = 0;
            }
        }
        if !part.is_empty() {
            parts.push(part);
        }
        if self.tally.rows > ROWS_MAX {
            return Err(CopyError::TooMany);
        }
        Ok(parts)
    }
}
