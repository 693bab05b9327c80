//! How far a backup or a restore is, for whoever looks on.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of what was done so far.
#[derive(Debug, Default)]
pub struct Progress {
    parts: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
    bytes_of: AtomicU64,
}

impl Progress {
    pub(crate) fn add(&self, rows: u64, bytes: u64) {
        self.parts.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn expect(&self, bytes: u64) {
        self.bytes_of.store(bytes, Ordering::Relaxed);
    }

    pub fn parts(&self) -> u64 {
        self.parts.load(Ordering::Relaxed)
    }

    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Of keys and values.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How many there will be; 0: not known.
    pub fn bytes_of(&self) -> u64 {
        self.bytes_of.load(Ordering::Relaxed)
    }
}
