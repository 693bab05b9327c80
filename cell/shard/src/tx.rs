//! What a transaction's closure sees: one consistent version of its scope, and its own writes on top.
//!
//! Keys are relative to the scope; nothing outside it can be named. Everything read is recorded, everything written
//! is buffered; the end of a transaction is in `run`.

use std::sync::Arc;

use bytes::Bytes;
use cell_store::{KeyRange, Page, Snapshot, SnapshotError};
use parking_lot::{Mutex, MutexGuard};
use platform_model::{Position, RootRef};

use crate::buffer::WriteBuffer;
use crate::entry::Event;
use crate::error::TxError;
use crate::keys::join;
use crate::limits::READ_KEYS_AT_ONCE;
use crate::request::{Mode, Request};
use crate::scan;
use crate::shard::Shared;
use crate::window::ReadSet;

mod beside;
mod version;

/// A handle to a running transaction; clones are the same transaction. Useless once its closure has returned.
#[derive(Clone)]
pub struct Tx {
    inner: Arc<Inner>,
    /// Of every key that is named through this handle.
    prefix: Bytes,
}

struct Inner {
    shared: Arc<Shared>,
    writable: bool,
    root: Option<RootRef>,
    log_time_ms: u64,
    state: Mutex<State>,
}

/// What a transaction has gathered.
pub(crate) struct State {
    pub snapshot: Option<Arc<dyn Snapshot>>,
    /// Position of the first snapshot.
    pub read: Option<Position>,
    /// A later snapshot had to be opened: the reads must be validated, even of a read-only transaction.
    pub mixed: bool,
    pub reads: ReadSet,
    pub writes: WriteBuffer,
    pub events: Vec<Event>,
    pub mode: Mode,
    pub failure: Option<TxError>,
    bytes: usize,
    read_bytes: usize,
    ended: bool,
}

impl Tx {
    pub(crate) fn begin(shared: &Arc<Shared>, request: &Request, writable: bool) -> Result<Self, TxError> {
        let state = State {
            snapshot: None,
            read: None,
            mixed: false,
            reads: ReadSet::default(),
            writes: WriteBuffer::default(),
            events: Vec::new(),
            mode: request.mode,
            failure: None,
            bytes: 0,
            read_bytes: 0,
            ended: false,
        };
        let inner = Arc::new(Inner {
            writable,
            root: request.scope.root(),
            log_time_ms: shared.log_clock.now_ms(&shared.plant),
            state: Mutex::new(state),
            shared: Arc::clone(shared),
        });
        let prefix = shared.keys.scope(&request.scope)?;
        Ok(Self { inner, prefix })
    }

    /// The value of a key, the transaction's own writes included. Absence is read, too: who inserts if absent is
    /// safe.
    ///
    /// # Errors
    /// See [`TxError`].
    pub async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, TxError> {
        let key = self.key(key)?;
        if let Some(own) = self.open_state()?.writes.get(&key) {
            return Ok(own);
        }
        let (snapshot, read) = self.snapshot_for(Some(&key)).await?;
        if let Some(planted) = self.inner.shared.plant.dirty(&key) {
            return Ok(planted);
        }
        let value = match read {
            Some(value) => Ok(value),
            None => match snapshot.get(&key).await {
                Err(SnapshotError::Expired) => self.renew().await?.get(&key).await,
                other => other,
            },
        };
        let value = value.map_err(|error| self.fail(read_error(error)))?;
        self.count_read(value.as_ref().map_or(0, Bytes::len))?;
        self.note(|reads| reads.keys.push(key))?;
        Ok(value)
    }

