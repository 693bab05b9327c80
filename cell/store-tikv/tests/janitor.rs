//! Locks of a process that died between locking and sending are resolved, and what they held is written again.
//!
//! Alone in its binary: it takes every lock for one of the dead, and the test server that is at hand looks at the locks
//! of all cells.

use std::time::Duration;

use cell_store::{Fence, Store, WriteBatch};
use cell_store_tikv::{Settings, Tikv, Tls};
use platform_model::{CellId, WorldId};
use platform_runtime::clock::Clock;
use platform_runtime::{TaskGroup, random};
use tikv_client::transaction::HeartbeatOption;
use tikv_client::{CheckLevel, TransactionClient, TransactionOptions};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_locks_of_the_dead_are_resolved() {
    let Ok(pd) = std::env::var("MERIDIAN_TIKV_PD") else {
        println!("skipped: orphaned locks on TiKV: set MERIDIAN_TIKV_PD");
        return;
    };
    let pd: Vec<String> = pd.split(',').map(Into::into).collect();
    let cell: CellId = format!("janitor-{:016x}", random::u64()).parse().expect("a cell");
    let world = WorldId::new(&"7e57".repeat(16)).expect("64 hex digits");
    let settings = Settings::new(pd.clone(), Tls::Plaintext, world, cell.clone());
    let store = Tikv::open(settings, Clock::system(), &TaskGroup::new())
        .await
        .expect("opens");
    store.resolve_locks(Duration::ZERO).await.expect("resolved");

    let held = [b"MRD\x01", cell.to_string().as_bytes(), b"\0held"].concat();
    let options = TransactionOptions::new_pessimistic()
        .drop_check(CheckLevel::None)
        .heartbeat_option(HeartbeatOption::NoHeartbeat);
    let client = TransactionClient::new(pd).await.expect("connects");
    let mut dead = client.begin_with_options(options).await.expect("begins");
    dead.lock_keys([held]).await.expect("locked");
    drop(dead);
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

    let mut batch = WriteBatch::new();
    batch.put("held", "again");
    store
        .commit(batch, vec![Fence::absent("held")])
        .await
        .expect("committed");
    let snapshot = store.snapshot().await.expect("opens");
    assert_eq!(snapshot.get(b"held").await, Ok(Some("again".into())));
}
