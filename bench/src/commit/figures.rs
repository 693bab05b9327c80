//! From the settings to the document.

use anyhow::Result;
use platform_report::{Document, Figure};
use serde_json::{Value, json};

use super::load::Phase;
use super::rows::{IDEMPOTENCY_BYTES, ROW_BYTES};
use super::{Plan, SHARDS, Setting, latency_ms};
use crate::statistics::{Spread, millis, per};
use crate::versions;

/// Times bare fjall with a sync per commit, at 64 clients.
const RATIO_LEAST: f64 = 8.0;
/// Fsyncs per commit at 64 and at 256 clients.
const FSYNCS_64_MOST: f64 = 1.0 / 12.0;
const FSYNCS_256_MOST: f64 = 1.0 / 32.0;
/// Median latency at 64 clients, in fsyncs of the same run.
const P50_FSYNCS_MOST: f64 = 4.0;

pub fn document(plan: &Plan, settings: &[Setting]) -> Result<Document> {
    let mut document = Document::new("commit");
    document.versions = versions::versions(&["fjall"])?;
    let (mut rows, mut spreads) = (Vec::new(), Vec::new());
    for setting in settings {
        let summary = Summary::of(setting)?;
        document.figures.extend(summary.figures());
        rows.push(summary.row());
        spreads.extend(summary.spreads());
    }
    document
        .tables
        .insert("commit-settings".to_owned(), Value::Array(rows));
    document
        .tables
        .insert("commit-spread".to_owned(), Value::Array(spreads));
    document.notes = notes(plan);
    Ok(document)
}

/// One setting in numbers.
struct Summary {
    clients: usize,
    ours: Spread,
    peer: Spread,
    ratio: Spread,
    fsyncs_per_commit: f64,
    /// Median of the bare fsyncs.
    fsync_ms: f64,
    engine_fsync_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
    peer_p50_ms: f64,
    peer_p99_ms: f64,
}

impl Summary {
    fn of(setting: &Setting) -> Result<Self> {
        Ok(Self {
            clients: setting.clients,
            ours: Spread::of(setting.ours().map(Phase::per_second)),
            peer: Spread::of(setting.peer().map(Phase::per_second)),
            ratio: Spread::of(setting.ratios()),
            fsyncs_per_commit: setting.fsyncs_per_commit(),
            fsync_ms: Spread::of(setting.probes.iter().copied().map(millis)).median,
            engine_fsync_ms: setting.engine_fsync_ms(),
            p50_ms: latency_ms(setting.ours(), 0.5)?,
            p99_ms: latency_ms(setting.ours(), 0.99)?,
            peer_p50_ms: latency_ms(setting.peer(), 0.5)?,
            peer_p99_ms: latency_ms(setting.peer(), 0.99)?,
        })
    }

    fn figures(&self) -> Vec<Figure> {
        let named = |what: &str| format!("{what}-{}", self.clients);
        vec![
            Figure::info(named("commits-per-second"), self.ours.median, "1/s"),
            Figure::info(named("fjall-commits-per-second"), self.peer.median, "1/s"),
            self.ratio_figure(named("ratio")),
            self.fsyncs_figure(named("fsyncs-per-commit")),
            Figure::info(named("fsync-ms"), self.fsync_ms, "ms"),
            Figure::info(named("p50-ms"), self.p50_ms, "ms"),
            Figure::info(named("p99-ms"), self.p99_ms, "ms"),
            self.p50_figure(named("p50-in-fsyncs")),
        ]
    }

    fn ratio_figure(&self, name: String) -> Figure {
        match self.clients {
            64 => Figure::at_least(name, self.ratio.median, "times bare fjall", RATIO_LEAST),
            _ => Figure::info(name, self.ratio.median, "times bare fjall"),
        }
    }

    fn fsyncs_figure(&self, name: String) -> Figure {
        match self.clients {
            64 => Figure::at_most(name, self.fsyncs_per_commit, "fsyncs", FSYNCS_64_MOST),
            256 => Figure::at_most(name, self.fsyncs_per_commit, "fsyncs", FSYNCS_256_MOST),
            _ => Figure::info(name, self.fsyncs_per_commit, "fsyncs"),
        }
    }

