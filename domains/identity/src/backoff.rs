//! How long failed log-ins make the next one wait. Pure.
//!
//! The count lies in the person's own root, so it survives a restart and a failover. The wait is bounded, and living
//! sessions go on untouched: who fails on purpose delays a new log-in of another, he cannot end what the other has. No
//! source address is known here; a bound for each source is the router's.

use crate::settings::{Settings, ms};
use crate::stored::Attempts;

/// After so long without a failure the earlier ones are forgotten: an hour, in milliseconds of log time.
const FORGOTTEN_MS: u64 = 60 * 60 * 1_000;
/// The first wait; it doubles with each failure.
const FIRST_MS: u64 = 1_000;

/// Whole seconds that are still to wait, if any.
pub fn wait_s(attempts: &Attempts, now_ms: u64) -> Option<u32> {
    let left_ms = attempts
        .not_before_ms
        .checked_sub(now_ms)
        .filter(|left| *left > 0)?;
    Some(u32::try_from(left_ms.div_ceil(1_000)).unwrap_or(u32::MAX))
}

/// The row after one more failure.
#[must_use]
pub fn failed(before: Attempts, now_ms: u64, settings: &Settings) -> Attempts {
    let forgotten = before.failed_ms.saturating_add(FORGOTTEN_MS) <= now_ms;
    let earlier = if forgotten { 0 } else { before.failures };
    let failures = earlier.saturating_add(1);
    let wait_ms = match failures.checked_sub(settings.failures_free) {
        None => 0,
        Some(doublings) => (FIRST_MS << doublings.min(30)).min(ms(settings.backoff_max)),
    };
    Attempts {
        failures,
        failed_ms: now_ms,
        not_before_ms: now_ms.saturating_add(wait_ms),
        ..before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;

    fn waits(count: usize, apart_ms: u64) -> Vec<Option<u32>> {
        let (mut row, mut now) = (Attempts::default(), NOW);
        let mut waits = Vec::new();
        for _ in 0..count {
            row = failed(row, now, &Settings::default());
            waits.push(wait_s(&row, now));
            now += apart_ms;
        }
        waits
    }

    #[test]
    fn the_wait_begins_after_five_failures_doubles_and_is_bounded() {
        let expected = [
            None,
            None,
            None,
            None,
            Some(1),
            Some(2),
            Some(4),
            Some(8),
            Some(16),
            Some(32),
            Some(60),
            Some(60),
        ];
        assert_eq!(waits(12, 0), expected);
        assert_eq!(waits(1_000, 0).last(), Some(&Some(60)));
    }

    #[test]
    fn old_failures_are_forgotten_and_a_wait_is_over_at_its_end() {
        assert!(waits(20, FORGOTTEN_MS).iter().all(Option::is_none));
        let row = Attempts {
            not_before_ms: NOW,
            ..Attempts::default()
        };
        assert_eq!((wait_s(&row, NOW - 1), wait_s(&row, NOW)), (Some(1), None));
    }
}
