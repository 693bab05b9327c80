//! Fences: compare a key inside the transaction that writes.

use bytes::Bytes;

use crate::CommitError;

/// The commit takes place only if `key` holds exactly `expected` (`None`: is absent).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// Which key.
    pub key: Bytes,
    /// What must stand there.
    pub expected: Option<Bytes>,
}

impl Fence {
    /// The key must hold `expected`.
    pub fn equals(key: impl Into<Bytes>, expected: impl Into<Bytes>) -> Self {
        Self {
            key: key.into(),
            expected: Some(expected.into()),
        }
    }

    /// The key must be absent.
    pub fn absent(key: impl Into<Bytes>) -> Self {
        Self {
            key: key.into(),
            expected: None,
        }
    }
}

/// Checks all fences in order against `get`; the first that does not hold is named. For engines.
///
/// # Errors
/// [`CommitError::Fenced`], or whatever `get` answers.
pub fn check_fences(
    fences: &[Fence],
    mut get: impl FnMut(&[u8]) -> Result<Option<Bytes>, CommitError>,
) -> Result<(), CommitError> {
    for fence in fences {
        let found = get(&fence.key)?;
        if found != fence.expected {
            return Err(CommitError::Fenced {
                key: fence.key.clone(),
                found,
            });
        }
    }
    Ok(())
}
