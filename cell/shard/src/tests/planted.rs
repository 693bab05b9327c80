//! The checker catches what it is there for: each bug is planted into a real shard and must be found within a few
//! seeds, with a counter-example that a person can read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cell_store::memory::Memory;
use chaos::checkers::{Violation, strict_serializable};
use chaos::history::History;
use parking_lot::Mutex;

use super::harness::{Expiring, Faults, Shaky, open_with};
use super::workload::{Load, run, run_on};
use crate::ShardLimits;
use crate::plant::{Bug, Plant};

/// Seeds within which a bug must be found.
const SEEDS_MAX: u64 = 80;

/// Runs the load on shards with the bug until the checker sees it.
async fn caught(bug: Bug, faults: Faults) -> String {
    caught_with(bug, faults, ShardLimits::default(), u64::MAX).await
}

/// As [`caught`], with other limits and snapshots that end after so many reads.
async fn caught_with(bug: Bug, faults: Faults, limits: ShardLimits, snapshot_reads: u64) -> String {
    for seed in 1..=SEEDS_MAX {
        let store = Arc::new(Expiring {
            inner: Shaky::new(Memory::new(), faults, seed),
            reads_max: AtomicU64::new(u64::MAX),
        });
        let opened = open_with(store.clone(), 1, limits, Plant::new(bug)).await;
        let Ok(shard) = opened else { continue };
        store.reads_max.store(snapshot_reads, Ordering::Relaxed);
        let load = Load {
            clients: 12,
            transactions: 25,
            seed,
        };
        let history = run(&shard, load).await;
        if let Some(explanation) = found(bug, seed, &history) {
            return explanation;
        }
    }
    panic!("{bug:?} was not caught within {SEEDS_MAX} seeds");
}

fn found(bug: Bug, seed: u64, history: &History) -> Option<String> {
    let Err(Violation::NoOrder { explanation }) = strict_serializable(history) else {
        return None;
    };
    println!("{bug:?}: caught by seed {seed}\n{explanation}");
    Some(explanation)
}

const SLOW: Faults = Faults {
    unavailable: 0,
    unknown_lost: 0,
    unknown_written: 0,
    unknown_late: 0,
    yields: 8,
};
const FAILING: Faults = Faults {
    unavailable: 200,
    unknown_lost: 0,
    unknown_written: 0,
    unknown_late: 0,
    yields: 8,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_planted_phantom_is_caught() {
    let explanation = caught(Bug::Phantom, SLOW).await;
    assert!(explanation.contains("read `r/`"), "{explanation}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_planted_lost_update_is_caught() {
    caught(Bug::LostUpdate, SLOW).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_planted_dirty_read_is_caught() {
    caught(Bug::DirtyRead, FAILING).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_planted_answer_before_commit_is_caught() {
    caught(Bug::AnswerBeforeCommit, FAILING).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_planted_late_commit_after_an_unknown_outcome_is_caught() {
    let late = Faults {
        unknown_late: 200,
        ..SLOW
    };
    caught(Bug::LateCommit, late).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_planted_eviction_from_the_window_is_caught() {
    let tiny = ShardLimits {
        window_entries_max: 1,
        group_transactions_max: 2,
        ..ShardLimits::default()
    };
    caught_with(Bug::Eviction, SLOW, tiny, u64::MAX).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_planted_read_of_two_versions_is_caught() {
    caught_with(Bug::Mixed, SLOW, ShardLimits::default(), 2).await;
}

/// A taker that does not fence the owner before it out: both write.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_dropped_fence_is_caught() {
    for seed in 1..=SEEDS_MAX {
        let store = Shaky::new(Memory::new(), SLOW, seed);
        let limits = ShardLimits::default();
        let first = open_with(store.clone(), 1, limits, Plant::new(Bug::NoFence)).await;
        let owner = Arc::new(Mutex::new(first.expect("opens")));
        let load = Load {
            clients: 12,
            transactions: 25,
            seed,
        };
        let taking = async {
            for epoch in 2..6 {
                let committed = owner.lock().status().committed.0;
                while owner.lock().status().committed.0 < committed + 5
                    && owner.lock().status().ended.is_none()
                {
                    tokio::task::yield_now().await;
                }
                let opened = open_with(store.clone(), epoch, limits, Plant::new(Bug::NoFence)).await;
                // The log may be torn by then: that is the bug, too.
                match opened {
                    Ok(taker) => *owner.lock() = taker,
                    Err(error) => return Some(format!("a taker cannot open: {error}")),
                }
            }
            // A stale owner's batch has ended the last one, too: nobody serves, and the clients would wait in vain.
            while owner.lock().status().ended.is_none() {
                tokio::task::yield_now().await;
            }
            None
        };
        let torn = tokio::select! {
            history = run_on(Arc::clone(&owner), load) => found(Bug::NoFence, seed, &history),
            torn = taking => torn,
        };
        if let Some(explanation) = torn {
            return println!("seed {seed}: {explanation}");
        }
    }
    panic!("a dropped fence was not caught within {SEEDS_MAX} seeds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_a_bug_the_same_failing_runs_are_clean() {
    for seed in 1..=4 {
        let store = Shaky::new(Memory::new(), FAILING, seed);
        let opened = open_with(store, 1, ShardLimits::default(), Plant::none()).await;
        let Ok(shard) = opened else { continue };
        let history = run(
            &shard,
            Load {
                clients: 12,
                transactions: 25,
                seed,
            },
        )
        .await;
        strict_serializable(&history).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
    }
}
