//! The fence holds to the very commit, also for one that only reads it.

use cell_store::{Fence, Store, WriteBatch};
use tikv_client::TransactionOptions;

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
