//! Locks of a process that died between locking and sending are resolved, and what they held is written again.
//!
//! Alone in its binary: it takes every lock for one of the dead, and the test server that is at hand looks at the locks
//! of all cells.

#![allow(clippy::print_stdout, reason = "a test says why it was skipped")]

use std::sync::Arc;
use std::time::Duration;

use cell_store::{CommitError, Fence, KeyRange, Store, WriteBatch};
use cell_store_tikv::{Settings, Tikv, Tls};
use platform_model::{CellId, WorldId};
use platform_runtime::clock::Clock;
use platform_runtime::{TaskGroup, random};
use tikv_client::transaction::HeartbeatOption;
use tikv_client::{CheckLevel, TransactionClient, TransactionOptions};

/// A cell of its own on the cluster, if there is one.
struct Place {
    pd: Vec<String>,
    cell: CellId,
    store: Arc<Tikv>,
}

impl Place {
    async fn named(what: &str) -> Option<Self> {
        let Ok(pd) = std::env::var("MERIDIAN_TIKV_PD") else {
            println!("skipped: {what} on TiKV: set MERIDIAN_TIKV_PD");
            return None;
        };
        let pd: Vec<String> = pd.split(',').map(Into::into).collect();
        let cell: CellId = format!("janitor-{:016x}", random::u64()).parse().expect("a cell");
        let world = WorldId::new(&"7e57".repeat(16)).expect("64 hex digits");
        let settings = Settings::new(pd.clone(), Tls::Plaintext, world, cell.clone());
        let opened = Tikv::open(settings, Clock::system(), &TaskGroup::new()).await;
        let store = opened.expect("opens");
        Some(Self { pd, cell, store })
    }

    /// A transaction that locks a key and dies.
    async fn die_on(&self, key: &[u8]) {
        let held = [b"MRD\x01", self.cell.to_string().as_bytes(), b"\0", key].concat();
        let options = TransactionOptions::new_pessimistic()
            .drop_check(CheckLevel::None)
            .heartbeat_option(HeartbeatOption::NoHeartbeat);
        let client = TransactionClient::new(self.pd.clone()).await.expect("connects");
        let mut dead = client.begin_with_options(options).await.expect("begins");
        dead.lock_keys([held]).await.expect("locked");
    }

    async fn put(&self, key: &'static str) -> Result<(), CommitError> {
        let mut batch = WriteBatch::new();
        batch.put(key, "again");
        self.store.commit(batch, vec![Fence::absent(key)]).await
    }
}

/// Both look at all locks of the cluster, as far as its test server goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_that_others_left_are_resolved_by_age_or_at_once() {
    the_locks_of_the_dead_are_resolved().await;
    whoever_takes_a_shard_does_not_wait_for_the_locks_of_the_dead().await;
}

async fn whoever_takes_a_shard_does_not_wait_for_the_locks_of_the_dead() {
    let Some(place) = Place::named("locks of whoever held a shard before").await else {
        return;
    };
    place.die_on(b"taken/fence").await;
    place.die_on(b"other/fence").await;
    let waits = tokio::time::timeout(Duration::from_millis(500), place.put("taken/fence")).await;
    assert!(!matches!(waits, Ok(Ok(()))), "the lock lasts 20 s: {waits:?}");
    let shard = |name: &'static str| KeyRange::prefix(name);
    place.store.decide(&shard("taken/")).await.expect("decided");
    // The attempt above may still be on its way, and be the one that writes.
    let taken = place.put("taken/fence").await;
    assert!(
        matches!(taken, Ok(()) | Err(CommitError::Fenced { .. })),
        "{taken:?}"
    );
    let other = place.put("other/fence").await;
    assert!(
        matches!(other, Err(CommitError::Unavailable { .. })),
        "what lies beside the shard is left alone: {other:?}"
    );
    place.store.decide(&shard("other/")).await.expect("decided");
    place
        .store
        .decide(&shard("other/"))
        .await
        .expect("nothing is left");
    place.put("other/fence").await.expect("committed");
}

async fn the_locks_of_the_dead_are_resolved() {
    let Some(place) = Place::named("orphaned locks").await else {
        return;
    };
    let store = &place.store;
    store.resolve_locks(Duration::ZERO).await.expect("resolved");
    place.die_on(b"held").await;
    assert_eq!(
        store.resolve_locks(Duration::from_secs(3_600)).await,
        Ok(0),
        "it is not that old"
    );
    assert_eq!(
        store.resolve_locks(Duration::ZERO).await,
        Ok(1),
        "the lock of the dead"
    );
    assert_eq!(store.resolve_locks(Duration::ZERO).await, Ok(0), "it is gone");

    place.put("held").await.expect("committed");
    let snapshot = store.snapshot().await.expect("opens");
    assert_eq!(snapshot.get(b"held").await, Ok(Some("again".into())));
}
