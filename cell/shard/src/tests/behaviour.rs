//! What a closure sees and what becomes of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cell_store::memory::Memory;
use proptest::prelude::*;
use uuid::Uuid;

use super::harness::{get, increment, open, open_with, put, request, request_of};
use crate::plant::Plant;
use crate::{KeyRange, Scope, ShardLimits, Tx, TxError, WriteError};

#[tokio::test]
async fn a_root_sees_nothing_of_another_root() {
    let shard = open(Memory::new(), 1).await.expect("opens");
    put(&shard, "a", "mine").await.expect("written");
    let all = |tx: Tx| async move { tx.scan(KeyRange::new("", vec![0xff; 8]), 10, false).await };
    let other = shard
        .read::<_, TxError, _, _>(&request_of(Uuid::new_v4(), 2), all)
        .await
        .expect("read");
    assert!(other.value.rows.is_empty());
    let mut shared = request();
    shared.scope = Scope::Shared("claims");
    assert!(
        shard
            .read::<_, TxError, _, _>(&shared, all)
            .await
            .expect("read")
            .value
            .rows
            .is_empty()
    );
    assert_eq!(
        shard
            .read::<_, TxError, _, _>(&request(), all)
            .await
            .expect("read")
            .value
            .rows
            .len(),
        1
    );
    shared.scope = Scope::Shared("trim");
    assert!(matches!(
        shard.read::<_, TxError, _, _>(&shared, all).await,
        Err(WriteError::Rejected(_))
    ));
}

#[tokio::test]
async fn a_closure_that_fails_writes_nothing() {
    let shard = open(Memory::new(), 1).await.expect("opens");
    let write = |tx: Tx| async move {
        tx.put("a", "1")?;
        Err::<(), _>(TxError::Invalid {
            reason: "the closure's own",
        })
    };
    let answer = shard.write(&request(), write).await;
    assert_eq!(
        answer,
        Err(WriteError::Rejected(TxError::Invalid {
            reason: "the closure's own"
        }))
    );
    assert_eq!(get(&shard, "a").await, Ok(None));
}

#[tokio::test]
async fn a_read_cannot_write_and_a_kept_handle_is_useless() {
    let shard = open(Memory::new(), 1).await.expect("opens");
    let sneaky = |tx: Tx| async move {
        let _ = tx.put("a", "1");
        Ok::<_, TxError>(tx)
    };
    let answer = shard.read(&request(), sneaky).await.map(|_| ());
    assert_eq!(answer, Err(WriteError::Rejected(TxError::ReadOnly)));
    let keep = |tx: Tx| async move { Ok::<_, TxError>(tx) };
    let tx = shard.write(&request(), keep).await.expect("done").value;
    assert_eq!(tx.put("a", "1"), Err(TxError::Ended));
    assert_eq!(tx.get(b"a").await, Err(TxError::Ended));
}

#[tokio::test]
async fn counters_of_many_clients_lose_nothing() {
    let shard = open(Memory::new(), 1).await.expect("opens");
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let shard = shard.clone();
        clients.spawn(async move {
            let mut counted = 0;
            for _ in 0..20 {
                counted += u64::from(increment(&shard, "n").await.is_ok());
            }
            counted
        });
    }
    let counted: u64 = clients.join_all().await.into_iter().sum();
    assert_eq!(increment(&shard, "n").await, Ok(counted + 1));
}

#[tokio::test]
async fn who_read_before_the_window_is_run_again() {
    let limits = ShardLimits {
        window_entries_max: 1,
        ..ShardLimits::default()
    };
    let shard = open_with(Memory::new(), 1, limits, Plant::none())
        .await
        .expect("opens");
    let runs = AtomicU32::new(0);
    let write = |tx: Tx| {
        let (shard, first) = (shard.clone(), runs.fetch_add(1, Ordering::Relaxed) == 0);
        async move {
            tx.get(b"untouched").await?;
            for n in 0..if first { 3 } else { 0 } {
                put(&shard, &format!("other{n}"), "v").await.expect("written");
            }
            tx.put("a", "1")
        }
    };
    shard
        .write::<_, TxError, _, _>(&request(), write)
        .await
        .expect("written");
    assert_eq!(runs.load(Ordering::Relaxed), 2);
}

