//! The fence holds to the very commit, also for one that only reads it.

use cell_store::{Fence, Store, WriteBatch};
use tikv_client::transaction::HeartbeatOption;
use tikv_client::{CheckLevel, TransactionOptions};

use super::cluster::{Cluster, new_cell};
use crate::commit::{options, prepare};
use crate::failure::{self, CommitFailure};

/// A commit that has read its fence, and is overtaken by one that moves it before it is sent. It does not write the
/// fence: without a lock on it, TiKV would let both pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_fence_moves_before_it_is_sent_conflicts() {
    let Some(cluster) = Cluster::from_environment("a fence that moves") else {
        return;
    };
    let store = cluster.open(cluster.settings(&new_cell())).await.expect("opens");
    let put = |key: &'static str, value: &'static str| {
        let mut batch = WriteBatch::new();
        batch.put(key, value);
        batch
    };
    store
        .commit(put("fence", "1"), Vec::new())
        .await
        .expect("committed");
    let shared = store.shared();
    let fences = [Fence::equals("fence", "1")];
    for empty in [false, true] {
        let batch = if empty { WriteBatch::new() } else { put("row", "x") };
        let options: TransactionOptions = options();
        let mut overtaken = shared.client.begin_with_options(options).await.expect("begins");
        assert!(
            prepare(shared, &mut overtaken, &batch, &fences).await.is_ok(),
            "the fence holds"
        );
        store
            .commit(put("fence", "2"), fences.to_vec())
            .await
            .expect("moved");
        let error = overtaken.commit().await.expect_err("overtaken");
        overtaken.rollback().await.expect("rolled back");
        assert!(
            matches!(failure::of_commit(&error), CommitFailure::Conflict(_)),
            "{error:?}"
        );
        let snapshot = store.snapshot().await.expect("opens");
        assert_eq!(
            snapshot.get(b"row").await,
            Ok(None),
            "written under a fence that had moved"
        );
        let back = vec![Fence::equals("fence", "2")];
        store.commit(put("fence", "1"), back).await.expect("moved back");
    }
}

/// Locks of a process that died between locking and sending are resolved by the janitor, and what they held is
/// written again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_janitor_resolves_what_the_dead_left() {
    let Some(cluster) = Cluster::from_environment("orphaned locks") else {
        return;
    };
    let store = cluster.open(cluster.settings(&new_cell())).await.expect("opens");
    let shared = store.shared();
    let options = TransactionOptions::new_pessimistic()
        .drop_check(CheckLevel::None)
        .heartbeat_option(HeartbeatOption::NoHeartbeat);
    let mut dead = shared.client.begin_with_options(options).await.expect("begins");
    dead.lock_keys([shared.keys.key(b"held")]).await.expect("locked");
    drop(dead);
    let now = shared.client.current_timestamp().await.expect("a timestamp");
    assert_eq!(
        crate::janitor::resolve(shared, &now).await,
        Ok(1),
        "the lock of the dead"
    );
    assert_eq!(crate::janitor::resolve(shared, &now).await, Ok(0), "it is gone");
    let mut batch = WriteBatch::new();
    batch.put("held", "again");
    store
        .commit(batch, vec![Fence::absent("held")])
        .await
        .expect("committed");
    crate::janitor::round(shared).await.expect("a whole round");
    let snapshot = store.snapshot().await.expect("opens");
    assert_eq!(
        snapshot.get(b"held").await,
        Ok(Some("again".into())),
        "a round leaves the living alone"
    );
}
