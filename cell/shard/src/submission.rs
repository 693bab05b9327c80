//! What a finished transaction hands to the committer, and what it gets back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use platform_model::Position;
use tokio::sync::oneshot;

use crate::buffer::WriteBuffer;
use crate::gate::End;
use crate::outbox::Emitted;
use crate::window::ReadSet;

/// A transaction that waits to be validated and committed.
#[derive(Debug)]
pub(crate) struct Submission {
    /// Of its first snapshot; none if it read nothing.
    pub read: Option<Position>,
    pub reads: ReadSet,
    pub writes: WriteBuffer,
    /// Its record in the log entry; empty if it only wants its reads validated.
    pub record: Bytes,
    /// What it puts into the outbox.
    pub events: Vec<Emitted>,
    /// What it adds to the batch: its rows, its record and its events.
    pub bytes: usize,
    /// Keys that its cleared ranges remove.
    pub cleared: usize,
    /// It is answered only when the standbys have it.
    pub sync: bool,
    /// The log time that it went by, which its entry's is not below.
    pub log_time_ms: u64,
    /// Its part of the bytes that may wait; none for the shard's own.
    pub place: Option<Place>,
    pub reply: oneshot::Sender<Verdict>,
}

impl Submission {
    pub(crate) fn is_check_only(&self) -> bool {
        self.record.is_empty()
    }
}

/// Bytes of a transaction that waits; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    waiting: Arc<AtomicUsize>,
    bytes: usize,
}

impl Place {
    /// None when `bytes` more would be too many. One that waits alone always has room.
    pub(crate) fn take(waiting: &Arc<AtomicUsize>, bytes: usize, max: usize) -> Option<Self> {
        let before = waiting.fetch_add(bytes, Ordering::Relaxed);
        let place = Self {
            waiting: Arc::clone(waiting),
            bytes,
        };
        (before == 0 || before + bytes <= max).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// In the entry at this position, which is durable. Of a check: its reads are valid there.
    Committed(Position),
    /// It lost against what stands at this position, or before; nothing of it was written.
    Conflict(Position),
    /// Its group was not written, and never will be.
    NotWritten,
    /// The store refused it for its size; nothing was written.
    TooLarge,
    /// The store could not be reached; nothing was written.
    Unavailable,
    /// The shard is being handed over; nothing of it was written.
    Moving,
    /// It may have been written.
    Unknown,
    /// The term ended before it was part of a group; nothing of it was written.
    Ended(End),
}
