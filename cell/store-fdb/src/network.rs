//! The client's network thread: one in a process, started once, stopped before the process ends.

use std::sync::atomic::{AtomicBool, Ordering};

use foundationdb::FdbError;
use foundationdb::api::{FdbApiBuilder, NetworkAutoStop};

use crate::{OpenError, codes};

/// API 7.3, in the library's numbers.
const API: i32 = 730;

static STARTED: AtomicBool = AtomicBool::new(false);

/// Starts it. Whoever holds the guard keeps it running; every handle of the library must be dropped before.
///
/// # Errors
/// The library is too old, or was started before in this process.
pub(crate) fn start() -> Result<NetworkAutoStop, OpenError> {
    let library = |reason: String| OpenError::Library { reason };
    if STARTED.swap(true, Ordering::AcqRel) {
        return Err(library("it was started before in this process".into()));
    }
    let failed = |error: FdbError| match error.code() {
        codes::API_VERSION_NOT_SUPPORTED => OpenError::OldApi { needed: API },
        _ => library(error.message().into()),
    };
    let network = FdbApiBuilder::default()
        .set_runtime_version(API)
        .build()
        .map_err(failed)?;
    #[expect(
        unsafe_code,
        reason = "the library asks that the guard outlives its handles: `Shared` drops them first"
    )]
    // SAFETY: the guard lives in `Shared` behind the database, in every handle that can reach the library, so that it
    // is dropped after all of them and before the process ends in order.
    let running = unsafe { network.boot() };
    running.map_err(failed)
}
