//! Snapshots that transactions share. A version that is known is not asked again which position it shows; and of a
//! store elsewhere, where each opening is a call or two, one opening serves all who asked before it was begun: so each
//! still sees every commit that was answered before it asked. What those want first is read in the same call as the
//! position.
//!
//! An opening belongs to all who wait for it, and any of them carries it on: nobody is held up by whoever began it and
//! is cancelled, or is not polled for a while because its task does something else.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;
use std::{iter, mem, ptr};

use bytes::Bytes;
use cell_store::{Snapshot, SnapshotError};
use futures::future::{self, BoxFuture, FutureExt, WeakShared};
use parking_lot::Mutex;
use platform_model::Position;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::error::TxError;
use crate::limits::READ_KEYS_AT_ONCE;
use crate::shard::Shared;

/// A version and the position that it shows.
pub(crate) type Opened = (Arc<dyn Snapshot>, Position);

/// What a version says of the key that somebody wants first; none if it was not read as the version was opened.
pub(crate) type First = Option<Option<Bytes>>;

/// Keys that were read, with their values.
type Rows = BTreeMap<Bytes, Option<Bytes>>;

type OpeningFuture = BoxFuture<'static, Result<(Opened, Arc<Rows>), TxError>>;
type Opening = future::Shared<OpeningFuture>;

/// How long an opening waits for the one before it, so that more may join; then it begins beside that one.
const BEFORE_MAX: Duration = Duration::from_millis(250);
/// How long the position waits for what is read with it; then each reads for itself.
const TOGETHER_MAX: Duration = Duration::from_millis(250);
/// How long after that nothing is read with an opening: whoever wants a row that is away holds up the others no more.
const ALONE_FOR: Duration = Duration::from_secs(5);
/// Keys that are read with an opening, beside the shard's own.
const WANTED_MAX: usize = READ_KEYS_AT_ONCE - 1;
/// Bytes of a value that is kept with an opening; a larger one is read again, by whoever wants it.
const KEPT_BYTES_MAX: usize = 4 << 10;

/// The openings of a term. Keeps none of them, and no version, alive.
#[derive(Default)]
pub(crate) struct Openings {
    elsewhere: Mutex<Elsewhere>,
    /// The last version that was published. Its memory is not given to another one meanwhile, so that an address
    /// names it.
    known: Mutex<Option<(Weak<dyn Snapshot>, Position)>>,
}

/// Openings of a store elsewhere.
#[derive(Default)]
struct Elsewhere {
    /// The last that was begun: whoever asks now may not be given it.
    begun: Option<WeakShared<OpeningFuture>>,
    /// That of all who ask before it is begun.
    next: Option<WeakShared<OpeningFuture>>,
    /// When that was first asked for, on the shard's clock.
    next_since: Duration,
    /// What those want of it first.
    wanted: BTreeSet<Bytes>,
    /// Nothing is read with an opening until then, on the same clock.
    alone_until: Duration,
}

impl Openings {
    /// From here on whoever asks waits for another. Answers what is to be read with this one.
    fn begin_next(&self, now: Duration) -> BTreeSet<Bytes> {
        let mut elsewhere = self.elsewhere.lock();
        elsewhere.begun = elsewhere.next.take();
        let wanted = mem::take(&mut elsewhere.wanted);
        if now < elsewhere.alone_until {
            BTreeSet::new()
        } else {
            wanted
        }
    }

    /// What the version shows, if it is the last one.
    fn shown_by(&self, snapshot: &Arc<dyn Snapshot>) -> Option<Position> {
        let known = self.known.lock();
        let (last, position) = known.as_ref()?;
        ptr::addr_eq(last.as_ptr(), Arc::as_ptr(snapshot)).then_some(*position)
    }
}

