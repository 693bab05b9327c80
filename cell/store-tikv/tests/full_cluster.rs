//! A cluster without room: each write ends with a typed error within its time, nothing is half written, and all goes on
//! once there is room.
//!
//! Alone in its binary, for it fills the server up. `MERIDIAN_TIKV_ROOM_MIB` says how little room the server has, and
//! `MERIDIAN_TIKV_CONTROL` takes `more-room`.

#![allow(clippy::print_stdout, reason = "a test says how much it looked at")]

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use cell_store::{CommitError, Store, WriteBatch};
use cell_store_tikv::{Settings, Tikv, Tls};
use platform_model::{CellId, WorldId};
use platform_runtime::clock::Clock;
use platform_runtime::{TaskGroup, random};

/// What `more-room` ends with where the server cannot be brought back.
const GONE_FOR_GOOD: i32 = 7;
/// Of a row; it is written twice, under two keys.
const ROW_BYTES: usize = 80_000;
/// For one write to be refused, and for all to go on once there is room.
const REFUSED_WITHIN: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(120);

fn key(row: usize) -> String {
    format!("row/{row:06}")
}

fn batch(row: usize) -> WriteBatch {
    // Bytes that no server makes smaller.
    let bytes: Vec<u8> = (0..ROW_BYTES / 8)
        .flat_map(|_| random::u64().to_be_bytes())
        .collect();
    let mut batch = WriteBatch::new();
    batch
        .put(key(row), bytes.clone())
        .put(format!("{}/twin", key(row)), bytes);
    batch
}

async fn open(pd: &str, cell: &CellId, tasks: &TaskGroup) -> Arc<Tikv> {
    let world = WorldId::new(&"7e57".repeat(16)).expect("64 hex digits");
    let pd = pd.split(',').map(Into::into).collect();
    let settings = Settings::new(pd, Tls::Plaintext, world, cell.clone());
    Tikv::open(settings, Clock::system(), tasks).await.expect("opens")
}

/// Writes until the server has no room. Answers how many rows are acknowledged, and what the next one was told.
async fn fill(store: &Tikv, room_mib: usize) -> (usize, CommitError) {
    for row in 0..(room_mib << 20) / ROW_BYTES {
        let written = tokio::time::timeout(REFUSED_WITHIN, store.commit(batch(row), Vec::new()));
        if let Err(refused) = written.await.expect("ends within its time") {
            return (row, refused);
        }
    }
    panic!("twice {room_mib} MiB went into a server that has room for them once");
}

async fn is_there(store: &Tikv, key: &str) -> bool {
    let reading = async {
        loop {
            if let Ok(snapshot) = store.snapshot().await
                && let Ok(value) = snapshot.get(key.as_bytes()).await
            {
                return value.is_some();
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("reads again")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_cluster_refuses_and_keeps_what_it_has() {
    let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (Some(pd), Some(control), Some(room)) = (
        named("MERIDIAN_TIKV_PD"),
        named("MERIDIAN_TIKV_CONTROL"),
        named("MERIDIAN_TIKV_ROOM_MIB"),
    ) else {
        return println!(
            "skipped: a full cluster of TiKV: a server with little room is needed (tests/tikv.sh)"
        );
    };
    let tasks = TaskGroup::new();
    let cell: CellId = format!("full-{:016x}", random::u64()).parse().expect("a cell");
    let store = open(&pd, &cell, &tasks).await;
    let (rows, refused) = fill(&store, room.parse().expect("MiB")).await;
    println!(
        "{rows} rows of twice {ROW_BYTES} bytes, then: {refused}; hint: {}",
        refused.hint()
    );
    assert!(!refused.hint().is_empty(), "{refused:?}");
    assert!(
        matches!(
            refused,
            CommitError::Unavailable { .. } | CommitError::Unknown { .. }
        ),
        "{refused:?}"
    );

    let made = Command::new("sh")
        .arg("-c")
        .arg(format!("{control} more-room"))
        .status();
    let made = made.expect("runs");
    if made.code() == Some(GONE_FOR_GOOD) {
        return println!(
            "skipped: what a full TiKV keeps: this server does not come up again after it was full"
        );
    }
    assert!(made.success(), "{control} more-room");
    for row in 0..rows {
        assert!(is_there(&store, &key(row)).await, "{row} was acknowledged");
    }
    for row in 0..=rows {
        let twin = is_there(&store, &format!("{}/twin", key(row))).await;
        assert_eq!(is_there(&store, &key(row)).await, twin, "{row} is half written");
    }
    let writing = async { while store.commit(batch(rows + 1), Vec::new()).await.is_err() {} };
    tokio::time::timeout(PATIENCE, writing)
        .await
        .expect("writes again");
}
