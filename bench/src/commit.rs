//! Durable shard transactions beside bare fjall with a sync per commit.
//!
//! Ours: [`ours`], eight shards of one node on the embedded engine, so one write queue. The peer: [`peer`], the same
//! engine's library without what stands on it. Both write the same rows to fresh folders of one disk, in turn (ours,
//! peer, peer, ours), and between them [`probe`] times a bare fsync. [`figures`] makes the document.

mod figures;
pub mod load;
pub mod ours;
mod peer;
pub mod probe;
pub mod rows;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use platform_report::Document;

use crate::output;
use crate::statistics::{ours_first, per};
use load::Phase;
use ours::Ours;
use peer::Peer;
use probe::Probe;

/// Shards of the node that is measured.
const SHARDS: u16 = 8;
/// Bare fsyncs timed before each pair.
const PROBES_PER_PAIR: usize = 8;

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Numbers of clients, one setting each.
    pub clients: Vec<usize>,
    /// Pairs of one setting.
    pub pairs: usize,
    /// Length of one run of one side.
    pub phase: Duration,
    /// Run of each side before the first pair, not counted.
    pub warm_up: Duration,
}

impl Plan {
    /// About 80 s.
    pub fn full() -> Self {
        Self {
            clients: vec![1, 16, 64, 256],
            pairs: 12,
            phase: Duration::from_millis(750),
            warm_up: Duration::from_millis(500),
        }
    }

    /// About 10 s.
    pub fn quick() -> Self {
        Self {
            pairs: 4,
            phase: Duration::from_millis(250),
            warm_up: Duration::from_millis(150),
            ..Self::full()
        }
    }
}

/// All that was measured with one number of clients.
#[derive(Debug)]
struct Setting {
    clients: usize,
    /// (ours, peer), in the order measured.
    pairs: Vec<(Phase, Phase)>,
    /// Bare fsyncs, in the order measured.
    probes: Vec<Duration>,
}

/// Measures and says what came out. `dir` must be empty and on a disk; what is left in it may be removed.
///
/// # Errors
/// A side failed to write, or the folder cannot be used.
pub fn run(plan: &Plan, dir: &Path) -> Result<Document> {
    let mut settings = Vec::new();
    for clients in &plan.clients {
        output::progress(&format!(
            "commit: {clients} clients, {} pairs of {:?}",
            plan.pairs, plan.phase
        ));
        let folder = dir.join(format!("clients-{clients}"));
        std::fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        settings.push(measure(*clients, plan, &folder)?);
        // Room for the next setting; the whole folder is temporary.
        let _ = std::fs::remove_dir_all(&folder);
    }
    figures::document(plan, &settings)
}

fn measure(clients: usize, plan: &Plan, dir: &Path) -> Result<Setting> {
    let ours = Ours::open(&dir.join("ours"), SHARDS)?;
    let peer = Peer::open(&dir.join("fjall"))?;
    let mut probe = Probe::create(&dir.join("probe"))?;
    ours.run(clients, plan.warm_up)?;
    peer.run(clients, plan.warm_up)?;
    let mut setting = Setting {
        clients,
        pairs: Vec::with_capacity(plan.pairs),
        probes: Vec::new(),
    };
    for pair in 0..plan.pairs {
        setting.probes.extend(probe.sample(PROBES_PER_PAIR)?);
        setting.pairs.push(if ours_first(pair) {
            let ours = ours.run(clients, plan.phase)?;
            (ours, peer.run(clients, plan.phase)?)
        } else {
            let peer = peer.run(clients, plan.phase)?;
            (ours.run(clients, plan.phase)?, peer)
        });
    }
    ours.close();
    Ok(setting)
}

impl Setting {
    fn ours(&self) -> impl Iterator<Item = &Phase> {
        self.pairs.iter().map(|(ours, _)| ours)
    }

    fn peer(&self) -> impl Iterator<Item = &Phase> {
        self.pairs.iter().map(|(_, peer)| peer)
    }

    /// Ours over the peer, pair by pair.
    fn ratios(&self) -> impl Iterator<Item = f64> {
        self.pairs
            .iter()
            .map(|(ours, peer)| per(ours.per_second(), peer.per_second()))
    }

    /// Fsyncs of our engine for each acknowledged transaction.
    fn fsyncs_per_commit(&self) -> f64 {
        let fsyncs: u64 = self.ours().map(|phase| phase.fsyncs).sum();
        let commits: usize = self.ours().map(Phase::commits).sum();
        per(fsyncs as f64, commits as f64)
    }

    /// Mean time of our engine's own fsyncs, under load.
    fn engine_fsync_ms(&self) -> f64 {
        let time: Duration = self.ours().map(|phase| phase.fsync_time).sum();
        let fsyncs: u64 = self.ours().map(|phase| phase.fsyncs).sum();
        per(crate::statistics::millis(time), fsyncs as f64)
    }
}

/// Latency at a quantile over all phases, in milliseconds.
pub fn latency_ms<'a>(phases: impl Iterator<Item = &'a Phase>, quantile: f64) -> Result<f64> {
    let mut histogram =
        Histogram::<u64>::new_with_bounds(1, 600_000_000, 3).context("bounds of the histogram")?;
    for latency in phases.flat_map(|phase| &phase.latencies) {
        histogram.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1));
    }
    Ok(if histogram.is_empty() {
        f64::NAN
    } else {
        histogram.value_at_quantile(quantile) as f64 / 1e3
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(micros: impl IntoIterator<Item = u64>) -> Phase {
        Phase {
            latencies: micros.into_iter().map(Duration::from_micros).collect(),
            elapsed: Duration::from_secs(1),
            fsyncs: 10,
            fsync_time: Duration::from_millis(20),
        }
    }

    #[test]
    fn latencies_of_all_phases_count_alike() {
        let phases = [phase(1..=50), phase(51..=100)];
        assert_eq!(latency_ms(phases.iter(), 0.5).expect("sound bounds"), 0.050);
        assert_eq!(latency_ms(phases.iter(), 0.99).expect("sound bounds"), 0.099);
        assert!(latency_ms([].iter(), 0.5).expect("sound bounds").is_nan());
    }

    #[test]
    fn a_setting_sums_what_its_pairs_measured() {
        let setting = Setting {
            clients: 64,
            pairs: vec![(phase(0..80), phase(0..10)), (phase(0..120), phase(0..10))],
            probes: Vec::new(),
        };
        assert_eq!(setting.ratios().collect::<Vec<_>>(), [8.0, 12.0]);
        assert_eq!(setting.fsyncs_per_commit(), 0.1);
        assert_eq!(setting.engine_fsync_ms(), 2.0);
    }

    #[test]
    fn both_sides_run_and_every_figure_is_there() {
        let dir = crate::command::disk_for_tests();
        let plan = Plan {
            pairs: 2,
            phase: Duration::from_millis(30),
            warm_up: Duration::from_millis(10),
            ..Plan::full()
        };
        let document = run(&plan, dir.path()).expect("runs");
        for name in [
            "ratio-64",
            "fsyncs-per-commit-64",
            "fsyncs-per-commit-256",
            "p50-in-fsyncs-64",
        ] {
            let figure = document
                .figures
                .iter()
                .find(|figure| figure.name == name)
                .expect(name);
            assert!(figure.goal.is_some() && figure.value.is_finite(), "{figure:?}");
        }
        assert_eq!(
            document.tables["commit-settings"].as_array().map(Vec::len),
            Some(4)
        );
    }
}
