//! What is counted of every call: how often, with what outcome, for how long.

use std::time::Duration;

/// One kind of call on the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Snapshot,
    Get,
    GetMany,
    Scan,
    Commit,
    Decide,
    Janitor,
}

impl Call {
    fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Get => "get",
            Self::GetMany => "get-many",
            Self::Scan => "scan",
            Self::Commit => "commit",
            Self::Decide => "decide",
            Self::Janitor => "janitor",
        }
    }
}

/// Counts a call that took so long. `outcome` is `ok` or the kind of its error.
pub(crate) fn note(call: Call, outcome: &'static str, took: Duration) {
    let call = call.name();
    metrics::counter!("cell_store_tikv_calls_total", "call" => call, "outcome" => outcome).increment(1);
    metrics::histogram!("cell_store_tikv_call_seconds", "call" => call).record(took.as_secs_f64());
}

/// A commit that met another transaction and begins anew.
pub(crate) fn note_conflict() {
    metrics::counter!("cell_store_tikv_conflicts_total").increment(1);
}

/// Locks of dead transactions that were resolved.
pub(crate) fn note_orphans(locks: usize) {
    metrics::counter!("cell_store_tikv_orphaned_locks_total").increment(locks as u64);
}