fn page_of(
    model: &BTreeMap<Vec<u8>, Vec<u8>>,
    range: &KeyRange,
    limit: usize,
    reverse: bool,
) -> (Vec<Bytes>, bool) {
    let mut keys: Vec<Bytes> = model
        .keys()
        .filter(|key| range.contains(key))
        .map(|key| Bytes::copy_from_slice(key))
        .collect();
    if reverse {
        keys.reverse();
    }
    let more = keys.len() > limit;
    keys.truncate(limit);
    (keys, more)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// A scan inside a transaction is that of a map to which all its writes were applied.
    #[test]
    fn pages_show_the_store_with_the_own_writes_on_top(
        stored in prop::collection::vec(any::<u8>(), 0..40),
        own in prop::collection::vec((any::<u8>(), any::<u8>(), 0..4u8), 0..20),
        pages in prop::collection::vec((any::<u8>(), any::<u8>(), 0..12usize, any::<bool>()), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let shard = open(Memory::new(), 1).await.expect("opens");
            let fill = |tx: Tx| {
                let stored = stored.clone();
                async move { stored.iter().try_for_each(|key| tx.put([*key], "old")) }
            };
            shard.write::<_, TxError, _, _>(&request(), fill).await.expect("written");
            let mut model: BTreeMap<Vec<u8>, Vec<u8>> = stored.iter().map(|key| (vec![*key], b"old".to_vec())).collect();
            let compare = |tx: Tx| {
                let (own, pages, mut model) = (own.clone(), pages.clone(), model.clone());
                async move {
                    for (a, b, what) in own {
                        let (low, high) = (a.min(b), a.max(b));
                        match what {
                            0 => { tx.clear([a])?; model.remove(&vec![a]); }
                            1 => {
                                tx.clear_range(KeyRange::new(vec![low], vec![high]))?;
                                model.retain(|key, _| !(low..high).contains(&key[0]));
                            }
                            _ => { tx.put([a], "new")?; model.insert(vec![a], b"new".to_vec()); }
                        }
                    }
                    for (a, b, limit, reverse) in pages {
                        let range = KeyRange::new(vec![a.min(b)], vec![a.max(b)]);
                        let page = tx.scan(range.clone(), limit, reverse).await?;
                        let keys: Vec<Bytes> = page.rows.iter().map(|(key, _)| key.clone()).collect();
                        assert_eq!((keys, page.more), page_of(&model, &range, limit, reverse));
                        for (key, value) in page.rows {
                            assert_eq!(model[&key.to_vec()], value.to_vec());
                        }
                    }
                    Ok::<_, TxError>(model)
                }
            };
            model = shard.write(&request(), compare).await.expect("written").value;
            let all = |tx: Tx| async move { tx.scan(KeyRange::new("", vec![0xff; 2]), 1_000, false).await };
            let rows = shard.read::<_, TxError, _, _>(&request(), all).await.expect("read").value.rows;
            let rows: BTreeMap<Vec<u8>, Vec<u8>> = rows.iter().map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
            assert_eq!(rows, model);
        });
    }
}

/// A slow transaction among quick ones that write what it reads.
async fn slow_among_quick(turn_after: u32) -> Result<(), WriteError<TxError>> {
    let limits = ShardLimits {
        turn_after,
        ..ShardLimits::default()
    };
    let shard = open_with(Memory::new(), 1, limits, Plant::none())
        .await
        .expect("opens");
    let quick = async {
        loop {
            increment(&shard, "n").await.expect("a quick one");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let read_then_write = |tx: Tx| async move {
        tx.get(b"n").await?;
        tokio::time::sleep(Duration::from_millis(4)).await;
        tx.put("m", "1")
    };
    let request = request();
    tokio::select! {
        answer = shard.write(&request, read_then_write) => answer.map(drop),
        () = quick => unreachable!("it goes on"),
    }
}

#[tokio::test(start_paused = true)]
async fn who_loses_again_and_again_gets_a_turn() {
    let without = slow_among_quick(u32::MAX).await;
    assert_eq!(without, Err(WriteError::Conflict), "nobody starves here");
    let turn_after = ShardLimits::default().turn_after;
    assert_eq!(slow_among_quick(turn_after).await, Ok(()));
}

/// Whoever only waits to be answered loses no more, and makes nobody wait.
#[tokio::test(start_paused = true)]
async fn a_turn_ends_with_the_run_and_not_with_its_answer() {
    let limits = ShardLimits {
        turn_after: 0,
        ..ShardLimits::default()
    };
    let shard = open_with(Memory::new(), 1, limits, Plant::none())
        .await
        .expect("opens");
    shard.shared.plant.hold_gate();
    let (long, mut short) = (request(), request());
    short.deadline = Duration::from_millis(100);
    let write = |tx: Tx| async move { tx.put("a", "1") };
    let written = shard.write::<_, TxError, _, _>(&short, write).await;
    assert_eq!(written.map(drop), Err(WriteError::Unknown), "not acknowledged");
    let look = |tx: Tx| async move { tx.get(b"a").await.map(drop) };
    let written = tokio::select! {
        biased;
        looked = shard.write::<_, TxError, _, _>(&long, look) => panic!("{looked:?}"),
        written = shard.write::<_, TxError, _, _>(&short, write) => written,
    };
    assert_eq!(written.map(drop), Err(WriteError::Unknown), "it never ran");
}
