//! A cluster without room: each write ends with a typed error within its time, nothing is half written, and all goes on
//! once there is room.
//!
//! Alone in its binary, for it fills the server up. `MERIDIAN_TIKV_ROOM_MIB` says how little room the server has, and
//! `MERIDIAN_TIKV_CONTROL` takes `more-room`, and `restart` for a server that does not go on by itself once it has that.

#![allow(clippy::print_stdout, reason = "a test says how much it looked at")]

use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use cell_store::{CommitError, Key, Store, WriteBatch};
use cell_store_tikv::{Settings, Tikv, Tls};
use platform_model::{CellId, WorldId};
use platform_runtime::clock::Clock;
use platform_runtime::{TaskGroup, random};

/// What `restart` ends with where the server cannot be brought back.
const GONE_FOR_GOOD: i32 = 7;
/// Of a row; it is written twice, under two keys.
const ROW_BYTES: usize = 80_000;
/// For one write to be refused, for the server to go on by itself once there is room, and for all to go on at last.
const REFUSED_WITHIN: Duration = Duration::from_secs(60);
const BY_ITSELF_WITHIN: Duration = Duration::from_secs(45);
const PATIENCE: Duration = Duration::from_secs(120);

fn key(row: usize) -> String {
    format!("row/{row:06}")
}

fn twin(row: usize) -> String {
    format!("{}/twin", key(row))
}

fn batch(row: usize) -> WriteBatch {
    // Bytes that no server makes smaller.
    let bytes: Vec<u8> = (0..ROW_BYTES / 8)
        .flat_map(|_| random::u64().to_be_bytes())
        .collect();
    let mut batch = WriteBatch::new();
    batch.put(key(row), bytes.clone()).put(twin(row), bytes);
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

/// Whether a row is there, and its twin: as one version shows it.
async fn found(store: &Tikv, row: usize) -> [bool; 2] {
    let keys: [Key; 2] = [key(row).into(), twin(row).into()];
    let reading = async {
        loop {
            if let Ok(snapshot) = store.snapshot().await
                && let Ok(values) = snapshot.get_many(&keys).await
            {
                return [values[0].is_some(), values[1].is_some()];
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("reads again")
}

async fn writes(store: &Tikv, row: usize, within: Duration) -> bool {
    let writing = async { while store.commit(batch(row), Vec::new()).await.is_err() {} };
    tokio::time::timeout(within, writing).await.is_ok()
}

fn ask(control: &str, what: &str) -> ExitStatus {
    let mut asked = Command::new("sh");
    asked.arg("-c").arg(format!("{control} {what}"));
    asked.status().expect("runs")
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

    assert!(ask(&control, "more-room").success(), "{control} more-room");
    if !writes(&store, rows + 1, BY_ITSELF_WITHIN).await {
        println!("it does not go on by itself: it is started again");
        let restarted = ask(&control, "restart");
        if restarted.code() == Some(GONE_FOR_GOOD) {
            return println!(
                "skipped: what a full TiKV keeps: this server does not come up again after it was full"
            );
        }
        assert!(restarted.success(), "{control} restart");
        assert!(writes(&store, rows + 1, PATIENCE).await, "it writes again");
    }
    for row in 0..rows {
        assert_eq!(found(&store, row).await, [true, true], "{row} was acknowledged");
    }
    let [one, other] = found(&store, rows).await;
    assert_eq!(one, other, "the one that was refused is half written");
    println!("all that was acknowledged is there, and of the one that was refused all or nothing");
}
