//! A store that outgrows its journal: batches move to tables, journals are sealed and removed, and the checks at
//! opening must take none of that for damage.

use std::path::Path;

use super::open;
use crate::embedded::{Embedded, journal};
use crate::{KeyRange, Store, WriteBatch};

const VALUE_BYTES: usize = 88_000;
const ROWS_PER_BATCH: u32 = 45;

async fn write(store: &Embedded, batches: std::ops::Range<u32>) {
    for n in batches {
        let mut batch = WriteBatch::new();
        for row in 0..ROWS_PER_BATCH {
            batch.put(format!("{row:03}/{n:03}"), vec![n.to_le_bytes()[0]; VALUE_BYTES]);
        }
        store.commit(batch, Vec::new()).await.unwrap();
    }
}

async fn rows(dir: &Path) -> usize {
    let store = open(dir).unwrap();
    let snapshot = store.snapshot().await.unwrap();
    let mut range = KeyRange::prefix("");
    let mut rows = 0;
    loop {
        let page = snapshot.scan(&range, 10_000, false).await.unwrap();
        rows += page.rows.len();
        let Some((last, _)) = page.rows.last().filter(|_| page.more) else {
            return rows;
        };
        range.start = [last, &[0][..]].concat().into();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealed_and_removed_journals_are_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    write(&store, 0..20).await;
    let unclean = std::fs::read(dir.path().join("durable")).unwrap();
    write(&store, 20..45).await;
    drop(store);
    let oldest = journal::scan(&dir.path().join("fjall")).unwrap();
    assert!(
        oldest[0].path.file_name().unwrap() != "0.jnl" || oldest.len() > 1,
        "no journal was sealed: {oldest:?}"
    );
    assert_eq!(rows(dir.path()).await, 45 * ROWS_PER_BATCH as usize);
    std::fs::write(dir.path().join("durable"), unclean).unwrap();
    assert_eq!(rows(dir.path()).await, 45 * ROWS_PER_BATCH as usize);
    let store = open(dir.path()).unwrap();
    write(&store, 45..50).await;
    drop(store);
    assert_eq!(rows(dir.path()).await, 50 * ROWS_PER_BATCH as usize);
}
