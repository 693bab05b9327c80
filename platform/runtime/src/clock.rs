//! Clocks as a value that is handed around: the only place that reads the system's.
//!
//! Never decides anything. A test takes [`Clock::manual`] and moves time by hand; sleeping goes through
//! [`Clock::sleep`], so that a manual clock wakes the sleeper.

use std::sync::Arc;
use std::time::Duration;

use nix::time::ClockId;
use tokio::sync::watch;

/// A cheap handle on a clock. All clones read the same one.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    /// The system's, with a wall clock that is wrong by so much.
    Ahead(Duration),
    Manual {
        start_unix: Duration,
        elapsed: Arc<watch::Sender<Duration>>,
    },
}

/// The hand that moves a manual clock.
#[derive(Clone, Debug)]
pub struct ManualClock {
    elapsed: Arc<watch::Sender<Duration>>,
}

impl Clock {
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is moved. `start_unix_ms` is milliseconds since 1970.
    pub fn manual(start_unix_ms: u64) -> (Self, ManualClock) {
        let elapsed = Arc::new(watch::Sender::new(Duration::ZERO));
        let start_unix = Duration::from_millis(start_unix_ms);
        let hand = ManualClock {
            elapsed: Arc::clone(&elapsed),
        };
        (Self(Source::Manual { start_unix, elapsed }), hand)
    }

    /// The system's clock with its wall clock set ahead: what a process sees on a machine whose time is wrong.
    pub fn ahead(by: Duration) -> Self {
        Self(Source::Ahead(by))
    }

    /// Milliseconds since 1970. May jump, also backwards: order nothing by it.
    pub fn unix_ms(&self) -> u64 {
        u64::try_from(self.unix().as_millis()).unwrap_or(u64::MAX)
    }

    /// Microseconds since 1970. May jump, also backwards.
    pub fn unix_us(&self) -> u64 {
        u64::try_from(self.unix().as_micros()).unwrap_or(u64::MAX)
    }

    /// Seconds since 1970, as tokens and certificates count.
    pub fn unix_s(&self) -> u64 {
        self.unix().as_secs()
    }

    /// Time since an arbitrary start; never goes back and counts the time that the machine slept
    /// (`CLOCK_BOOTTIME`), so that a lease does not outlive a suspended host.
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            Source::System | Source::Ahead(_) => read(MONOTONIC),
            Source::Manual { elapsed, .. } => *elapsed.borrow(),
        }
    }

    /// Waits for `time` to pass on this clock. Cancel-safe.
    pub async fn sleep(&self, time: Duration) {
        match &self.0 {
            Source::System | Source::Ahead(_) => tokio::time::sleep(time).await,
            Source::Manual { elapsed, .. } => {
                let until = *elapsed.borrow() + time;
                let mut changes = elapsed.subscribe();
                // The sender lives in `self`, so waiting cannot fail.
                let _ = changes.wait_for(|now| *now >= until).await;
            }
        }
    }

    fn unix(&self) -> Duration {
        match &self.0 {
            Source::System => read(ClockId::CLOCK_REALTIME),
            Source::Ahead(by) => read(ClockId::CLOCK_REALTIME) + *by,
            Source::Manual { start_unix, elapsed } => *start_unix + *elapsed.borrow(),
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl ManualClock {
    /// Moves the clock forward and wakes those whose time has come.
    pub fn advance(&self, by: Duration) {
        self.elapsed.send_modify(|elapsed| *elapsed += by);
    }
}

#[cfg(target_os = "linux")]
const MONOTONIC: ClockId = ClockId::CLOCK_BOOTTIME;
#[cfg(not(target_os = "linux"))]
const MONOTONIC: ClockId = ClockId::CLOCK_MONOTONIC;

fn read(clock: ClockId) -> Duration {
    let now = clock.now().expect("the kernel always answers for its own clocks");
    // Only a wall clock set before 1970 is negative.
    let seconds = u64::try_from(now.tv_sec()).unwrap_or(0);
    let nanoseconds = u32::try_from(now.tv_nsec()).unwrap_or(0);
    Duration::new(seconds, nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_its_sleeper() {
        let (clock, hand) = Clock::manual(1_000);
        let sleeper = clock.clone();
        let mut slept = Box::pin(async move { sleeper.sleep(Duration::from_secs(5)).await });
        assert!(futures::poll!(&mut slept).is_pending());
        hand.advance(Duration::from_secs(4));
        assert!(futures::poll!(&mut slept).is_pending());
        hand.advance(Duration::from_secs(1));
        slept.await;
        assert_eq!(clock.unix_ms(), 6_000);
        assert_eq!(clock.monotonic(), Duration::from_secs(5));
    }

    #[test]
    fn the_system_clock_moves_and_is_in_this_century() {
        let clock = Clock::system();
        let before = clock.monotonic();
        assert!(clock.monotonic() >= before);
        assert!(clock.unix_ms() > 1_700_000_000_000);
    }
}
