//! The replication protocol as a pure machine: what one replicated entry costs.
//!
//! A primary and one in-sync standby in one thread, nothing goes wrong, nothing is written anywhere: only the protocol's
//! own work. The time is that of one thread that never waits, so it bounds the CPU from above.

use std::time::Duration;

use anyhow::{Result, ensure};
use platform_report::{Document, Figure};
use platform_runtime::Clock;
use serde_json::Value;

use crate::output;
use crate::statistics::Spread;
use crate::versions;

/// Microseconds for one entry, both replicas together.
const ENTRY_US_MOST: f64 = 2.0;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Entries of one pass.
    pub entries: u64,
    pub passes: usize,
}

impl Plan {
    pub fn full() -> Self {
        Self {
            entries: 500_000,
            passes: 12,
        }
    }

    pub fn quick() -> Self {
        Self {
            entries: 50_000,
            passes: 4,
        }
    }
}

/// # Errors
/// The machine did not commit what it was given.
pub fn run(plan: Plan) -> Result<Document> {
    let mut passes = Vec::with_capacity(plan.passes);
    for pass in 1..=plan.passes {
        output::progress(&format!("replica: pass {pass} of {}", plan.passes));
        passes.push(us_per_entry(plan.entries)?);
    }
    let spread = Spread::of(passes);
    let mut document = Document::new("replica");
    document.figures.push(Figure::at_most(
        "us-per-replicated-entry",
        spread.median,
        "us",
        ENTRY_US_MOST,
    ));
    let rows = vec![spread.row("us-per-replicated-entry")];
    document
        .tables
        .insert("replica-spread".to_owned(), Value::Array(rows));
    document.versions = versions::versions(&[])?;
    document
        .notes
        .push("wall time of one thread that never waits: an upper bound of its CPU".to_owned());
    document.notes.extend(versions::profile_note());
    Ok(document)
}

fn us_per_entry(entries: u64) -> Result<f64> {
    let clock = Clock::system();
    let began = clock.monotonic();
    let committed = chaos_sim::sim::pace::replicate(entries);
    let took = clock.monotonic().saturating_sub(began);
    ensure!(
        committed >= entries,
        "{committed} of {entries} entries were committed"
    );
    Ok(per_entry(took, entries))
}

#[expect(clippy::cast_precision_loss, reason = "a number of entries is far below 2^53")]
fn per_entry(took: Duration, entries: u64) -> f64 {
    took.as_secs_f64() * 1e6 / entries as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_committed_and_costs_something() {
        let document = run(Plan {
            entries: 500,
            passes: 2,
        })
        .expect("it ran");
        assert_eq!(document.figures.len(), 1);
        assert!(document.figures[0].value > 0.0);
    }
}
