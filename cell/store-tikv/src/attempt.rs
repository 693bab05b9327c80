//! Calls that change nothing: each with a bound on its time, tried again while that may help. The client itself does
//! not try a refused connection again, and waits for a placement driver much longer than anybody waits for an answer.

use std::time::Duration;

use platform_runtime::clock::Clock;
use platform_runtime::retry::{self, Policy};

use crate::failure::{self, ReadFailure};

/// For one call of the contract.
pub(crate) const CALL_WITHIN: Duration = Duration::from_secs(4);

const POLICY: Policy = Policy {
    attempts: 100,
    base: Duration::from_millis(10),
    cap: Duration::from_millis(200),
    within: CALL_WITHIN,
};

/// Tries `call` until it succeeds, fails for good, or has no time left.
///
/// # Errors
/// Of the last attempt.
pub(crate) async fn retried<T, F, Fut>(clock: &Clock, mut call: F) -> Result<T, ReadFailure>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = tikv_client::Result<T>>,
{
    retry::run(
        POLICY,
        clock,
        |failure: &ReadFailure| failure.retryable,
        |_attempt| once(CALL_WITHIN, call()),
    )
    .await
}

/// One attempt, bounded.
pub(crate) async fn once<T>(
    within: Duration,
    call: impl Future<Output = tikv_client::Result<T>>,
) -> Result<T, ReadFailure> {
    match tokio::time::timeout(within, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(failure::of_read(&error)),
        Err(_) => Err(ReadFailure::late()),
    }
}
