//! Time as the protocol counts it: microseconds of a clock that goes on while the machine is suspended
//! (CLOCK_BOOTTIME). Moments of two nodes are never compared.

use std::fmt;

/// Parts of a thousand by which two clocks may differ in rate, each way: 1 %.
const DRIFT_PER_MILLE: u64 = 10;

/// A moment of one node's own clock, in microseconds since it booted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    /// This moment and `micros` later.
    #[must_use]
    pub fn plus(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds since `earlier`; 0 if that is later.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}ms", self.0 / 1000, self.0 % 1000)
    }
}

/// How long the one who was promised may count on a promise of `micros`: d(1-r).
pub fn counted(micros: u64) -> u64 {
    micros / 1000 * (1000 - DRIFT_PER_MILLE)
}

/// How long the one who promises keeps a promise of `micros`: d(1+r).
pub fn kept(micros: u64) -> u64 {
    micros / 1000 * (1000 + DRIFT_PER_MILLE) + 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_kept_longer_than_it_is_counted_on_by_clocks_one_percent_apart() {
        for micros in [1_000, 50_000, 400_000, 30_000_000] {
            // The keeper's clock runs 1 % fast, the counter's 1 % slow.
            assert!(
                kept(micros) * 100 / 101 >= counted(micros) * 100 / 99 - 1,
                "{micros}"
            );
        }
    }
}
