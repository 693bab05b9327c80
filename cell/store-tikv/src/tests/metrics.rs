//! Each call of the contract is counted with its outcome, and timed, under the names that `deploy/tikv` gives.

use std::time::Duration;

use cell_store::{Fence, KeyRange, SnapshotError, Store, WriteBatch};
use metrics_exporter_prometheus::PrometheusBuilder;

use super::cluster::{Cluster, new_cell};

/// On one thread, which is that of the recorder.
#[tokio::test]
async fn each_call_is_counted_with_its_outcome_and_timed() {
    let Some(cluster) = Cluster::from_environment("the metrics of each call") else {
        return;
    };
    let recorder = PrometheusBuilder::new().build_recorder();
    let counted = recorder.handle();
    let _on_this_thread = metrics::set_default_local_recorder(&recorder);
    let settings = cluster.settings(&new_cell());
    let store = cluster.open(settings.clone()).await.expect("opens");
    let all = KeyRange::prefix("");
    let mut batch = WriteBatch::new();
    batch.put("a", "1");
    store.commit(batch.clone(), Vec::new()).await.expect("committed");
    let fenced = store.commit(batch, vec![Fence::equals("a", "2")]).await;
    assert!(fenced.is_err(), "another value stands there");
    let snapshot = store.snapshot().await.expect("opens");
    snapshot.get(b"a").await.expect("read");
    snapshot.get_many(&["a".into()]).await.expect("read");
    snapshot.scan(&all, 1, false).await.expect("read");
    store.decide(&all).await.expect("decided");

    let mut short = settings;
    short.snapshot_life = Duration::from_nanos(1);
    let store = cluster.open(short).await.expect("opens");
    let snapshot = store.snapshot().await.expect("opens");
    assert_eq!(snapshot.get(b"a").await, Err(SnapshotError::Expired));

    let told = counted.render();
    for (call, outcome) in [
        ("commit", "ok"),
        ("commit", "fenced"),
        ("snapshot", "ok"),
        ("get", "ok"),
        ("get", "expired"),
        ("get-many", "ok"),
        ("scan", "ok"),
        ("decide", "ok"),
    ] {
        let counted = format!("cell_store_tikv_calls_total{{call=\"{call}\",outcome=\"{outcome}\"}} ");
        assert!(told.contains(&counted), "{counted}: {told}");
        let timed = format!("cell_store_tikv_call_seconds_count{{call=\"{call}\"}} ");
        assert!(told.contains(&timed), "{timed}: {told}");
    }
}
