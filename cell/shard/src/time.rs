//! The time of the log: that of the machine's clock, but it never goes back, and within a term it runs ahead of the time
//! that has really passed by a bound only. So a clock that jumps by a month does not age every idempotency record, and
//! what was logged under it need not be waited for when the clock is set right.
//!
//! More is believed only when a term begins, for the clock may have been right and the machine asleep.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use metrics::Gauge;
use platform_runtime::Clock;

use crate::limits::LOG_TIME_AHEAD_MS_MAX;
use crate::plant::Plant;

/// The clock of one term.
pub(crate) struct LogClock {
    clock: Clock,
    /// Log time at which the term began, in milliseconds since 1970.
    opened_ms: u64,
    /// When that was, by the monotonic clock.
    opened_at: Duration,
    /// Time of the newest entry.
    newest_ms: AtomicU64,
    /// By how much the machine's clock is past what is believed, in milliseconds.
    ahead: Gauge,
    told: AtomicBool,
}

impl LogClock {
    /// Begins a term on a log whose last entry has the time `newest_ms`.
    pub(crate) fn new(clock: Clock, newest_ms: u64, ahead: Gauge) -> Self {
        Self {
            opened_ms: clock.unix_ms().max(newest_ms),
            opened_at: clock.monotonic(),
            newest_ms: AtomicU64::new(newest_ms),
            ahead,
            told: AtomicBool::new(false),
            clock,
        }
    }

    /// Milliseconds since 1970, not below the newest entry's.
    pub(crate) fn now_ms(&self, plant: &Plant) -> u64 {
        let wall_ms = plant.moved(self.clock.unix_ms());
        let passed = self.clock.monotonic().saturating_sub(self.opened_at);
        let believed_ms = at_most_ms(self.opened_ms, passed);
        self.tell(wall_ms.saturating_sub(believed_ms));
        wall_ms
            .min(believed_ms)
            .max(self.newest_ms.load(Ordering::Relaxed))
    }

    /// An entry of this time is durable.
    pub(crate) fn committed(&self, time_ms: u64) {
        self.newest_ms.store(time_ms, Ordering::Relaxed);
    }

    fn tell(&self, ahead_ms: u64) {
        let is_ahead = ahead_ms > 0;
        if self.told.load(Ordering::Relaxed) == is_ahead {
            return;
        }
        self.told.store(is_ahead, Ordering::Relaxed);
        self.ahead.set(ahead_ms as f64);
        if is_ahead {
            tracing::error!(
                ahead_ms,
                "this machine's clock has jumped ahead: the log does not follow it"
            );
        }
    }
}

/// The latest time that is believed when `passed` has passed since the term began.
fn at_most_ms(opened_ms: u64, passed: Duration) -> u64 {
    let passed_ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
    opened_ms
        .saturating_add(passed_ms)
        .saturating_add(LOG_TIME_AHEAD_MS_MAX)
}
