//! Primaries that serve and should not: a commit that does not come, or latencies far from those of the cell's other
//! primaries. A suspect is relieved by a handover; if its drain does not end, by a promotion.
//!
//! Never judges a primary by its own past, and never one whose standbys are the slow ones.

use std::collections::BTreeMap;

use control_plane_state::State;
use control_plane_state::shard_config::{CopyState, ShardConfig};
use platform_model::thresholds::{
    OUTLIER_COMMITS_PER_SECOND_MIN, OUTLIER_FOR_MS, OUTLIER_P99_MS_MIN, OUTLIER_TIMES, STALL_MS,
};
use platform_model::{CellId, NodeId, ReplicaId};
use platform_wire::replicas::CopyReport;

use super::watched::Watched;

/// Since when a primary stands out, and when it was relieved last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suspicion {
    outlier_since_micros: Option<u64>,
    pub relieved_micros: Option<u64>,
    /// The reason for which a handover is due or under way.
    pub why: Option<String>,
}

/// Latencies of the primaries of one cell: by node, each with its shards' p99, in microseconds.
#[derive(Debug, Default)]
pub struct CellLatencies {
    by_cell: BTreeMap<CellId, Vec<(NodeId, u32)>>,
}

impl CellLatencies {
    pub fn add(&mut self, node: &NodeId, report: &CopyReport) {
        if counts(report) {
            let of_cell = self.by_cell.entry(node.cell.clone()).or_default();
            of_cell.push((node.clone(), report.p99_micros));
        }
    }

    /// The median of the primaries of the cell's other nodes.
    fn median_of_others(&self, node: &NodeId) -> Option<u32> {
        let of_cell = self.by_cell.get(&node.cell)?.iter();
        let mut others: Vec<u32> = of_cell
            .filter(|(other, _)| other != node)
            .map(|(_, p99)| *p99)
            .collect();
        let middle = others.len() / 2;
        others.sort_unstable();
        others.get(middle).copied()
    }
}

fn counts(report: &CopyReport) -> bool {
    report.leads && report.serves && u64::from(report.commits_per_second) >= OUTLIER_COMMITS_PER_SECOND_MIN
}

impl Suspicion {
    /// Why the primary is suspect now, if it is.
    pub fn judge(
        &mut self,
        now_micros: u64,
        node: &NodeId,
        report: &CopyReport,
        latencies: &CellLatencies,
    ) -> Option<String> {
        if report.leads && report.stalled_micros >= STALL_MS * 1_000 {
            let seconds = report.stalled_micros / 1_000_000;
            return Some(format!("a write waits for its commit for {seconds} s"));
        }
        let median = latencies.median_of_others(node);
        let Some(median) = median.filter(|median| counts(report) && is_outlier(report.p99_micros, *median))
        else {
            self.outlier_since_micros = None;
            return None;
        };
        let since = *self.outlier_since_micros.get_or_insert(now_micros);
        let (own_ms, others_ms) = (report.p99_micros / 1_000, median / 1_000);
        (now_micros.saturating_sub(since) >= OUTLIER_FOR_MS * 1_000)
            .then(|| format!("its p99 is {own_ms} ms, that of the cell's others {others_ms} ms"))
    }
}

fn is_outlier(p99_micros: u32, median_micros: u32) -> bool {
    let p99 = u64::from(p99_micros);
    p99 >= OUTLIER_P99_MS_MIN * 1_000 && p99 >= u64::from(median_micros) * OUTLIER_TIMES
}

