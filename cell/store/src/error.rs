//! What can go wrong, with the one distinction that matters: whether something may have been written.

use bytes::Bytes;
use thiserror::Error;

const UNAVAILABLE_HINT: &str = "see whether the engine serves: `celld --config FILE --check-store`";

/// Opening a snapshot failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The engine has stopped or cannot be reached.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// For people.
        reason: String,
    },
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub fn retryable(&self) -> bool {
        true
    }

    /// What to do.
    pub fn hint(&self) -> &'static str {
        UNAVAILABLE_HINT
    }
}

/// A read failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// The snapshot outlived what the engine keeps; open a new one.
    #[error("the snapshot has expired")]
    Expired,
    /// The engine has stopped, cannot be reached, or found its data damaged.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// For people.
        reason: String,
    },
    /// A fault of the caller: an inverted range, too many keys.
    #[error("invalid read: {reason}")]
    Invalid {
        /// For people.
        reason: &'static str,
    },
}

impl SnapshotError {
    /// Whether the same read on a new snapshot may succeed.
    pub fn retryable(&self) -> bool {
        !matches!(self, Self::Invalid { .. })
    }

    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Expired => {
                "open another snapshot; what reads for long reads in pages, each of its own snapshot"
            }
            Self::Unavailable { .. } => UNAVAILABLE_HINT,
            Self::Invalid { .. } => "ask for fewer keys, or for a range that begins before it ends",
        }
    }
}

/// A commit failed. Nothing was written, ever, unless it is [`CommitError::Unknown`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommitError {
    /// A fence did not hold; nothing was written.
    #[error("fenced: another writer changed {key:?}")]
    Fenced {
        /// The key of the fence.
        key: Bytes,
        /// What stands there.
        found: Option<Bytes>,
    },
    /// A limit was passed; nothing was written, and the same batch never will be.
    #[error("{what} is too large: {actual}, at most {max}")]
    TooLarge {
        /// Which limit, in the words of [`crate::Limits`].
        what: &'static str,
        /// How much there was (a lower bound where counting stopped early).
        actual: usize,
        /// How much there may be.
        max: usize,
    },
    /// A fault of the caller: an empty key, an inverted range. Nothing was written.
    #[error("invalid batch: {reason}")]
    Invalid {
        /// For people.
        reason: &'static str,
    },
    /// The engine has stopped, is full or cannot be reached; nothing was written.
    #[error("the store is unavailable, nothing was written: {reason}")]
    Unavailable {
        /// For people.
        reason: String,
    },
    /// The batch may have been written, or may still be.
    #[error("the outcome of the commit is unknown: {reason}")]
    Unknown {
        /// For people.
        reason: String,
    },
}

impl CommitError {
    /// Whether the same batch may simply be committed again. Not after `Unknown`: the fence must be moved
    /// first, and the state read.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Fenced { .. } => "another writer has the fence: read it, and go on only if it is one's own",
            Self::TooLarge { .. } => {
                "make it smaller: several batches, a value in parts or in the blob layer; the limits are the same on every engine"
            }
            Self::Invalid { .. } => "a key has at least one byte, a range begins before it ends",
            Self::Unavailable { .. } => UNAVAILABLE_HINT,
            Self::Unknown { .. } => "commit another attempt under the fence, then read what there is",
        }
    }
}
