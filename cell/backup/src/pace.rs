//! How fast a backup goes, for the sake of the requests beside it: so many bytes in a second, and no burst after a stall.

use std::time::Duration;

use platform_runtime::Clock;

/// Bytes a second of a backup where the settings say nothing else.
pub const BYTES_PER_SECOND: u64 = 16 << 20;

/// Spreads parts over time.
#[derive(Debug, Clone)]
pub struct Pace {
    clock: Clock,
    /// 0: as fast as it goes.
    bytes_per_second: u64,
    /// When the next part may begin.
    next: Duration,
}

impl Pace {
    /// At most so many bytes in a second; 0: as many as go.
    pub fn new(clock: Clock, bytes_per_second: u64) -> Self {
        Self {
            clock,
            bytes_per_second,
            next: Duration::ZERO,
        }
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Waits until so many bytes may go. The first go at once. Cancel-safe.
    pub(crate) async fn hold(&mut self, bytes: u64) {
        let now = self.clock.monotonic();
        let wait = self.next.saturating_sub(now);
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
        self.next = now + wait + self.takes(bytes);
    }

    fn takes(&self, bytes: u64) -> Duration {
        let micros = bytes.saturating_mul(1_000_000).checked_div(self.bytes_per_second);
        Duration::from_micros(micros.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn parts_are_spread_over_time_and_a_stall_is_not_made_up_for() {
        let (clock, hand) = Clock::manual(0);
        let mut pace = Pace::new(clock.clone(), 1_000);
        pace.hold(500).await;
        assert_eq!(clock.monotonic(), Duration::ZERO, "the first goes at once");
        let held = async {
            pace.hold(500).await;
            clock.monotonic()
        };
        let moved = async {
            for _ in 0..10 {
                tokio::task::yield_now().await;
                hand.advance(Duration::from_millis(100));
            }
        };
        let (held_until, ()) = tokio::join!(held, moved);
        assert!(held_until >= Duration::from_millis(500), "{held_until:?}");
        hand.advance(Duration::from_secs(60));
        let before = clock.monotonic();
        pace.hold(500).await;
        assert_eq!(pace.next, before + Duration::from_millis(500), "no burst");
    }

    #[tokio::test]
    async fn without_a_limit_nothing_waits() {
        let (clock, _hand) = Clock::manual(0);
        let mut pace = Pace::new(clock, 0);
        for _ in 0..100 {
            pace.hold(u64::MAX).await;
        }
    }
}
