//! Snapshots that transactions share. A version that is known is not asked again which position it shows; and of a
//! store elsewhere, where each opening is a call or two, one opening serves all who asked before it was begun: so each
//! still sees every commit that was answered before it asked.
//!
//! Not for long work, whose threads give way to others: whoever opens holds up all who wait for it.

use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use cell_store::Snapshot;
use parking_lot::Mutex;
use platform_model::Position;

use crate::error::TxError;
use crate::shard::Shared;

/// A version and the position that it shows.
pub(crate) type Opened = (Arc<dyn Snapshot>, Position);

/// The last opening of a term.
#[derive(Default)]
pub(crate) struct Openings {
    /// Openings that were begun.
    begun: AtomicU64,
    /// Held while one is under way.
    turn: tokio::sync::Mutex<()>,
    last: Mutex<Option<Last>>,
}

/// Keeps no version alive. Its memory is not given to another one meanwhile, so that an address names it.
struct Last {
    number: u64,
    opened: Result<(Weak<dyn Snapshot>, Position), TxError>,
}

impl Openings {
    /// What the version shows, if it is the last one.
    fn shown_by(&self, snapshot: &Arc<dyn Snapshot>) -> Option<Position> {
        match &self.last.lock().as_ref()?.opened {
            Ok((last, position)) if ptr::addr_eq(last.as_ptr(), Arc::as_ptr(snapshot)) => Some(*position),
            _ => None,
        }
    }

    /// The last opening, if it was begun after so many others and its version still lives.
    fn after(&self, asked: u64) -> Option<Result<Opened, TxError>> {
        let last = self.last.lock();
        let last = last.as_ref().filter(|last| last.number > asked)?;
        match &last.opened {
            Ok((snapshot, position)) => Some(Ok((snapshot.upgrade()?, *position))),
            Err(error) => Some(Err(error.clone())),
        }
    }

    fn note(&self, number: u64, opened: &Result<Opened, TxError>) {
        let opened = match opened {
            Ok((snapshot, position)) => Ok((Arc::downgrade(snapshot), *position)),
            Err(error) => Err(error.clone()),
        };
        *self.last.lock() = Some(Last { number, opened });
    }
}

impl Shared {
    /// Opens a version that others may be shown too. Cancel-safe: whoever waits behind this opens in its place.
    pub(crate) async fn open_with_others(&self) -> Result<Opened, TxError> {
        // A version that ends by itself is one of a store elsewhere.
        if self.store_limits.snapshot_life.is_none() {
            return self.open_known().await;
        }
        let openings = &self.openings;
        let asked = openings.begun.load(Ordering::SeqCst);
        let _turn = openings.turn.lock().await;
        if let Some(opened) = openings.after(asked) {
            return opened;
        }
        let number = openings.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let opened = self.open_snapshot().await;
        openings.note(number, &opened);
        opened
    }

    async fn open_known(&self) -> Result<Opened, TxError> {
        let snapshot = self.open_version().await?;
        if let Some(position) = self.openings.shown_by(&snapshot) {
            return Ok((snapshot, position));
        }
        let opened = self.shown(snapshot).await;
        self.openings.note(0, &opened);
        opened
    }
}

#[cfg(test)]
mod tests;
