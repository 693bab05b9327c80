//! Counts what a client asked, what failed, and how long each answer took.

use std::collections::BTreeMap;
use std::time::Duration;

pub use cli_world::app::Kind;
use cli_world::app::Observer;
use parking_lot::Mutex;
use serde_json::json;

use super::story::{Row, count};

/// Failures that are kept with their text.
const SAMPLES_MAX: usize = 20;

#[derive(Debug, Default)]
struct Line {
    took: Vec<Duration>,
    failed: usize,
}

/// Shared by all clients of one phase.
#[derive(Debug, Default)]
pub struct Tally {
    lines: Mutex<BTreeMap<Kind, Line>>,
    samples: Mutex<Vec<String>>,
}

impl Observer for Tally {
    fn answered(&self, kind: Kind, took: Duration) {
        self.lines.lock().entry(kind).or_default().took.push(took);
    }

    fn failed(&self, kind: Kind, took: Duration, why: &str) {
        let mut lines = self.lines.lock();
        let line = lines.entry(kind).or_default();
        line.took.push(took);
        line.failed += 1;
        let mut samples = self.samples.lock();
        if samples.len() < SAMPLES_MAX {
            samples.push(why.to_owned());
        }
    }
}

impl Tally {
    /// An answer that came and is not true.
    pub fn wrong(&self, kind: Kind, why: &str) {
        self.lines.lock().entry(kind).or_default().failed += 1;
        self.samples.lock().push(why.to_owned());
    }

    pub fn requests(&self) -> usize {
        self.lines.lock().values().map(|line| line.took.len()).sum()
    }

    pub fn failures(&self) -> usize {
        self.lines.lock().values().map(|line| line.failed).sum()
    }

    /// The first failures, as texts.
    pub fn samples(&self) -> Vec<String> {
        self.samples.lock().clone()
    }

    /// Whether something of this kind was asked at all.
    pub fn has(&self, kind: Kind) -> bool {
        self.lines.lock().contains_key(&kind)
    }

    /// Writes among all requests, 0 to 1.
    pub fn write_share(&self) -> f64 {
        let lines = self.lines.lock();
        let all: usize = lines.values().map(|line| line.took.len()).sum();
        let writes: usize = lines
            .iter()
            .filter(|(kind, _)| kind.writes())
            .map(|(_, line)| line.took.len())
            .sum();
        if all == 0 { 0.0 } else { count(writes) / count(all) }
    }

    /// The time within which `share` of all requests were answered.
    pub fn percentile_ms(&self, share: f64) -> f64 {
        let mut all: Vec<Duration> = self
            .lines
            .lock()
            .values()
            .flat_map(|line| line.took.clone())
            .collect();
        all.sort();
        percentile_ms(&all, share)
    }

    /// A row for each kind.
    pub fn rows(&self) -> Vec<Row> {
        self.lines
            .lock()
            .iter()
            .map(|(kind, line)| row(*kind, line))
            .collect()
    }
}

/// The header of [`Tally::rows`].
pub const HEADER: [&str; 6] = ["request", "write", "count", "failed", "p50", "p99"];

fn row(kind: Kind, line: &Line) -> Row {
    let mut took = line.took.clone();
    took.sort();
    let (p50, p99) = (percentile_ms(&took, 0.5), percentile_ms(&took, 0.99));
    let write = if kind.writes() { "write" } else { "" };
    Row {
        text: vec![
            kind.as_str().to_owned(),
            write.to_owned(),
            took.len().to_string(),
            line.failed.to_string(),
            format!("{p50:.1} ms"),
            format!("{p99:.1} ms"),
        ],
        json: json!({
            "request": kind.as_str(),
            "write": kind.writes(),
            "count": took.len(),
            "failed": line.failed,
            "p50_ms": p50,
            "p99_ms": p99,
        }),
    }
}

/// Nearest rank of a sorted list; 0 for an empty one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rank is between 0 and the length of the list"
)]
fn percentile_ms(sorted: &[Duration], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .map_or(0.0, |took| took.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let hundred: Vec<Duration> = (1..=100).map(ms).collect();
        assert_eq!(
            [0.5, 0.99, 1.0].map(|share| percentile_ms(&hundred, share)),
            [50.0, 99.0, 100.0]
        );
        assert_eq!(percentile_ms(&[ms(7)], 0.5), 7.0);
        assert_eq!(percentile_ms(&[], 0.5), 0.0);
    }

    #[test]
    fn what_failed_and_what_was_written_is_counted() {
        let tally = Tally::default();
        for _ in 0..3 {
            tally.answered(Kind::Upload, ms(2));
        }
        tally.answered(Kind::List, ms(1));
        tally.failed(Kind::Login, ms(9), "503 unavailable");
        tally.wrong(Kind::List, "the upload is not in the list");
        assert_eq!((tally.requests(), tally.failures()), (5, 2));
        assert!((tally.write_share() - 0.8).abs() < 1e-9);
        assert_eq!(
            tally.samples(),
            ["503 unavailable", "the upload is not in the list"]
        );
        assert!(tally.has(Kind::Login) && !tally.has(Kind::Register));
    }
}