/// Who may relieve a suspect primary: an in-sync standby whose node is heard. While commits stall, one that holds
/// entries which are not committed has them from the primary and does not get them onto its own disk: then it is the
/// standby that is slow.
pub fn successor(
    state: &State,
    config: &ShardConfig,
    watched: &Watched,
    heard: impl Fn(&NodeId) -> bool,
) -> Option<ReplicaId> {
    let primary = &watched.copy(config.primary.replica)?.report;
    let stalls = primary.stalled_micros >= STALL_MS * 1_000;
    let is_quick = |replica: ReplicaId| {
        let standby = watched.copy(replica);
        standby.is_some_and(|seen| !stalls || seen.report.last <= primary.committed)
    };
    let in_sync = config
        .standbys
        .iter()
        .filter(|copy| copy.state == CopyState::InSync);
    let mut fit = in_sync
        .filter(|copy| state.nodes.contains_key(&copy.node) && heard(&copy.node) && is_quick(copy.replica));
    fit.next().map(|copy| copy.replica)
}

#[cfg(test)]
mod tests {
    use platform_model::{Epoch, Generation, Incarnation, Position, Term};

    use super::*;

    fn node(ordinal: u16) -> NodeId {
        format!("eu-central-1/{ordinal}").parse().expect("a node")
    }

    fn report(p99_micros: u32, stalled_micros: u64) -> CopyReport {
        CopyReport {
            shard: "eu/eu-central/001".parse().expect("a shard"),
            replica: ReplicaId(1),
            generation: Generation(1),
            term: Term {
                epoch: Epoch(1),
                incarnation: Incarnation(1),
            },
            last: Position(9),
            chain: 0,
            committed: Position(9),
            leads: true,
            serves: true,
            silent_micros: 0,
            state: "leading".into(),
            copied_bytes: 0,
            copy_bytes_per_second: 0,
            copy_left_bytes: 0,
            commits_per_second: 100,
            p99_micros,
            stalled_micros,
            bytes: 0,
        }
    }

    fn latencies(others_micros: &[u32]) -> CellLatencies {
        let mut latencies = CellLatencies::default();
        latencies.add(&node(0), &report(9_000_000, 0));
        for p99 in others_micros {
            latencies.add(&node(1), &report(*p99, 0));
        }
        latencies
    }

    fn judge(suspicion: &mut Suspicion, now_ms: u64, report: &CopyReport, others: &[u32]) -> bool {
        let judged = suspicion.judge(now_ms * 1_000, &node(0), report, &latencies(others));
        judged.is_some()
    }

    #[test]
    fn a_commit_that_does_not_come_is_enough() {
        let mut suspicion = Suspicion::default();
        assert!(!judge(&mut suspicion, 0, &report(0, STALL_MS * 1_000 - 1), &[]));
        assert!(judge(&mut suspicion, 0, &report(0, STALL_MS * 1_000), &[]));
    }

    #[test]
    fn an_outlier_is_one_against_others_and_for_a_while() {
        let mut suspicion = Suspicion::default();
        let slow = report(2_000_000, 0);
        assert!(!judge(&mut suspicion, 0, &slow, &[9_000, 10_000, 11_000]));
        assert!(judge(
            &mut suspicion,
            OUTLIER_FOR_MS,
            &slow,
            &[9_000, 10_000, 11_000]
        ));
        // All are slow: nobody stands out, and what was before is forgotten.
        assert!(!judge(
            &mut suspicion,
            OUTLIER_FOR_MS,
            &slow,
            &[1_900_000, 2_000_000]
        ));
        assert!(!judge(&mut suspicion, OUTLIER_FOR_MS * 2, &slow, &[9_000]));
        // Nobody to compare with.
        assert!(!judge(&mut suspicion, OUTLIER_FOR_MS * 9, &slow, &[]));
    }

    #[test]
    fn a_few_slow_commits_say_nothing() {
        let mut suspicion = Suspicion::default();
        let mut idle = report(2_000_000, 0);
        idle.commits_per_second = 1;
        assert!(!judge(&mut suspicion, 0, &idle, &[9_000]));
        assert!(!judge(&mut suspicion, OUTLIER_FOR_MS * 2, &idle, &[9_000]));
        let mut suspicion = Suspicion::default();
        let quick = report(100_000, 0);
        assert!(!judge(&mut suspicion, 0, &quick, &[1_000]));
        assert!(!judge(&mut suspicion, OUTLIER_FOR_MS * 2, &quick, &[1_000]));
    }
}
