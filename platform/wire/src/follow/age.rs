//! How long ago the table was confirmed. Counted by the monotonic clock; across a restart by the time in the copy.

use std::sync::atomic::{AtomicU64, Ordering};

use platform_runtime::clock::Clock;

/// Stands for "never".
const NEVER: u64 = u64::MAX;

pub(super) struct Age {
    clock: Clock,
    /// Monotonic milliseconds of the last confirmation, shifted by [`Age::origin_ms`]; [`NEVER`] before the first.
    confirmed_ms: AtomicU64,
    /// Where the count begins: far enough from 0 that a confirmation before the process began can be written.
    origin_ms: u64,
}

impl Age {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            confirmed_ms: AtomicU64::new(NEVER),
            origin_ms: NEVER / 2,
        }
    }

    /// The table was confirmed now.
    pub(super) fn confirmed(&self) {
        self.confirmed_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// The table was confirmed at that wall-clock time; a time ahead of the clock counts as now.
    pub(super) fn confirmed_at(&self, unix_ms: u64) {
        let ago = self.clock.unix_ms().saturating_sub(unix_ms);
        self.confirmed_ms
            .store(self.now_ms().saturating_sub(ago), Ordering::Relaxed);
    }

    pub(super) fn ms(&self) -> u64 {
        match self.confirmed_ms.load(Ordering::Relaxed) {
            NEVER => NEVER,
            at => self.now_ms().saturating_sub(at),
        }
    }

    fn now_ms(&self) -> u64 {
        let monotonic = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(0);
        self.origin_ms.saturating_add(monotonic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_counts_across_a_restart() {
        let (clock, _) = Clock::manual(10_000);
        let age = Age::new(clock);
        assert_eq!(age.ms(), u64::MAX);
        age.confirmed_at(4_000);
        assert_eq!(age.ms(), 6_000);
        age.confirmed_at(11_000);
        assert_eq!(age.ms(), 0);
    }
}