    /// The values of many keys, in the order asked; as [`Tx::get`].
    ///
    /// # Errors
    /// See [`TxError`].
    pub async fn get_many(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, TxError> {
        let keys = keys
            .iter()
            .map(|key| self.key(key))
            .collect::<Result<Vec<_>, _>>()?;
        let max = self.inner.shared.store_limits.get_many_keys_max;
        self.at_most("keys of one read", keys.len(), max)?;
        let mut values = Vec::with_capacity(keys.len());
        for some in keys.chunks(READ_KEYS_AT_ONCE) {
            let fetched = match self.snapshot().await?.get_many(some).await {
                Err(SnapshotError::Expired) => self.renew().await?.get_many(some).await,
                other => other,
            };
            let fetched = fetched.map_err(|error| self.fail(read_error(error)))?;
            self.count_read(fetched.iter().flatten().map(Bytes::len).sum())?;
            values.extend(fetched);
        }
        {
            let state = self.open_state()?;
            for (key, value) in keys.iter().zip(&mut values) {
                if let Some(own) = state.writes.get(key) {
                    *value = own;
                }
            }
        }
        self.note(|reads| reads.keys.extend(keys))?;
        Ok(values)
    }

    /// Rows of a range in ascending order (descending with `reverse`), at most `limit`, the transaction's own
    /// writes included. What was seen is protected against phantoms: up to the row behind the last, or the whole
    /// range if there is none ([`Page::more`] is false).
    ///
    /// # Errors
    /// See [`TxError`].
    pub async fn scan(&self, range: KeyRange, limit: usize, reverse: bool) -> Result<Page, TxError> {
        let max = self.inner.shared.limits.page_rows_max;
        if limit > max {
            return Err(self.fail(TxError::Limit {
                what: "page rows",
                actual: limit,
                max,
            }));
        }
        let range = self.range(&range)?;
        let snapshot = self.snapshot().await?;
        let own = self.open_state()?.writes.clone_in(&range);
        let left = self.read_bytes_left()?;
        let seen = match scan::merged(&*snapshot, &own, &range, limit, reverse, left).await {
            Err(SnapshotError::Expired) => {
                scan::merged(&*self.renew().await?, &own, &range, limit, reverse, left).await
            }
            other => other,
        };
        let scan::Seen {
            mut page,
            covered,
            bytes,
        } = seen.map_err(|error| self.fail(read_error(error)))?;
        self.count_read(bytes)?;
        self.note(|reads| reads.ranges.push(covered))?;
        let skip = self.prefix.len();
        page.rows.iter_mut().for_each(|(key, _)| *key = key.slice(skip..));
        Ok(page)
    }

    /// Sets a value.
    ///
    /// # Errors
    /// A limit, or a read-only transaction.
    pub fn put(&self, key: impl AsRef<[u8]>, value: impl Into<Bytes>) -> Result<(), TxError> {
        let (key, value) = (self.key(key.as_ref())?, value.into());
        self.at_most(
            "value bytes",
            value.len(),
            self.inner.shared.store_limits.value_bytes_max,
        )?;
        self.change(key.len() + value.len(), |writes| writes.set(key, Some(value)))
    }

    /// Removes a key; no error if it is absent.
    ///
    /// # Errors
    /// A limit, or a read-only transaction.
    pub fn clear(&self, key: impl AsRef<[u8]>) -> Result<(), TxError> {
        let key = self.key(key.as_ref())?;
        self.change(key.len(), |writes| writes.set(key, None))
    }

    /// Removes all keys of a range. All ranges of a transaction may hold 1,000 keys; past that it is `TooLarge`.
    /// Counts as a read of the range.
    ///
    /// # Errors
    /// A limit, an inverted range, or a read-only transaction.
    pub fn clear_range(&self, range: KeyRange) -> Result<(), TxError> {
        let range = self.range(&range)?;
        self.change(range.start.len() + range.end.len(), |writes| {
            writes.clear_range(range)
        })
    }

    /// Asks for an acknowledgement by every standby that could be promoted, whatever the domain's mode.
    pub fn sync(&self) {
        self.inner.state.lock().mode = Mode::Sync;
    }

    /// Milliseconds since 1970 by the log's clock, which never goes back; the same for the whole run of a closure.
    pub fn log_time_ms(&self) -> u64 {
        self.inner.log_time_ms
    }

    /// Counts the keys that the cleared ranges remove, as reads. Called once, before [`Tx::finish`].
    pub(crate) async fn count_cleared(&self) -> Result<usize, TxError> {
        let ranges = self.open_state()?.writes.ranges().to_vec();
        let max = self.inner.shared.store_limits.clear_range_keys_max;
        let mut cleared = 0;
        for range in ranges {
            let snapshot = self.snapshot().await?;
            let page = match snapshot.scan(&range, max + 1, false).await {
                Err(SnapshotError::Expired) => self.renew().await?.scan(&range, max + 1, false).await,
                other => other,
            };
            let page = page.map_err(|error| self.fail(read_error(error)))?;
            cleared += page.rows.len() + usize::from(page.more) * max;
            self.at_most("cleared keys", cleared, max)?;
            self.note(|reads| reads.ranges.push(range))?;
        }
        Ok(cleared)
    }

    /// Takes everything out; the handle is useless from then on.
    pub(crate) fn finish(&self) -> State {
        let mut state = self.inner.state.lock();
        let mode = state.mode;
        let empty = State {
            snapshot: None,
            read: None,
            mixed: false,
            reads: ReadSet::default(),
            writes: WriteBuffer::default(),
            events: Vec::new(),
            mode,
            failure: None,
            bytes: 0,
            read_bytes: 0,
            ended: true,
        };
        std::mem::replace(&mut *state, empty)
    }

    fn open_state(&self) -> Result<MutexGuard<'_, State>, TxError> {
        let state = self.inner.state.lock();
        if state.ended {
            Err(TxError::Ended)
        } else {
            Ok(state)
        }
    }

