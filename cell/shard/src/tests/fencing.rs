//! Owners and epochs: who holds the fence serves, everyone else is refused, at open, at write and at read.

use cell_store::memory::{Memory, Plant as Fault};
use platform_runtime::{Clock, TaskGroup};

use super::harness::{Held, get, increment, open, ownership, put, request};
use crate::{OpenError, Ownership, Shard, ShardLimits, Tx, TxError, WriteError};

#[tokio::test]
async fn a_taker_fences_the_old_owner_out() {
    let store = Memory::new();
    let old = open(store.clone(), 1).await.expect("opens");
    put(&old, "a", "1").await.expect("written");
    let new = open(store.clone(), 2).await.expect("opens");
    assert_eq!(get(&old, "a").await, Err(WriteError::Fenced), "a stale read");
    assert_eq!(put(&old, "a", "2").await.map(|_| ()), Err(WriteError::Fenced));
    assert_eq!(get(&new, "a").await, Ok(Some("1".into())));
    assert!(put(&new, "a", "3").await.is_ok());
    assert_eq!(old.status().ended, Some("fenced"));
}

#[tokio::test]
async fn a_write_on_its_way_is_fenced_by_the_taker() {
    let memory = Memory::new();
    let held = Held::new(memory.clone(), 2);
    let old = open(held.clone(), 1).await.expect("opens");
    held.next_commit().await;
    held.next_commit().await;
    let write = tokio::join!(put(&old, "a", "1"), async {
        held.next_commit().await;
        let new = open(memory.clone(), 2).await.expect("opens");
        held.passes.add_permits(10);
        new
    });
    assert_eq!(write.0.map(|_| ()), Err(WriteError::Fenced));
    assert_eq!(get(&write.1, "a").await, Ok(None));
}

#[tokio::test]
async fn an_earlier_epoch_and_another_node_of_the_same_epoch_are_refused() {
    let store = Memory::new();
    open(store.clone(), 2).await.expect("opens");
    assert!(matches!(
        open(store.clone(), 1).await,
        Err(OpenError::Fenced { .. })
    ));
    let other = Ownership {
        node: "eu-central-1/1".parse().expect("a node"),
        ..ownership(2)
    };
    let opened = Shard::open(
        store,
        other,
        Clock::system(),
        &TaskGroup::new(),
        ShardLimits::default(),
    )
    .await;
    assert!(matches!(opened, Err(OpenError::Fenced { .. })));
}

#[tokio::test]
async fn the_same_node_that_starts_again_fences_its_own_former_task() {
    let store = Memory::new();
    let former = open(store.clone(), 1).await.expect("opens");
    let current = open(store.clone(), 1).await.expect("opens");
    assert_eq!(put(&former, "a", "1").await.map(|_| ()), Err(WriteError::Fenced));
    assert_eq!(increment(&current, "n").await, Ok(1));
    assert!(current.status().term > former.status().term);
}

#[tokio::test]
async fn opening_over_an_unknown_outcome_ends_with_one_owner() {
    for fault in [
        Fault::UnknownWritten,
        Fault::UnknownLost,
        Fault::UnknownLate,
        Fault::Unavailable,
    ] {
        for before in 0..2 {
            let store = Memory::new();
            store.plant(std::iter::repeat_n(Fault::Pass, before).chain([fault]));
            let shard = open(store.clone(), 1).await.expect("opens");
            assert_eq!(increment(&shard, "n").await, Ok(1), "{fault:?} at {before}");
            assert_eq!(increment(&shard, "n").await, Ok(2));
        }
    }
}

#[tokio::test]
async fn a_pair_from_the_future_is_lost_and_one_from_here_is_served() {
    let store = Memory::new();
    let shard = open(store.clone(), 3).await.expect("opens");
    let position = put(&shard, "a", "1").await.expect("written").position;
    let read = async |seen: &str| {
        let mut request = request();
        request.not_older_than = Some(seen.parse().expect("a pair"));
        shard
            .read(&request, |tx: Tx| async move { tx.get(b"a").await })
            .await
            .map(|answer| answer.value)
    };
    assert_eq!(read(&position.to_string()).await, Ok(Some("1".into())));
    for lost in ["e4:1", "e3:999", "e2:1"] {
        assert_eq!(read(lost).await, Err(WriteError::<TxError>::Lost), "{lost}");
    }
}
