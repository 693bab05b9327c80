//! One node's circuit breaker: after failures in a row requests fail at once instead of waiting for a dead node.
//!
//! Pure: time comes in. It counts only what says that the node is not there (no connection, connection lost, no
//! answer in time), never an answer, however bad.

use std::time::Duration;

/// Failures in a row that open the breaker.
pub const FAILURES_MAX: u32 = 5;
/// How long it stays open before one request tries the node again.
pub const OPEN_FOR: Duration = Duration::from_millis(500);

/// The breaker's state. `Duration`s are monotonic time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    Closed {
        failures: u32,
    },
    Open {
        until: Duration,
    },
    /// One request is on its way to see; if it never says how it went, the next may try after `until`.
    Probing {
        until: Duration,
    },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// Whether a request may go now, and the state after it went.
    #[must_use]
    pub fn admit(self, now: Duration) -> (Self, bool) {
        match self {
            Self::Closed { .. } => (self, true),
            Self::Open { until } | Self::Probing { until } if now < until => (self, false),
            Self::Open { .. } | Self::Probing { .. } => (
                Self::Probing {
                    until: now + OPEN_FOR,
                },
                true,
            ),
        }
    }

    #[must_use]
    pub fn succeeded(self) -> Self {
        Self::default()
    }

    #[must_use]
    pub fn failed(self, now: Duration) -> Self {
        match self {
            Self::Closed { failures } if failures + 1 < FAILURES_MAX => Self::Closed {
                failures: failures + 1,
            },
            _ => Self::Open {
                until: now + OPEN_FOR,
            },
        }
    }

    pub fn is_closed(self) -> bool {
        matches!(self, Self::Closed { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(100);

    fn open() -> Breaker {
        (0..FAILURES_MAX).fold(Breaker::default(), |breaker, _| breaker.failed(START))
    }

    #[test]
    fn it_opens_after_failures_in_a_row_only() {
        let almost = (1..FAILURES_MAX).fold(Breaker::default(), |breaker, _| breaker.failed(START));
        assert!(almost.is_closed() && almost.succeeded().failed(START).is_closed());
        assert_eq!(
            open(),
            Breaker::Open {
                until: START + OPEN_FOR
            }
        );
        assert!(!open().admit(START).1);
    }

    #[test]
    fn after_its_time_one_request_tries() {
        let (probing, first) = open().admit(START + OPEN_FOR);
        let (_, second) = probing.admit(START + OPEN_FOR);
        assert!(first && !second);
        assert!(probing.succeeded().is_closed());
        assert!(!probing.failed(START + OPEN_FOR).admit(START + OPEN_FOR).1);
        assert!(
            probing.admit(START + 2 * OPEN_FOR).1,
            "a probe that never came back is not waited for"
        );
    }
}
