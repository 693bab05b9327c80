//! Shard transactions on each engine, beside the engine driven bare with the same batches.
//!
//! Ours: eight shards of one node on the engine, 64 people and one ([`side`]). Every commit that they give to the engine is
//! kept ([`record`]); bare: the very same commits, batch for batch and under the same fences, to another place of the same
//! engine that has had all of theirs and no others, as many at once as there are committers, with no shard above: no client
//! that waits for its answer, nothing read, judged, sealed or encoded. Their quotient is what the shard and its clients cost
//! over the engine on this machine. FoundationDB is not among them: it was never there.

mod figures;
mod record;
mod side;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use platform_report::Document;

use crate::commit::load::Phase;
use crate::output;
use side::{Engine, Side};

/// Where a TiKV cluster is, if there is one.
const TIKV_PD: &str = "MERIDIAN_TIKV_PD";

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Numbers of clients, one setting each.
    pub clients: Vec<usize>,
    /// Pairs of one setting.
    pub pairs: usize,
    /// Length of one run of ours; bare takes as long as the same batches take.
    pub phase: Duration,
    /// Run before the first pair, not counted.
    pub warm_up: Duration,
    /// Placement drivers of a TiKV cluster.
    pub tikv: Option<Vec<String>>,
}

impl Plan {
    /// About 45 s an engine.
    pub fn full() -> Self {
        Self {
            clients: vec![1, 64],
            pairs: 10,
            phase: Duration::from_secs(1),
            warm_up: Duration::from_millis(500),
            tikv: named_cluster(),
        }
    }

    /// About 5 s an engine.
    pub fn quick() -> Self {
        Self {
            pairs: 3,
            phase: Duration::from_millis(300),
            warm_up: Duration::from_millis(150),
            ..Self::full()
        }
    }
}

fn named_cluster() -> Option<Vec<String>> {
    let named = std::env::var(TIKV_PD).ok().filter(|named| !named.is_empty())?;
    Some(named.split(',').map(Into::into).collect())
}

/// All that was measured of one engine with one number of clients.
#[derive(Debug)]
pub struct Setting {
    engine: &'static str,
    clients: usize,
    pairs: Vec<Pair>,
}

/// Ours, and bare with the same batches.
#[derive(Debug)]
pub struct Pair {
    ours: Phase,
    /// Batches that ours gave to the engine.
    batches: usize,
    bare: Duration,
}

impl Pair {
    /// Transactions a second over what the engine alone does with the same batches.
    fn of_bare(&self) -> f64 {
        crate::statistics::per(self.bare.as_secs_f64(), self.ours.elapsed.as_secs_f64())
    }
}

/// Measures every engine that is here. `dir` must be empty and on a disk.
///
/// # Errors
/// An engine does not open, or a transaction was not acknowledged.
pub fn run(plan: &Plan, dir: &Path) -> Result<Document> {
    let mut engines = vec![Engine::Embedded(dir.to_owned())];
    engines.extend(plan.tikv.clone().map(Engine::Tikv));
    let mut settings = Vec::new();
    for engine in &engines {
        for clients in &plan.clients {
            output::progress(&format!("engines: {}, {clients} clients", engine.name()));
            settings.push(measure(engine, *clients, plan)?);
        }
    }
    figures::document(plan, &settings)
}

fn measure(engine: &Engine, clients: usize, plan: &Plan) -> Result<Setting> {
    let side = Side::open(engine)?;
    let (_, groups) = side.run(clients, plan.warm_up)?;
    side.replay(groups)?;
    let mut pairs = Vec::with_capacity(plan.pairs);
    for _ in 0..plan.pairs {
        let (ours, groups) = side.run(clients, plan.phase)?;
        let batches = groups.iter().map(Vec::len).sum();
        let bare = side.replay(groups)?;
        pairs.push(Pair { ours, batches, bare });
    }
    side.close();
    Ok(Setting {
        engine: engine.name(),
        clients,
        pairs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_batch_that_ours_committed_is_committed_bare() {
        let dir = crate::command::disk_for_tests();
        let plan = Plan {
            clients: vec![3],
            pairs: 2,
            phase: Duration::from_millis(60),
            warm_up: Duration::from_millis(10),
            tikv: None,
        };
        let setting = measure(&Engine::Embedded(dir.path().to_owned()), 3, &plan).expect("runs");
        for pair in &setting.pairs {
            assert!(
                pair.ours.commits() >= pair.batches && pair.batches > 0,
                "{pair:?}"
            );
            assert!(pair.bare > Duration::ZERO);
        }
        let document = figures::document(&plan, &[setting]).expect("a document");
        assert!(
            document.notes.iter().any(|note| note.contains("skipped")),
            "{document}"
        );
    }

    #[test]
    fn ours_at_the_engines_own_rate_is_one() {
        let pair = Pair {
            ours: Phase {
                latencies: vec![Duration::from_millis(1); 10],
                elapsed: Duration::from_secs(2),
                ..Phase::default()
            },
            batches: 5,
            bare: Duration::from_secs(1),
        };
        assert_eq!(pair.of_bare(), 0.5);
    }
}
