//! How many retries a cell may cause: a share of its requests, so that retries cannot multiply an overload.

use std::sync::atomic::{AtomicU64, Ordering};

/// One retry for this many requests: 10 %.
const REQUESTS_PER_RETRY: u64 = 10;
/// Most retries saved up, and what a new budget begins with, so that a quiet cell can retry at all.
const RETRIES_SAVED_MAX: u64 = 20;
const CAP: u64 = RETRIES_SAVED_MAX * REQUESTS_PER_RETRY;

/// A token bucket in units of a tenth of a retry. Replays after `moved` are outside of it.
#[derive(Debug)]
pub struct Budget(AtomicU64);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU64::new(CAP))
    }
}

impl Budget {
    /// Counts a request.
    pub fn earn(&self) {
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |saved| {
                (saved < CAP).then_some(saved + 1)
            });
    }

    /// Takes one retry; `false` if there is none left.
    pub fn spend(&self) -> bool {
        let take = |saved: u64| saved.checked_sub(REQUESTS_PER_RETRY);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_the_requests_may_be_retried() {
        let budget = Budget::default();
        assert_eq!(
            (0..100).filter(|_| budget.spend()).count() as u64,
            RETRIES_SAVED_MAX
        );
        (0..100).for_each(|_| budget.earn());
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 10);
        (0..100_000).for_each(|_| budget.earn());
        assert_eq!(
            (0..100).filter(|_| budget.spend()).count() as u64,
            RETRIES_SAVED_MAX
        );
    }
}
