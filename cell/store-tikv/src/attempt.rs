//! Calls that change nothing: each with a bound on its time, tried again while that may help. The client itself does
//! not try a refused connection again, and waits for a placement driver much longer than anybody waits for an answer.
//!
//! The client connects to a store when it is first asked for, by a task of the runtime on which it was asked, and keeps
//! that connection for everybody. So a call runs where the client was opened, whoever makes it: long work reads on threads
//! that give way to all others, and commits would wait for those ever after.

use std::time::Duration;

use platform_runtime::background;
use platform_runtime::clock::Clock;
use platform_runtime::retry::{self, Policy};
use tokio::runtime::Handle;

use crate::failure::{self, ReadFailure};

/// For one call of the contract.
pub(crate) const CALL_WITHIN: Duration = Duration::from_secs(4);

const POLICY: Policy = Policy {
    attempts: 100,
    base: Duration::from_millis(10),
    cap: Duration::from_millis(200),
    within: CALL_WITHIN,
};

/// Tries `call` on the runtime of `home` until it succeeds, fails for good, or has no time left.
///
/// # Errors
/// Of the last attempt.
pub(crate) async fn retried<T, F, Fut>(clock: &Clock, home: &Handle, mut call: F) -> Result<T, ReadFailure>
where
    T: Send + 'static,
    F: FnMut() -> Fut,
    Fut: Future<Output = tikv_client::Result<T>> + Send + 'static,
{
    retry::run(
        POLICY,
        clock,
        |failure: &ReadFailure| failure.retryable,
        |_attempt| {
            let attempt = background::run_there(home, "tikv call", once(CALL_WITHIN, call()));
            async move { attempt.await.unwrap_or_else(|| Err(ReadFailure::broken_off())) }
        },
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

#[cfg(test)]
mod tests {
    use std::thread::{self, ThreadId};

    use super::*;

    async fn spawned() -> ThreadId {
        let here = Handle::current();
        let spawned = background::run_on(&here, "test", async { thread::current().id() });
        spawned.await.expect("it ends")
    }

    async fn panics() -> tikv_client::Result<()> {
        panic!("planted")
    }

    /// The planted omission: a backup is the first to read from a store, and each commit there goes over its threads.
    #[tokio::test]
    async fn what_a_call_of_long_work_spawns_runs_where_the_client_was_opened() {
        let (home, clock) = (Handle::current(), Clock::system());
        let long_work = background::run(async move {
            let called = retried(&clock, &home, || async { Ok(spawned().await) }).await;
            (spawned().await, called)
        });
        let (beside, called) = long_work.await.expect("it ends");
        let here = thread::current().id();
        assert_eq!(called, Ok(here));
        assert_ne!(beside, here, "else this shows nothing");
    }

    #[tokio::test]
    async fn a_call_that_panics_fails_and_is_not_made_again() {
        let (home, clock) = (Handle::current(), Clock::system());
        let mut calls = 0;
        let called = retried(&clock, &home, || {
            calls += 1;
            panics()
        });
        assert_eq!(called.await, Err(ReadFailure::broken_off()));
        assert_eq!(calls, 1);
    }
}
