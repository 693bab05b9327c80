//! Snapshots that transactions share. A version that is known is not asked again which position it shows; and of a
//! store elsewhere, where each opening is a call or two, one opening serves all who asked before it was begun: so each
//! still sees every commit that was answered before it asked.
//!
//! An opening belongs to all who wait for it, and any of them carries it on: nobody is held up by whoever began it and
//! is cancelled, or is not polled for a while because its task does something else.

use std::ptr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use cell_store::Snapshot;
use futures::future::{self, BoxFuture, FutureExt, WeakShared};
use parking_lot::Mutex;
use platform_model::Position;
use tokio::time::timeout;

use crate::error::TxError;
use crate::shard::Shared;

/// A version and the position that it shows.
pub(crate) type Opened = (Arc<dyn Snapshot>, Position);

type OpeningFuture = BoxFuture<'static, Result<Opened, TxError>>;

/// How long an opening waits for the one before it, so that more may join; then it begins beside that one.
const BEFORE_MAX: Duration = Duration::from_millis(250);

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
}

impl Openings {
    /// From here on whoever asks waits for another.
    fn begin_next(&self) {
        let mut elsewhere = self.elsewhere.lock();
        elsewhere.begun = elsewhere.next.take();
    }

    /// What the version shows, if it is the last one.
    fn shown_by(&self, snapshot: &Arc<dyn Snapshot>) -> Option<Position> {
        let known = self.known.lock();
        let (last, position) = known.as_ref()?;
        ptr::addr_eq(last.as_ptr(), Arc::as_ptr(snapshot)).then_some(*position)
    }
}

impl Shared {
    /// Opens a version that others may be shown too. Cancel-safe.
    pub(crate) async fn open_with_others(self: &Arc<Self>) -> Result<Opened, TxError> {
        // A version that ends by itself is one of a store elsewhere.
        if self.store_limits.snapshot_life.is_none() {
            return self.open_known().await;
        }
        self.next_opening().await
    }

    /// The opening that is begun next.
    fn next_opening(self: &Arc<Self>) -> future::Shared<OpeningFuture> {
        let mut elsewhere = self.openings.elsewhere.lock();
        if let Some(next) = elsewhere.next.as_ref().and_then(WeakShared::upgrade) {
            return next;
        }
        let before = elsewhere.begun.as_ref().and_then(WeakShared::upgrade);
        let shared = Arc::clone(self);
        let opening = async move {
            if let Some(before) = before {
                // What came of it is for those who asked for it.
                let _ = timeout(BEFORE_MAX, before).await;
            }
            shared.openings.begin_next();
            shared.open_snapshot().await
        };
        let opening = opening.boxed().shared();
        elsewhere.next = opening.downgrade();
        opening
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
