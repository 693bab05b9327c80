//! Opening again: the chain is recovered, damage is refused, the log stays bounded.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cell_store::embedded::{Embedded, EmbeddedOptions};
use cell_store::memory::Memory;
use cell_store::{Store, WriteBatch};
use platform_model::{Epoch, Position};
use platform_runtime::{Clock, TaskGroup};

use super::harness::{Faults, Shaky, get, open, open_with, ownership, put, request};
use crate::keys::ShardKeys;
use crate::plant::Plant;
use crate::{LogError, Mutation, OpenError, Shard, ShardLimits, Tx, TxError};

#[tokio::test]
async fn a_restart_recovers_the_log_and_its_chain() {
    let dir = tempfile::tempdir().expect("a directory");
    let before = {
        let store = Embedded::open(dir.path(), EmbeddedOptions::default()).expect("opens");
        let shard = open(store.clone(), 1).await.expect("opens");
        for n in 0..20 {
            put(&shard, &format!("k{n}"), "v").await.expect("written");
        }
        let log = shard.log(Position(0), 100).await.expect("readable");
        shard.close().await;
        store.close().await;
        log
    };
    let store = Embedded::open(dir.path(), EmbeddedOptions::default()).expect("opens");
    let shard = open(store, 1).await.expect("opens");
    let after = shard.log(Position(0), 100).await.expect("readable");
    assert_eq!(after[..before.len()], before[..]);
    assert_eq!(after.len(), before.len() + 1, "the term entry");
    assert!(after[before.len()].term > before[0].term);
    assert_eq!(get(&shard, "k19").await, Ok(Some("v".into())));
    assert!(
        put(&shard, "more", "v").await.expect("written").position.position > after[before.len()].position
    );
}

#[tokio::test]
async fn an_entry_says_who_wrote_what_and_the_term_entry_begins_the_epoch() {
    let shard = open(Memory::new(), 5).await.expect("opens");
    let mut request = request();
    request.domain = "training";
    let write = |tx: Tx| async move {
        tx.put("a", "1")?;
        tx.clear("b")
    };
    let answer = shard
        .write::<_, TxError, _, _>(&request, write)
        .await
        .expect("written");
    let log = shard.log(Position(0), 10).await.expect("readable");
    assert_eq!(log.len(), 2);
    assert_eq!((log[0].position, log[0].term.epoch), (Position(1), Epoch(5)));
    assert_eq!(log[1].position, answer.position.position);
    let transaction = &log[1].transactions[0];
    assert_eq!(
        (transaction.domain.as_str(), transaction.request_id),
        ("training", request.request_id)
    );
    assert_eq!(transaction.actor, request.actor);
    assert!(
        matches!(&transaction.writes[0], Mutation::Put { key, value } if key.ends_with(b"a") && value == "1")
    );
    assert!(matches!(&transaction.writes[1], Mutation::Clear { .. }));
    assert!(log[1].time_ms >= log[0].time_ms);
}

#[tokio::test]
async fn the_time_of_the_log_never_goes_back() {
    let store = Memory::new();
    let tasks = TaskGroup::new();
    for start in [5_000, 3_000, 9_000] {
        let (clock, _manual) = Clock::manual(start);
        let limits = ShardLimits::default();
        let shard = Shard::open(store.clone(), ownership(1), clock, &tasks, limits)
            .await
            .expect("opens");
        let read = |tx: Tx| async move { Ok::<_, TxError>(tx.log_time_ms()) };
        assert!(shard.read(&request(), read).await.expect("read").value >= 5_000);
    }
    let shard = open(store, 1).await.expect("opens");
    let times: Vec<u64> = shard
        .log(Position(0), 3)
        .await
        .expect("log")
        .iter()
        .map(|entry| entry.time_ms)
        .collect();
    assert_eq!(times, [5_000, 5_000, 9_000]);
}

