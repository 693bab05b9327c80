//! The checker catches what it is there for: each bug is planted into a real shard and must be found within a few
//! seeds, with a counter-example that a person can read.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use cell_store::memory::Memory;
use chaos::checkers::{Violation, strict_serializable};

use super::harness::{Faults, Shaky, open_with};
use super::workload::{Load, run};
use crate::ShardLimits;
use crate::plant::{Bug, Plant};

/// Seeds within which a bug must be found.
const SEEDS_MAX: u64 = 20;

async fn caught(bug: Bug, faults: Faults) -> String {
    for seed in 1..=SEEDS_MAX {
        let store = Shaky {
            inner: Memory::new(),
            faults,
            state: AtomicU64::new(seed),
        };
        let opened = open_with(Arc::new(store), 1, ShardLimits::default(), Plant::new(bug)).await;
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
        if let Err(Violation::NoOrder { explanation }) = strict_serializable(&history) {
            println!("{bug:?}: caught by seed {seed}\n{explanation}");
            return explanation;
        }
    }
    panic!("{bug:?} was not caught within {SEEDS_MAX} seeds");
}

const SLOW: Faults = Faults {
    unavailable: 0,
    unknown_lost: 0,
    unknown_written: 0,
    yields: 8,
};
const FAILING: Faults = Faults {
    unavailable: 200,
    unknown_lost: 0,
    unknown_written: 0,
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
async fn without_a_bug_the_same_failing_runs_are_clean() {
    for seed in 1..=4 {
        let store = Shaky {
            inner: Memory::new(),
            faults: FAILING,
            state: AtomicU64::new(seed),
        };
        let opened = open_with(Arc::new(store), 1, ShardLimits::default(), Plant::none()).await;
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
