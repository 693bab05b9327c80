//! Waits until the cluster answers and is ours. An empty one becomes this world's, if the settings say so; a look, which
//! claims nothing, sends no commit at all.

use std::time::Duration;

use foundationdb::options::StreamingMode;
use foundationdb::{FdbError, RangeOption};

use crate::fdb::{Shared, reason};
use crate::{OpenError, Settings, keys, marker, times};

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);

/// Why the cluster is not open.
enum NotOpen {
    /// For good.
    Never(OpenError),
    /// It may pass; why, for people.
    Yet(String),
}

impl From<FdbError> for NotOpen {
    fn from(error: FdbError) -> Self {
        Self::Yet(reason(error.code(), error.message()))
    }
}

impl From<OpenError> for NotOpen {
    fn from(error: OpenError) -> Self {
        Self::Never(error)
    }
}

/// Answers whether the cluster holds this world's data now, and not nothing.
///
/// # Errors
/// What is wrong for good at once; what may pass when the time of the settings is over.
pub(crate) async fn when_ready(shared: &Shared, settings: &Settings) -> Result<bool, OpenError> {
    let until = shared.clock.monotonic() + settings.ready_within;
    loop {
        let left = until.saturating_sub(shared.clock.monotonic());
        let reason = match claim(shared, settings, left.min(times::commit_within())).await {
            Ok(is_claimed) => return Ok(is_claimed),
            Err(NotOpen::Never(error)) => return Err(error),
            Err(NotOpen::Yet(reason)) => reason,
        };
        if shared.clock.monotonic() + PAUSE >= until {
            return Err(OpenError::NotReady { reason });
        }
        tracing::info!(reason, "waiting for the FoundationDB cluster");
        shared.clock.sleep(PAUSE).await;
    }
}

async fn claim(shared: &Shared, settings: &Settings, within: Duration) -> Result<bool, NotOpen> {
    let transaction = shared.begin(within)?;
    if let Some(found) = transaction.get(&keys::marker(), false).await? {
        return Ok(marker::judge(&found, &settings.world).map(|()| true)?);
    }
    let (first, end) = keys::all();
    let any = RangeOption {
        limit: Some(1),
        mode: StreamingMode::WantAll,
        ..RangeOption::from((first, end))
    };
    // Not a snapshot read: whoever writes a row meanwhile conflicts with the claim.
    if !transaction.get_range(&any, 1, false).await?.is_empty() {
        return Err(OpenError::NotOurs.into());
    }
    if !settings.claims {
        return Ok(false);
    }
    transaction.set(&keys::marker(), &marker::encode(&settings.world));
    // One of two that claim an empty cluster conflicts, and reads at its next try what the other wrote; so it is with a
    // commit that nobody heard of.
    transaction.commit().await.map_err(FdbError::from)?;
    Ok(true)
}