#[tokio::test]
async fn a_damaged_entry_is_refused_at_open() {
    let keys = ShardKeys::new(&ownership(1).shard);
    for (what, position) in [
        ("flipped", 3),
        ("cut", 3),
        ("gone", 3),
        ("gone", 6),
        ("state", 6),
        ("extra", 7),
    ] {
        let store = Memory::new();
        let shard = open(store.clone(), 1).await.expect("opens");
        for n in 0..5 {
            put(&shard, &format!("k{n}"), "v").await.expect("written");
        }
        let key = keys.log_part(Position(position), 0);
        let snapshot = store.snapshot().await.expect("a snapshot");
        let stored = snapshot.get(&key).await.expect("readable").unwrap_or_default();
        let mut batch = WriteBatch::new();
        match what {
            "flipped" => {
                let mut bytes = stored.to_vec();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                batch.put(key, bytes);
            }
            "cut" => drop(batch.put(key, stored.slice(..stored.len() - 1))),
            "gone" => drop(batch.clear(key)),
            "extra" => drop(batch.put(key, Bytes::from_static(b"junk"))),
            _ => drop(batch.put(keys.applied.clone(), Bytes::from_static(b"junk"))),
        }
        store.commit(batch, Vec::new()).await.expect("damaged");
        let opened = open(store.clone(), 1).await;
        assert!(
            matches!(opened, Err(OpenError::Damaged { .. })),
            "{what} at {position}: {:?}",
            opened.err()
        );
    }
}

#[tokio::test]
async fn the_log_is_trimmed_and_opens_again() {
    let store = Memory::new();
    let limits = ShardLimits {
        log_entries_kept: 20,
        ..ShardLimits::default()
    };
    let shard = open_with(store.clone(), 1, limits, Plant::none())
        .await
        .expect("opens");
    for n in 0..300 {
        put(&shard, "k", &n.to_string()).await.expect("written");
    }
    let trimmed = shard.status().trimmed;
    assert!(trimmed > Position(200), "{trimmed}");
    assert_eq!(
        shard.log(Position(0), 10).await,
        Err(LogError::Trimmed { trimmed })
    );
    assert_eq!(
        shard.log(trimmed, 1).await.expect("kept")[0].position,
        trimmed.next()
    );
    assert!(store.rows().len() < 120, "{} rows are left", store.rows().len());
    let again = open_with(store, 1, limits, Plant::none()).await.expect("opens");
    assert_eq!(get(&again, "k").await, Ok(Some("299".into())));
}

#[tokio::test]
async fn a_large_transaction_lies_in_parts_and_comes_back_whole() {
    let store = Memory::new();
    let shard = open(store.clone(), 1).await.expect("opens");
    let value = Bytes::from(vec![7u8; 80_000]);
    let write = |tx: Tx| {
        let value = value.clone();
        async move { (0..20u8).try_for_each(|n| tx.put([n], value.clone())) }
    };
    let answer = shard
        .write::<_, TxError, _, _>(&request(), write)
        .await
        .expect("written");
    let log = shard
        .log(Position(answer.position.position.0 - 1), 1)
        .await
        .expect("readable");
    assert_eq!(log[0].transactions[0].writes.len(), 20);
    open(store as Arc<dyn Store>, 1)
        .await
        .expect("opens with a verified log");
}

#[tokio::test]
async fn closing_answers_what_waits_and_takes_nothing_more() {
    let shard = open(Memory::new(), 1).await.expect("opens");
    let (written, ()) = tokio::join!(put(&shard, "a", "1"), async {
        tokio::task::yield_now().await;
        shard.close().await;
    });
    let known = written.is_ok() || written == Err(crate::WriteError::Unavailable);
    assert!(known, "{written:?}");
    let late = tokio::time::timeout(Duration::from_secs(5), put(&shard, "b", "1"))
        .await
        .expect("answers");
    assert_eq!(late.map(|_| ()), Err(crate::WriteError::Unavailable));
    assert_eq!(shard.status().ended, Some("closed"));
}

#[tokio::test]
async fn closing_ends_under_load() {
    // While a group of few is being committed, the members of the one before come again: there are always some that wait.
    let faults = Faults {
        yields: 100,
        ..Faults::default()
    };
    let limits = ShardLimits {
        group_transactions_max: 4,
        ..ShardLimits::default()
    };
    let store = Shaky::new(Memory::new(), faults, 1);
    let shard = open_with(store, 1, limits, Plant::none()).await.expect("opens");
    let mut clients = tokio::task::JoinSet::new();
    for n in 0..32 {
        let shard = shard.clone();
        clients.spawn(async move { while put(&shard, &format!("k{n}"), "v").await.is_ok() {} });
    }
    while shard.status().committed < Position(50) {
        tokio::task::yield_now().await;
    }
    tokio::time::timeout(Duration::from_secs(10), shard.close())
        .await
        .expect("it ends while everyone goes on writing");
    clients.join_all().await;
    assert_eq!(shard.status().ended, Some("closed"));
}

