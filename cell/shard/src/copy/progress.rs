//! How fast a copy goes: what was copied, what is left, how the committer fares beside it.

use std::collections::VecDeque;
use std::time::Duration;

/// Commits that are remembered.
const COMMITS_MAX: usize = 256;
/// Of what is remembered, this much of the past counts.
const WINDOW: Duration = Duration::from_secs(5);
/// Foreground commits slower than this slow a copy down.
const LATENCY_MAX: Duration = Duration::from_millis(40);
/// Bytes per second of a copy, between which it is throttled while people write: a copy that is in no hurry leaves them the
/// processor and the disk, however fast these are.
const RATE_MIN: u64 = 2 * 1024 * 1024;
const RATE_MAX: u64 = 24 * 1024 * 1024;

/// What is measured, by the clock that counts suspend.
#[derive(Debug)]
pub(crate) struct Pace {
    commits: VecDeque<(Duration, Duration)>,
    under_way: Option<Duration>,
    rate: u64,
    /// When the next page may be read.
    next_page: Duration,
    pub copied_bytes: u64,
    pub left_bytes: u64,
    /// What the shard takes on disk here, about.
    pub bytes: u64,
    copied: VecDeque<(Duration, u64)>,
    now: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            commits: VecDeque::new(),
            under_way: None,
            rate: RATE_MAX,
            next_page: Duration::ZERO,
            copied_bytes: 0,
            left_bytes: 0,
            bytes: 0,
            copied: VecDeque::new(),
            now: Duration::ZERO,
        }
    }
}

impl Pace {
    pub(crate) fn write_began(&mut self, now: Duration) {
        self.under_way = Some(now);
        self.now = now;
    }

    /// A batch that began at `began` took so long; `foreground`: clients waited for it.
    pub(crate) fn write_ended(&mut self, began: Duration, took: Duration, foreground: bool) {
        self.under_way = None;
        self.now = began + took;
        if foreground {
            self.commits.push_back((self.now, took));
        }
        let old = self.now.saturating_sub(WINDOW);
        while self.commits.len() > COMMITS_MAX || self.commits.front().is_some_and(|(at, _)| *at < old) {
            self.commits.pop_front();
        }
    }

    /// Before a page of so many bytes is read: how long to wait, so that pages go at an even rate, however many copies there
    /// are; what came late is made up for by a page at most. An idle foreground lets it through at once.
    pub(crate) fn hold_page(&mut self, now: Duration, bytes: u64) -> Duration {
        let lately = now.saturating_sub(Duration::from_millis(500));
        let of_late: Vec<Duration> = self
            .commits
            .iter()
            .filter(|(at, _)| *at >= lately)
            .map(|(_, took)| *took)
            .collect();
        let Some(slowest) = of_late.iter().max() else {
            self.rate = RATE_MAX;
            self.next_page = now;
            return Duration::ZERO;
        };
        self.rate = if *slowest > LATENCY_MAX {
            self.rate / 2
        } else {
            self.rate + self.rate / 4
        };
        self.rate = self.rate.clamp(RATE_MIN, RATE_MAX);
        let takes = Duration::from_micros(bytes.saturating_mul(1_000_000) / self.rate);
        let begins = self.next_page.max(now.saturating_sub(takes));
        self.next_page = begins + takes;
        begins.saturating_sub(now)
    }

    /// A page came in here.
    pub(crate) fn copied(&mut self, bytes: u64, left: u64) {
        self.copied_bytes += bytes;
        self.left_bytes = left;
        self.copied.push_back((self.now, bytes));
        if self.copied.len() > COMMITS_MAX {
            self.copied.pop_front();
        }
    }

    pub(crate) fn copy_bytes_per_second(&self, now: Duration) -> u64 {
        let since = now.saturating_sub(WINDOW);
        let bytes: u64 = self
            .copied
            .iter()
            .filter(|(at, _)| *at >= since)
            .map(|(_, bytes)| bytes)
            .sum();
        bytes / WINDOW.as_secs()
    }

    pub(crate) fn commits_per_second(&self, now: Duration) -> u32 {
        let since = now.saturating_sub(Duration::from_secs(1));
        let count = self.commits.iter().filter(|(at, _)| *at >= since).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    pub(crate) fn p99(&self) -> Duration {
        let mut took: Vec<Duration> = self.commits.iter().map(|(_, took)| *took).collect();
        took.sort_unstable();
        took.get(took.len() * 99 / 100)
            .or(took.last())
            .copied()
            .unwrap_or_default()
    }

    /// How long the batch that is under way has been.
    pub(crate) fn stalled(&self, now: Duration) -> Duration {
        self.under_way
            .map_or(Duration::ZERO, |began| now.saturating_sub(began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 1024 * 1024;

    #[test]
    fn a_copy_is_held_back_by_a_slow_foreground_and_by_nothing_else() {
        let mut pace = Pace::default();
        let now = Duration::from_secs(10);
        assert_eq!(pace.hold_page(now, PAGE), Duration::ZERO, "nobody waits");
        pace.write_ended(now, Duration::from_millis(3), false);
        assert_eq!(pace.hold_page(now, PAGE), Duration::ZERO, "a batch of nobody's");
        for n in 0..10 {
            pace.write_ended(now + Duration::from_millis(n), Duration::from_millis(200), true);
            pace.hold_page(now + Duration::from_millis(200 + n), PAGE);
        }
        let held = pace.hold_page(now + Duration::from_millis(300), PAGE);
        assert!(held >= Duration::from_millis(400), "{held:?}");
        let later = pace.hold_page(now + Duration::from_secs(3), PAGE);
        assert_eq!(later, Duration::ZERO, "idle again");
    }

    /// Two copies, pages that are late by half of what they take: together they go at the rate that one has.
    #[test]
    fn pages_go_at_an_even_rate_however_many_ask_and_however_late_they_come() {
        let mut pace = Pace::default();
        let mut now = Duration::from_secs(10);
        let began = now;
        for _ in 0..200 {
            pace.write_ended(now, Duration::from_millis(1), true);
            let held = [pace.hold_page(now, PAGE), pace.hold_page(now, PAGE)];
            now += held[1] + Duration::from_millis(20);
        }
        let bytes = 400.0 * PAGE as f64;
        let rate = bytes / (now - began).as_secs_f64();
        let ratio = rate / RATE_MAX as f64;
        assert!((0.95..=1.01).contains(&ratio), "{ratio} of the rate");
    }
}
