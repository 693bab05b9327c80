//! What is counted of every call: how often, with what outcome, for how long.

use std::time::Duration;

use cell_store::{CommitError, SnapshotError};

/// One kind of call on the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Snapshot,
    Get,
    GetMany,
    Scan,
    Commit,
}

impl Call {
    fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Get => "get",
            Self::GetMany => "get-many",
            Self::Scan => "scan",
            Self::Commit => "commit",
        }
    }
}

/// Counts a call that took so long. `outcome` is `ok` or the kind of its error.
pub(crate) fn note(call: Call, outcome: &'static str, took: Duration) {
    let call = call.name();
    metrics::counter!("cell_store_fdb_calls_total", "call" => call, "outcome" => outcome).increment(1);
    metrics::histogram!("cell_store_fdb_call_seconds", "call" => call).record(took.as_secs_f64());
}

/// A commit that met another transaction and begins anew.
pub(crate) fn note_conflict() {
    metrics::counter!("cell_store_fdb_conflicts_total").increment(1);
}

/// The outcome of a read.
pub(crate) fn of_read<T>(read: &Result<T, SnapshotError>) -> &'static str {
    match read {
        Ok(_) => "ok",
        Err(SnapshotError::Expired) => "expired",
        Err(SnapshotError::Unavailable { .. }) => "unavailable",
        Err(SnapshotError::Invalid { .. }) => "refused",
    }
}

/// The outcome of a commit.
pub(crate) fn of_commit(committed: &Result<(), CommitError>) -> &'static str {
    match committed {
        Ok(()) => "ok",
        Err(CommitError::Fenced { .. }) => "fenced",
        Err(CommitError::TooLarge { .. } | CommitError::Invalid { .. }) => "refused",
        Err(CommitError::Unavailable { .. }) => "unavailable",
        Err(CommitError::Unknown { .. }) => "unknown",
    }
}