impl Shared {
    /// Opens a version that others may be shown too, for somebody who wants `first` of it, if he knows. Cancel-safe.
    pub(crate) async fn open_with_others(
        self: &Arc<Self>,
        first: Option<&Bytes>,
    ) -> Result<(Opened, First), TxError> {
        // A version that ends by itself is one of a store elsewhere.
        if self.store_limits.snapshot_life.is_none() {
            return Ok((self.open_known().await?, None));
        }
        let (before, mut opening) = self.next_opening(first);
        if let Some((before, at_most)) = before {
            // What came of it is for those who asked for it.
            let _ = timeout(at_most, before).await;
        }
        // Who were answered together ask together, one after the other: all of them before it is begun.
        yield_now().await;
        let (opened, rows) = loop {
            // Looked after now and then: whoever was woken to carry it on may have gone just then.
            if let Ok(read) = timeout(BEFORE_MAX, &mut opening).await {
                break read?;
            }
        };
        let value = first.and_then(|key| rows.get(key).cloned());
        Ok((opened, value))
    }

    /// The one before it, if that is under way, and how long to wait for it; then the opening that is begun next, by
    /// whoever polls it first.
    fn next_opening(self: &Arc<Self>, first: Option<&Bytes>) -> (Option<(Opening, Duration)>, Opening) {
        let now = self.clock.monotonic();
        let mut elsewhere = self.openings.elsewhere.lock();
        let next = elsewhere.next.as_ref().and_then(WeakShared::upgrade);
        let next = next.unwrap_or_else(|| {
            let shared = Arc::clone(self);
            let opening = async move {
                let wanted = shared.openings.begin_next(shared.clock.monotonic());
                let opened = AssertUnwindSafe(shared.open_reading(wanted)).catch_unwind().await;
                // Else it would be the panic of all who wait, and of all who ask for as long as one of them keeps it.
                opened.unwrap_or_else(|_| {
                    tracing::error!(shard = %shared.ownership.shard, "opening a version panicked");
                    let reason = "opening a version panicked".to_owned();
                    Err(TxError::Unavailable { reason })
                })
            };
            let opening = opening.boxed().shared();
            elsewhere.next = opening.downgrade();
            elsewhere.next_since = now;
            // Those who wanted something of one that was never begun are gone.
            elsewhere.wanted.clear();
            opening
        });
        if let Some(key) = first
            && elsewhere.wanted.len() < WANTED_MAX
        {
            elsewhere.wanted.insert(key.clone());
        }
        let at_most = (elsewhere.next_since + BEFORE_MAX).saturating_sub(now);
        let before = elsewhere.begun.as_ref().and_then(WeakShared::upgrade);
        (before.map(|before| (before, at_most)), next)
    }

    /// Opens a version and reads of it, in one call if that goes well, the position that it shows and these keys.
    async fn open_reading(&self, keys: BTreeSet<Bytes>) -> Result<(Opened, Arc<Rows>), TxError> {
        let snapshot = self.open_version().await?;
        if !keys.is_empty() {
            if let Ok(Ok((applied, rows))) = timeout(TOGETHER_MAX, self.read_with(&*snapshot, keys)).await {
                return Ok((self.shown_by(snapshot, applied)?, Arc::new(rows)));
            }
            // The row of one may be away: that is for him alone.
            let until = self.clock.monotonic() + ALONE_FOR;
            self.openings.elsewhere.lock().alone_until = until;
        }
        Ok((self.shown(snapshot).await?, Arc::default()))
    }

    /// What a version says of the shard's position, and these keys but for large values.
    async fn read_with(
        &self,
        snapshot: &dyn Snapshot,
        keys: BTreeSet<Bytes>,
    ) -> Result<(Option<Bytes>, Rows), SnapshotError> {
        let keys: Vec<Bytes> = iter::once(self.keys.applied.clone()).chain(keys).collect();
        let values = snapshot.get_many(&keys).await?;
        let mut rows = keys.into_iter().zip(values);
        let applied = rows.next().and_then(|(_, applied)| applied);
        let is_kept =
            |value: &Option<Bytes>| value.as_ref().is_none_or(|value| value.len() <= KEPT_BYTES_MAX);
        Ok((applied, rows.filter(|(_, value)| is_kept(value)).collect()))
    }

    async fn open_known(&self) -> Result<Opened, TxError> {
        let snapshot = self.open_version().await?;
        if let Some(position) = self.openings.shown_by(&snapshot) {
            return Ok((snapshot, position));
        }
        let (snapshot, position) = self.shown(snapshot).await?;
        *self.openings.known.lock() = Some((Arc::downgrade(&snapshot), position));
        Ok((snapshot, position))
    }
}

#[cfg(test)]
mod tests;
