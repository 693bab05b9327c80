//! What can go wrong: opening a shard, inside a transaction, at its end, reading the log.

use platform_model::{Epoch, Position, ShardId};
use thiserror::Error;

/// Opening a shard failed. Nothing is served; open again after the cause is gone.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The fence belongs to a later epoch, or to another node in this one; or to one that holds a copy, and this one
    /// has only to erase.
    #[error("{shard} is owned by {owner}, not by {asked}")]
    Fenced {
        shard: ShardId,
        owner: String,
        asked: Epoch,
    },
    /// What stands in the store contradicts itself. Never repaired by itself.
    #[error("the log of {shard} is damaged at position {position}: {reason}")]
    Damaged {
        shard: ShardId,
        position: Position,
        reason: String,
    },
    /// Written by a later version of this program.
    #[error("{what} of {shard} has version {found}, this program knows up to {known}")]
    TooNew {
        shard: ShardId,
        what: &'static str,
        found: u32,
        known: u32,
    },
    #[error("the store is unavailable: {reason}")]
    Unavailable { reason: String },
}

impl OpenError {
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// A step inside a transaction failed. The transaction cannot commit any more, whatever its closure answers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TxError {
    /// A key, value, page or the whole transaction is too large, or has too many parts.
    #[error("{what} is too large: {actual}, at most {max}")]
    Limit {
        what: &'static str,
        actual: usize,
        max: usize,
    },
    /// A read-only transaction tried to write.
    #[error("a read-only transaction cannot write")]
    ReadOnly,
    /// An inverted range, an empty key, a shared table with a reserved name.
    #[error("invalid use of a transaction: {reason}")]
    Invalid { reason: &'static str },
    /// Others were faster; the shard runs the closure again.
    #[error("the transaction lost against another")]
    Conflict,
    /// The snapshot ended and could not be replaced; the shard runs the closure again.
    #[error("the snapshot has expired")]
    SnapshotExpired,
    /// The shard is no longer ours.
    #[error("the shard is no longer owned by this node")]
    Fenced,
    #[error("the store is unavailable: {reason}")]
    Unavailable { reason: String },
    /// More events wait for their delivery than may.
    #[error("too many events wait in the outbox")]
    OutboxFull,
    /// The handle was kept past the end of its closure.
    #[error("the transaction has ended")]
    Ended,
}

impl TxError {
    /// Whether a bound of the platform was passed, so that the caller's request is at fault.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::Limit { .. })
    }

    /// Whether running the closure again may help.
    pub fn retryable(&self) -> bool {
        matches!(
            self,
            Self::Conflict | Self::SnapshotExpired | Self::Unavailable { .. }
        )
    }
}

/// A transaction did not commit, except after `Unknown`, where it may have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteError<E> {
    /// The closure's own answer; nothing was written, and all that it saw is committed.
    #[error("rejected")]
    Rejected(E),
    /// Lost against others as often as it may be tried.
    #[error("too many conflicts with other transactions")]
    Conflict,
    /// Larger than one transaction may be.
    #[error("the transaction is too large")]
    TooLarge,
    /// The shard's queue is full; nothing was written.
    #[error("the shard is overloaded")]
    Overloaded,
    /// The deadline passed before it was handed to the committer; nothing was written.
    #[error("the deadline passed, nothing was written")]
    Timeout,
    /// It may have been written, or may still be.
    #[error("the outcome is unknown")]
    Unknown,
    /// The shard is not (or no longer) ours; nothing was written.
    #[error("the shard is no longer owned by this node")]
    Fenced,
    /// The shard is being handed over to another node; nothing was written. Whoever holds the request back for a moment
    /// finds it served there.
    #[error("the shard is moving to another node")]
    Moving,
    /// What the caller has seen was cut off by a failover, or is of an epoch after this one.
    #[error("the state that was seen before is lost")]
    Lost,
    /// The store cannot be reached; nothing was written.
    #[error("the store is unavailable")]
    Unavailable,
}

impl<E> WriteError<E> {
    /// Whether the same request may be sent again as it is: nothing of it was written.
    pub fn retryable(&self) -> bool {
        matches!(
            self,
            Self::Conflict | Self::Overloaded | Self::Timeout | Self::Moving | Self::Unavailable
        )
    }
}

/// Reading the change log failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LogError {
    /// The entries asked for are gone: the reader must be made anew.
    #[error("the log is trimmed up to {trimmed}")]
    Trimmed { trimmed: Position },
    /// The log has another entry there than the reader has, or none: it was cut off by a failover.
    #[error("the log does not go on from the entry that was read at {position}")]
    Diverged { position: Position },
    #[error("the log is damaged at position {position}: {reason}")]
    Damaged { position: Position, reason: String },
    #[error("an entry has version {found}, this program knows up to {known}")]
    TooNew { found: u32, known: u32 },
    #[error("the store is unavailable: {reason}")]
    Unavailable { reason: String },
}