#[tokio::test]
async fn a_flipped_byte_is_refused_when_the_log_is_read() {
    let keys = ShardKeys::new(&ownership(1).shard);
    let store = Memory::new();
    let shard = open(store.clone(), 1).await.expect("opens");
    for n in 0..5 {
        put(&shard, &format!("k{n}"), "a value").await.expect("written");
    }
    let whole = shard.log(Position(2), 10).await.expect("readable");
    let key = keys.log_part(Position(4), 0);
    let snapshot = store.snapshot().await.expect("a snapshot");
    let stored = snapshot.get(&key).await.expect("readable").expect("there");
    // In the value, where the entry still decodes.
    let at = stored
        .windows(7)
        .position(|part| part == b"a value")
        .expect("in clear");
    let mut bytes = stored.to_vec();
    bytes[at] ^= 1;
    let mut batch = WriteBatch::new();
    batch.put(key, bytes);
    store.commit(batch, Vec::new()).await.expect("damaged");
    for after in [0, 1, 2, 3] {
        let read = shard.log(Position(after), 10).await;
        let found = matches!(read, Err(LogError::Damaged { position, .. }) if position == Position(4));
        assert!(found, "from behind {after}: {read:?}");
    }
    let rest = shard.log(Position(4), 10).await;
    assert_eq!(rest.expect("it says its chain")[..], whole[2..]);
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

async fn newest_time(shard: &Shard) -> u64 {
    let last = Position(shard.status().committed.0 - 1);
    shard.log(last, 1).await.expect("readable")[0].time_ms
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_does_not_move_the_log_by_more_than_the_bound() {
    const START_MS: u64 = 1_800_000_000_000;
    let (store, tasks) = (Memory::new(), TaskGroup::new());
    let (clock, hand) = Clock::manual(START_MS);
    let limits = ShardLimits::default();
    let shard = Shard::open(store.clone(), ownership(1), clock.clone(), &tasks, limits)
        .await
        .expect("opens");
    shard.shared.plant.move_clock(30 * DAY_MS);
    for n in 1..=20u64 {
        hand.advance(Duration::from_secs(60));
        put(&shard, "k", "v").await.expect("written");
        let time_ms = newest_time(&shard).await;
        assert_eq!(time_ms, START_MS + n * 60_000 + 5_000, "after {n} minutes");
    }
    shard.shared.plant.move_clock(0);
    hand.advance(Duration::from_secs(60));
    put(&shard, "k", "v").await.expect("written");
    assert_eq!(
        newest_time(&shard).await,
        START_MS + 21 * 60_000,
        "the right time is back"
    );
    let later = Clock::manual(START_MS + 10 * 86_400_000).0;
    let again = Shard::open(store, ownership(1), later, &tasks, limits).await;
    let time_ms = newest_time(&again.expect("opens")).await;
    assert_eq!(
        time_ms,
        START_MS + 10 * 86_400_000,
        "a new term believes its clock"
    );
}

#[tokio::test]
async fn a_clock_that_goes_back_within_a_transaction_does_not_take_the_log_back() {
    let (clock, _hand) = Clock::manual(1_800_000_000_000);
    let limits = ShardLimits::default();
    let shard = Shard::open(Memory::new(), ownership(1), clock, &TaskGroup::new(), limits)
        .await
        .expect("opens");
    shard.shared.plant.move_clock(3_000);
    let write = |tx: Tx| {
        let shard = shard.clone();
        async move {
            let seen = tx.log_time_ms();
            shard.shared.plant.move_clock(0);
            tx.put("k", "v")?;
            Ok::<_, TxError>(seen)
        }
    };
    let seen = shard.write(&request(), write).await.expect("written").value;
    assert!(
        newest_time(&shard).await >= seen,
        "an entry is older than what is in it"
    );
}
