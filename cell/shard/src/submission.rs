//! What a finished transaction hands to the committer, and what it gets back.

use bytes::Bytes;
use platform_model::Position;
use tokio::sync::oneshot;

use crate::buffer::WriteBuffer;
use crate::gate::End;
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
    /// What it adds to the batch: its rows and its record.
    pub bytes: usize,
    /// Keys that its cleared ranges remove.
    pub cleared: usize,
    pub reply: oneshot::Sender<Verdict>,
}

impl Submission {
    pub(crate) fn is_check_only(&self) -> bool {
        self.record.is_empty()
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// In the entry at this position, which is durable. Of a check: its reads are valid there.
    Committed(Position),
    /// It lost; nothing of it was written.
    Conflict,
    /// Its group was not written, and never will be.
    NotWritten,
    /// The store refused it for its size; nothing was written.
    TooLarge,
    /// The store could not be reached; nothing was written.
    Unavailable,
    /// It may have been written.
    Unknown,
    /// The term ended before it was part of a group; nothing of it was written.
    Ended(End),
}
