//! What an error of tikv-client 0.4 means. This is why its version is pinned: which of its errors can come after the
//! commit of the primary key was sent was read in its source.
//!
//! `Transaction::commit` locks (prewrite), then commits the primary key. Only the second step makes a transaction be;
//! until it was sent nothing can ever be written. The client marks `UndeterminedError` for transport errors of that
//! step alone, and not for its gRPC statuses, region errors and errors of keys: those are told apart here, and what
//! can be of either step is taken for the second. Nothing of a key or value goes into a reason.

use tikv_client::{Error, ProtoKeyError, ProtoRegionError};

/// `tonic::Code::Unimplemented`, of a tonic that is not ours.
const UNIMPLEMENTED: i32 = 12;

/// Why a commit failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CommitFailure {
    /// Found while locking: another transaction wrote or holds one of the keys. Never sent.
    Conflict(String),
    /// The store could not be reached to lock. Never sent.
    NotSent(String),
    /// It may have been sent.
    Unknown(String),
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadFailure {
    pub reason: String,
    /// Whether the same call may succeed soon.
    pub retryable: bool,
    /// Whether the cluster does not know the call.
    pub unimplemented: bool,
}

impl ReadFailure {
    /// No answer, within whatever bound.
    pub fn late() -> Self {
        Self {
            reason: "the cluster did not answer in time".into(),
            retryable: true,
            unimplemented: false,
        }
    }

    /// The call panicked, or the process ends.
    pub fn broken_off() -> Self {
        Self {
            reason: "the call broke off".into(),
            retryable: false,
            unimplemented: false,
        }
    }
}

pub(crate) fn of_commit(error: &Error) -> CommitFailure {
    match error {
        // Wrapped in `UndeterminedError` when it comes after the first step.
        Error::Grpc(_) => CommitFailure::NotSent(reason(error)),
        // Only locking meets locks.
        Error::ResolveLockError(_) => CommitFailure::Conflict(reason(error)),
        Error::MultipleKeyErrors(errors) if errors.iter().all(is_conflict) && !errors.is_empty() => {
            CommitFailure::Conflict(reason(error))
        }
        _ => CommitFailure::Unknown(reason(error)),
    }
}

/// Written by somebody since the transaction began: found by locking only.
fn is_conflict(error: &Error) -> bool {
    match error {
        Error::KeyError(key) => key.conflict.is_some(),
        Error::MultipleKeyErrors(errors) | Error::ExtractedErrors(errors) => {
            !errors.is_empty() && errors.iter().all(is_conflict)
        }
        _ => false,
    }
}

pub(crate) fn of_read(error: &Error) -> ReadFailure {
    let status = status(error);
    let unimplemented = status == Some(UNIMPLEMENTED) || matches!(error, Error::Unimplemented);
    let for_good = matches!(
        error,
        Error::OperationAfterCommitError | Error::InvalidTransactionType | Error::UnsupportedMode
    );
    ReadFailure {
        reason: reason(error),
        retryable: !unimplemented && !for_good,
        unimplemented,
    }
}

fn status(error: &Error) -> Option<i32> {
    match error {
        Error::GrpcAPI(status) => Some(status.code() as i32),
        Error::UndeterminedError(inner) => self::status(inner),
        Error::MultipleKeyErrors(errors) | Error::ExtractedErrors(errors) => errors.iter().find_map(status),
        _ => None,
    }
}

/// In words; the error's own text would show keys.
pub(crate) fn reason(error: &Error) -> String {
    match error {
        Error::Grpc(source) => format!("a store or placement driver cannot be reached: {}", chain(source)),
        Error::GrpcAPI(status) => format!(
            "a store answered {:?}: {}",
            status.code(),
            first_line(status.message())
        ),
        Error::RegionError(region) => of_region(region).into(),
        Error::KeyError(key) => of_key(key).into(),
        Error::ResolveLockError(locks) => format!("{} locks of another transaction stay", locks.len()),
        Error::UndeterminedError(inner) => format!("no answer to the commit: {}", reason(inner)),
        Error::MultipleKeyErrors(errors) | Error::ExtractedErrors(errors) => errors
            .first()
            .map_or_else(|| "an error without a cause".into(), reason),
        Error::LeaderNotFound { .. } => "a region has no leader".into(),
        Error::RegionForKeyNotFound { .. } | Error::RegionForRangeNotFound { .. } => {
            "no region holds a key".into()
        }
        Error::TxnNotFound(_) => "the transaction was rolled back meanwhile".into(),
        Error::PessimisticLockError { inner, .. } => reason(inner),
        Error::Channel(_) | Error::Canceled(_) => "the placement driver gave no timestamp".into(),
        Error::InternalError { message } | Error::KvError { message } | Error::StringError(message) => {
            first_line(message)
        }
        other => first_line(&other.to_string()),
    }
}