    fn p50_figure(&self, name: String) -> Figure {
        let fsyncs = per(self.p50_ms, self.fsync_ms);
        match self.clients {
            64 => Figure::at_most(name, fsyncs, "fsyncs", P50_FSYNCS_MOST),
            _ => Figure::info(name, fsyncs, "fsyncs"),
        }
    }

    fn row(&self) -> Value {
        json!({
            "clients": self.clients,
            "commits-per-second": self.ours.median,
            "fjall-commits-per-second": self.peer.median,
            "ratio": self.ratio.median,
            "fsyncs-per-commit": self.fsyncs_per_commit,
            "fsync-ms": self.fsync_ms,
            "engine-fsync-ms-mean": self.engine_fsync_ms,
            "p50-ms": self.p50_ms,
            "p99-ms": self.p99_ms,
            "fjall-p50-ms": self.peer_p50_ms,
            "fjall-p99-ms": self.peer_p99_ms,
        })
    }

    fn spreads(&self) -> [Value; 3] {
        let of = |what: &str, spread: Spread| spread.row(&format!("{what}-{}", self.clients));
        [
            of("commits-per-second", self.ours),
            of("fjall-commits-per-second", self.peer),
            of("ratio", self.ratio),
        ]
    }
}

fn notes(plan: &Plan) -> Vec<String> {
    let mut notes = vec![
        format!(
            "ours: {SHARDS} shards of one node on one engine; a transaction looks its command up, writes a row of \
             {ROW_BYTES} bytes and a sealed idempotency row, under one log entry with its chain; acknowledged when \
             durable"
        ),
        format!(
            "fjall: one batch with a row of {ROW_BYTES} bytes and one of {IDEMPOTENCY_BYTES}, PersistMode::SyncAll \
             with each commit, one thread a client; no log, no look-up"
        ),
        format!(
            "{} pairs a setting, in turn (ours, peer, peer, ours), each run {:?}; ratio: median of the pairs' ratios",
            plan.pairs, plan.phase
        ),
        "fsync-ms: median of bare fsyncs, each after a block of 4 KiB appended to a file of the same disk, one at a \
         time, between the pairs; \
         engine-fsync-ms-mean: the engine's own, under load"
            .to_owned(),
        "fsyncs-per-commit: fsyncs of the engine's write queue over acknowledged transactions; those of flushes, \
         compactions and the mark (one a second) are not in it"
            .to_owned(),
    ];
    notes.extend(versions::profile_note());
    notes
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn phase(commits: usize, fsyncs: u64) -> Phase {
        Phase {
            latencies: vec![Duration::from_millis(3); commits],
            elapsed: Duration::from_secs(1),
            fsyncs,
            fsync_time: Duration::from_millis(fsyncs),
        }
    }

    fn setting(clients: usize, ours: usize, fsyncs: u64) -> Setting {
        Setting {
            clients,
            pairs: vec![(phase(ours, fsyncs), phase(1_000, 1_000)); 3],
            probes: vec![Duration::from_millis(1); 3],
        }
    }

    fn met(document: &Document, name: &str) -> Option<bool> {
        document
            .figures
            .iter()
            .find(|figure| figure.name == name)
            .expect(name)
            .met
    }

    #[test]
    fn goals_are_judged_where_they_were_set() {
        let good = [
            setting(1, 900, 900),
            setting(64, 12_000, 1_000),
            setting(256, 32_000, 1_000),
        ];
        let good = document(&Plan::full(), &good).expect("a document");
        assert!(good.goals_met(), "{good}");
        let goals: Vec<_> = good
            .figures
            .iter()
            .filter(|figure| figure.goal.is_some())
            .collect();
        assert_eq!(goals.len(), 4, "{goals:?}");
        let bad = [setting(64, 7_900, 700), setting(256, 31_900, 1_000)];
        let bad = document(&Plan::full(), &bad).expect("a document");
        assert_eq!(met(&bad, "ratio-64"), Some(false));
        assert_eq!(met(&bad, "fsyncs-per-commit-64"), Some(false));
        assert_eq!(met(&bad, "fsyncs-per-commit-256"), Some(false));
        assert_eq!(met(&bad, "p50-in-fsyncs-64"), Some(true));
    }

    #[test]
    fn a_run_without_commits_misses_its_goals() {
        let none = document(&Plan::full(), &[setting(64, 0, 0)]).expect("a document");
        assert!(!none.goals_met());
        assert_eq!(met(&none, "p50-in-fsyncs-64"), Some(false));
    }
}
