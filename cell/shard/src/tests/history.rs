//! Strict serializability: concurrent clients over each store, healthy and failing; the checker finds nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cell_store::Store;
use cell_store::embedded::{Embedded, EmbeddedOptions};
use cell_store::memory::Memory;
use chaos::checkers::{Report, strict_serializable};
use chaos::history::{History, Outcome};
use parking_lot::Mutex;

use super::harness::{Expiring, Faults, Shaky, open, open_with};
use super::workload::{Load, run, run_on};
use crate::plant::Plant;
use crate::{Shard, ShardLimits};

/// Seeds within which enough owners must have changed under a load.
const SEEDS_MAX: u64 = 40;

async fn check(store: Arc<dyn Store>, load: Load) -> Report {
    let shard = open(store, 1).await.expect("opens");
    let history = run(&shard, load).await;
    let done = history
        .operations
        .iter()
        .filter(|operation| operation.outcome == Outcome::Done)
        .count();
    assert!(
        done * 2 > history.operations.len(),
        "most of the load went through: {done}"
    );
    strict_serializable(&history).unwrap_or_else(|violation| panic!("seed {}: {violation}", load.seed))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_clients_over_the_embedded_engine_are_strictly_serializable() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Embedded::open(dir.path(), EmbeddedOptions::default()).expect("opens");
    let report = check(
        store,
        Load {
            clients: 16,
            transactions: 60,
            seed: 1,
        },
    )
    .await;
    assert_eq!(report.operations, 962);
    assert!(report.unknown > 0, "some clients went away in the middle");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_clients_over_the_memory_store_are_strictly_serializable() {
    for seed in 1..=4 {
        let faults = Faults {
            yields: 8,
            ..Faults::default()
        };
        let store = Shaky::new(Memory::new(), faults, seed);
        check(
            store,
            Load {
                clients: 12,
                transactions: 40,
                seed,
            },
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_fails_and_does_not_know_leaves_a_clean_history() {
    for seed in 1..=4 {
        let faults = Faults {
            unavailable: 40,
            unknown_lost: 60,
            unknown_written: 60,
            yields: 4,
            ..Faults::default()
        };
        let store = Shaky::new(Memory::new(), faults, seed);
        check(
            store,
            Load {
                clients: 12,
                transactions: 30,
                seed,
            },
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tiny_window_costs_retries_and_nothing_else() {
    let limits = ShardLimits {
        window_entries_max: 1,
        group_transactions_max: 3,
        ..ShardLimits::default()
    };
    let faults = Faults {
        yields: 8,
        ..Faults::default()
    };
    let store = Shaky::new(Memory::new(), faults, 9);
    let shard = open_with(store, 1, limits, Plant::none()).await.expect("opens");
    let history = run(
        &shard,
        Load {
            clients: 8,
            transactions: 40,
            seed: 9,
        },
    )
    .await;
    strict_serializable(&history).unwrap_or_else(|violation| panic!("{violation}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn owners_that_change_under_load_leave_a_clean_history() {
    let mut changes = 0;
    for seed in 1..=SEEDS_MAX {
        let faults = Faults {
            unavailable: 0,
            unknown_lost: 30,
            unknown_written: 30,
            yields: 6,
            ..Faults::default()
        };
        let store = Shaky::new(Memory::new(), faults, seed);
        let owner = Arc::new(Mutex::new(open(store.clone(), 1).await.expect("opens")));
        let load = Load {
            clients: 10,
            transactions: 60,
            seed,
        };
        let history = tokio::select! {
            history = run_on(Arc::clone(&owner), load) => history,
            never = take_over(store, Arc::clone(&owner)) => never,
        };
        strict_serializable(&history).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        changes += owner.lock().epoch().0 - 1;
        if changes >= 12 {
            return;
        }
    }
    panic!("only {changes} owners changed under the load of {SEEDS_MAX} seeds");
}

/// One owner after the other, without a word to the one before: that goes on until its next commit or snapshot.
async fn take_over(store: Arc<dyn Store>, owner: Arc<Mutex<Shard>>) -> History {
    for epoch in 2..8 {
        let committed = owner.lock().status().committed.0;
        while owner.lock().status().committed.0 < committed + 10 && owner.lock().status().ended.is_none() {
            tokio::task::yield_now().await;
        }
        let taker = open(store.clone(), epoch).await.expect("opens");
        *owner.lock() = taker;
    }
    std::future::pending().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn snapshots_that_expire_in_the_middle_are_validated() {
    for seed in 1..=3 {
        let faults = Faults {
            yields: 6,
            ..Faults::default()
        };
        let shaky = Shaky::new(Memory::new(), faults, seed);
        let store = Arc::new(Expiring {
            inner: shaky,
            reads_max: AtomicU64::new(u64::MAX),
        });
        let shard = open(store.clone(), 1).await.expect("opens");
        store.reads_max.store(2, Ordering::Relaxed);
        let history = run(
            &shard,
            Load {
                clients: 10,
                transactions: 40,
                seed,
            },
        )
        .await;
        store.reads_max.store(u64::MAX, Ordering::Relaxed);
        strict_serializable(&history).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
    }
}
