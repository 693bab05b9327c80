//! A cluster that another program uses: refused, and left as it is.
//!
//! Alone in its binary, for it needs a cluster that no world has claimed yet.

#![allow(clippy::print_stdout, reason = "a test says why it was skipped")]

use cell_store_tikv::{OpenError, Settings, Tikv, Tls};
use platform_model::WorldId;
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use tikv_client::TransactionClient;

const FOREIGN: &[u8] = b"another program's row";
/// A server may show rows of its own below.
const ANY_ROW: &[u8] = b"\x02";

async fn open(pd: &[String], claims: bool) -> Result<(), OpenError> {
    let world = WorldId::new(&"7e57".repeat(16)).expect("64 hex digits");
    let cell = "not-ours".parse().expect("a cell");
    let settings = Settings {
        claims,
        ..Settings::new(pd.to_vec(), Tls::Plaintext, world, cell)
    };
    let tasks = TaskGroup::new();
    Tikv::open(settings, Clock::system(), &tasks).await.map(|_| ())
}

/// The keys of all rows, written by whom it may be.
async fn rows(raw: &TransactionClient) -> Vec<Vec<u8>> {
    let mut tx = raw.begin_optimistic().await.expect("begins");
    let keys = tx.scan_keys(ANY_ROW.to_vec().., 16).await.expect("scans");
    let keys = keys.map(Vec::<u8>::from).collect();
    tx.rollback().await.expect("ends");
    keys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_another_program_are_refused_and_left_alone() {
    let named = std::env::var("MERIDIAN_TIKV_PD").unwrap_or_default();
    if named.is_empty() {
        return println!("skipped: a cluster of another program: set MERIDIAN_TIKV_PD");
    }
    let pd: Vec<String> = named.split(',').map(Into::into).collect();
    // It waits until the server answers; a look changes nothing.
    let looked = open(&pd, false).await;
    println!("before: {looked:?}");
    let raw = TransactionClient::new(pd.clone()).await.expect("connects");
    if !rows(&raw).await.is_empty() {
        return println!("skipped: a cluster of another program: the one that is named is not empty");
    }
    let mut tx = raw.begin_optimistic().await.expect("begins");
    tx.put(FOREIGN.to_vec(), b"x".to_vec()).await.expect("buffers");
    tx.commit().await.expect("commits");

    let refused = open(&pd, true).await.expect_err("another program's");
    assert_eq!(refused, OpenError::NotOurs);
    assert!(
        refused.hint().contains("a cluster of its own"),
        "{}",
        refused.hint()
    );
    assert_eq!(
        rows(&raw).await,
        [FOREIGN],
        "nothing was added and nothing taken away"
    );

    let mut tx = raw.begin_optimistic().await.expect("begins");
    tx.delete(FOREIGN.to_vec()).await.expect("buffers");
    tx.commit().await.expect("commits");
    assert_eq!(open(&pd, true).await, Ok(()), "an empty cluster is claimed");
}