    /// Keeps the first failure: it decides how the transaction ends, whatever its closure makes of it.
    fn fail(&self, error: TxError) -> TxError {
        self.inner
            .state
            .lock()
            .failure
            .get_or_insert_with(|| error.clone());
        error
    }

    fn at_most(&self, what: &'static str, actual: usize, max: usize) -> Result<(), TxError> {
        if actual > max {
            Err(self.fail(TxError::Limit { what, actual, max }))
        } else {
            Ok(())
        }
    }

    fn key(&self, key: &[u8]) -> Result<Bytes, TxError> {
        let key = join(&self.prefix, key);
        self.at_most(
            "key bytes",
            key.len(),
            self.inner.shared.store_limits.key_bytes_max,
        )?;
        Ok(key)
    }

    fn range(&self, range: &KeyRange) -> Result<KeyRange, TxError> {
        let (start, end) = (self.key(&range.start)?, self.key(&range.end)?);
        if start > end {
            return Err(self.fail(TxError::Invalid {
                reason: "the range is inverted",
            }));
        }
        Ok(KeyRange { start, end })
    }

    fn note(&self, add: impl FnOnce(&mut ReadSet)) -> Result<(), TxError> {
        let reads = {
            let mut state = self.open_state()?;
            add(&mut state.reads);
            state.reads.len()
        };
        self.at_most(
            "reads of the transaction",
            reads,
            self.inner.shared.limits.transaction_reads_max,
        )
    }

    fn read_bytes_left(&self) -> Result<usize, TxError> {
        let max = self.inner.shared.limits.transaction_read_bytes_max;
        Ok(max.saturating_sub(self.open_state()?.read_bytes))
    }

    fn count_read(&self, bytes: usize) -> Result<(), TxError> {
        let total = {
            let mut state = self.open_state()?;
            state.read_bytes += bytes;
            state.read_bytes
        };
        self.at_most(
            "bytes read by the transaction",
            total,
            self.inner.shared.limits.transaction_read_bytes_max,
        )
    }

    fn grow(&self, bytes: usize) -> Result<MutexGuard<'_, State>, TxError> {
        if !self.inner.writable {
            return Err(self.fail(TxError::ReadOnly));
        }
        let (total, count) = {
            let mut state = self.open_state()?;
            state.bytes += bytes;
            (state.bytes, state.writes.len() + state.events.len() * 2 + 1)
        };
        let limits = &self.inner.shared.limits;
        self.at_most("transaction bytes", total, limits.transaction_bytes_max)?;
        self.at_most("writes of the transaction", count, limits.transaction_writes_max)?;
        self.open_state()
    }

    fn change(&self, bytes: usize, apply: impl FnOnce(&mut WriteBuffer)) -> Result<(), TxError> {
        apply(&mut self.grow(bytes)?.writes);
        Ok(())
    }
}

fn read_error(error: SnapshotError) -> TxError {
    match error {
        SnapshotError::Expired => TxError::SnapshotExpired,
        SnapshotError::Unavailable { reason } => TxError::Unavailable { reason },
        SnapshotError::Invalid { reason } => TxError::Invalid { reason },
    }
}
