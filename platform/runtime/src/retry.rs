//! Trying again: exponential backoff with full jitter, a bound on attempts and on time.
//!
//! It does not know what may be tried again; the caller's error says so. Full jitter is a random wait between zero
//! and the exponential bound (Brooker, "Exponential Backoff And Jitter", 2015).

use std::time::Duration;

use crate::clock::Clock;
use crate::random;

/// How often and how long to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Attempts together, the first included; at least one is made.
    pub attempts: u32,
    /// Bound of the first wait; doubles with each attempt.
    pub base: Duration,
    /// Largest bound of a wait.
    pub cap: Duration,
    /// No attempt begins later than this after the first.
    pub within: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 5,
            base: Duration::from_millis(20),
            cap: Duration::from_secs(1),
            within: Duration::from_secs(5),
        }
    }
}

impl Policy {
    /// The bound of the wait after attempt number `attempt` (from 1).
    pub fn bound(&self, attempt: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }

    /// A random wait after attempt number `attempt` (from 1), to the microsecond.
    pub fn wait(&self, attempt: u32) -> Duration {
        let bound_us = u64::try_from(self.bound(attempt).as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(random::below(bound_us.saturating_add(1)))
    }
}

/// Calls `attempt` with its number (from 1) until it succeeds, fails for good, or the policy's bounds are reached.
/// Cancel-safe between attempts.
///
/// # Errors
/// The error of the last attempt.
pub async fn run<T, E, F, Fut>(
    policy: Policy,
    clock: &Clock,
    retryable: impl Fn(&E) -> bool,
    mut attempt: F,
) -> Result<T, E>
where
    F: FnMut(u32) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let began = clock.monotonic();
    let mut number = 1;
    loop {
        let error = match attempt(number).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let wait = policy.wait(number);
        let elapsed = clock.monotonic().saturating_sub(began);
        if !retryable(&error) || number >= policy.attempts || elapsed + wait > policy.within {
            return Err(error);
        }
        clock.sleep(wait).await;
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Policy = Policy {
        attempts: 3,
        base: Duration::from_micros(1),
        cap: Duration::from_micros(3),
        within: Duration::from_secs(60),
    };

    #[tokio::test]
    async fn it_stops_at_success_at_a_final_error_and_at_the_bound() {
        let clock = Clock::system();
        let third = run(
            QUICK,
            &clock,
            |_: &u32| true,
            |n| async move { if n == 3 { Ok(n) } else { Err(n) } },
        );
        assert_eq!(third.await, Ok(3));
        let never = run(QUICK, &clock, |_| true, |n| async move { Err::<(), _>(n) });
        assert_eq!(never.await, Err(3));
        let at_once = run(QUICK, &clock, |_| false, |n| async move { Err::<(), _>(n) });
        assert_eq!(at_once.await, Err(1));
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        let policy = Policy::default();
        assert_eq!(policy.bound(1), Duration::from_millis(20));
        assert_eq!(policy.bound(3), Duration::from_millis(80));
        assert_eq!(policy.bound(40), Duration::from_secs(1));
        assert!((0..100).all(|_| policy.wait(2) <= Duration::from_millis(40)));
    }
}