fn of_region(error: &ProtoRegionError) -> &'static str {
    if error.disk_full.is_some() {
        "the cluster is full; hint: add stores or space, `pd-ctl store` says which are full"
    } else if error.server_is_busy.is_some() {
        "a store is busy or nearly full; hint: see its write stalls and its free space"
    } else if error.not_leader.is_some() {
        "a region changes its leader"
    } else if error.region_not_found.is_some()
        || error.epoch_not_match.is_some()
        || error.stale_command.is_some()
    {
        "a region moves"
    } else if error.raft_entry_too_large.is_some() {
        "a write passes the store's `raft-entry-max-size`; hint: leave it at 8MB or more"
    } else if error.flashback_in_progress.is_some() {
        "the cluster is being restored to an earlier time"
    } else {
        "a region does not serve"
    }
}

fn of_key(error: &ProtoKeyError) -> &'static str {
    if error.conflict.is_some() {
        "another transaction wrote first"
    } else if error.locked.is_some() {
        "a key is locked by another transaction"
    } else if error.txn_not_found.is_some() {
        "the transaction was rolled back meanwhile"
    } else if error.commit_ts_expired.is_some() {
        "the commit came too late"
    } else if !error.retryable.is_empty() {
        "the store asks to try again"
    } else if !error.abort.is_empty() {
        "the store aborted the transaction"
    } else {
        "the store refused a key"
    }
}

fn first_line(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    first_line(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_error(change: impl FnOnce(&mut ProtoKeyError)) -> Error {
        let mut error = ProtoKeyError::default();
        change(&mut error);
        Error::KeyError(Box::new(error))
    }

    fn conflict() -> Error {
        key_error(|error| error.conflict = Some(Default::default()))
    }

    #[test]
    fn what_locking_alone_can_find_was_never_sent() {
        for error in [
            Error::MultipleKeyErrors(vec![conflict(), conflict()]),
            Error::ResolveLockError(Vec::new()),
        ] {
            assert!(
                matches!(of_commit(&error), CommitFailure::Conflict(_)),
                "{error:?}"
            );
        }
    }

    #[test]
    fn whatever_can_follow_a_sent_commit_is_unknown() {
        let busy = ProtoRegionError {
            server_is_busy: Some(Default::default()),
            ..Default::default()
        };
        let aborted = key_error(|error| error.abort = "gone".into());
        for error in [
            Error::UndeterminedError(Box::new(Error::MultipleKeyErrors(vec![conflict()]))),
            Error::RegionError(Box::new(busy)),
            Error::ExtractedErrors(vec![aborted]),
            Error::MultipleKeyErrors(vec![conflict(), key_error(|error| error.retryable = "x".into())]),
            Error::MultipleKeyErrors(Vec::new()),
            Error::InternalError {
                message: "no timestamp".into(),
            },
            Error::StringError("commitTS rejected".into()),
        ] {
            assert!(
                matches!(of_commit(&error), CommitFailure::Unknown(_)),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_full_cluster_says_so_with_a_hint() {
        let full = ProtoRegionError {
            disk_full: Some(Default::default()),
            ..Default::default()
        };
        let failure = of_commit(&Error::RegionError(Box::new(full)));
        let CommitFailure::Unknown(reason) = failure else {
            panic!("{failure:?}")
        };
        assert!(reason.contains("full") && reason.contains("hint:"), "{reason}");
    }

    #[test]
    fn no_reason_shows_a_key() {
        let conflict = key_error(|error| {
            let mut conflict = error.conflict.take().unwrap_or_default();
            conflict.key = b"SECRET".to_vec();
            conflict.primary = b"SECRET".to_vec();
            error.conflict = Some(conflict);
        });
        let missing = Error::RegionForKeyNotFound {
            key: b"SECRET".to_vec(),
        };
        for error in [Error::MultipleKeyErrors(vec![conflict]), missing] {
            assert!(
                !reason(&error).contains("SECRET") && !reason(&error).contains("83, 69"),
                "{}",
                reason(&error)
            );
        }
    }
}
