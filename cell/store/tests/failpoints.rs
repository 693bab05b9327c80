//! The planted bugs of failpoint builds do what they say: `ack-before-write` acknowledges what is not there yet.

use std::time::Duration;

use cell_store::embedded::{Embedded, EmbeddedOptions};
use cell_store::{Store, WriteBatch};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ack_before_write_acknowledges_what_no_snapshot_shows() {
    let scenario = fail::FailScenario::setup();
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), EmbeddedOptions::default()).unwrap();
    fail::cfg("ack-before-write", "return").unwrap();
    let mut batch = WriteBatch::new();
    batch.put("a", "x");
    store.commit(batch, Vec::new()).await.unwrap();
    let early = store.snapshot().await.unwrap().get(b"a").await.unwrap();
    assert_eq!(early, None, "it was written before it was acknowledged");
    let written = async {
        while store.snapshot().await.unwrap().get(b"a").await.unwrap().is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), written)
        .await
        .unwrap();
    scenario.teardown();
}
