//! Every bound answers with its own error, and nothing is written past one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cell_store::memory::Memory;

use super::harness::{Expiring, Held, get, open, open_with, put, request};
use crate::plant::Plant;
use crate::{KeyRange, ShardLimits, Tx, TxError, WriteError};

#[tokio::test]
async fn a_transaction_past_its_bytes_is_refused_and_never_split() {
    let shard = open(Memory::new(), 1).await.expect("opens");
    let value = Bytes::from(vec![1u8; 90_000]);
    let write = |tx: Tx| {
        let value = value.clone();
        async move {
            for n in 0..30u8 {
                let _ = tx.put([n], value.clone());
            }
            Ok::<_, TxError>(())
        }
    };
    assert_eq!(
        shard.write(&request(), write).await.map(|_| ()),
        Err(WriteError::TooLarge)
    );
    assert_eq!(get(&shard, "\0").await, Ok(None));
    let long = |tx: Tx| async move { tx.put(vec![0; 4_000], "v") };
    assert!(
        matches!(shard.write(&request(), long).await, Err(WriteError::Rejected(error)) if error.is_limit())
    );
    let big = |tx: Tx| async move { tx.put("k", vec![0; 90_001]) };
    assert!(
        matches!(shard.write(&request(), big).await, Err(WriteError::Rejected(error)) if error.is_limit())
    );
}

#[tokio::test]
async fn clearing_more_than_a_thousand_keys_at_once_is_refused() {
    let shard = open(Memory::new(), 1).await.expect("opens");
    let fill = |tx: Tx| async move { (0..1_001u16).try_for_each(|n| tx.put(n.to_be_bytes(), "v")) };
    shard
        .write::<_, TxError, _, _>(&request(), fill)
        .await
        .expect("written");
    let clear = |end: u16| shard_clear(&shard, end);
    assert_eq!(clear(1_001).await, Err(WriteError::TooLarge));
    assert_eq!(clear(1_000).await, Ok(()));
}

async fn shard_clear(shard: &crate::Shard, end: u16) -> Result<(), WriteError<TxError>> {
    let write = |tx: Tx| async move { tx.clear_range(KeyRange::new(vec![0, 0], end.to_be_bytes().to_vec())) };
    shard.write(&request(), write).await.map(|_| ())
}

/// Over a store that lets no commit through but those of the opening.
async fn open_held(limits: ShardLimits) -> (Arc<Held>, crate::Shard) {
    let held = Held::new(Memory::new(), 2);
    let shard = open_with(held.clone(), 1, limits, Plant::none()).await;
    held.next_commit().await;
    held.next_commit().await;
    (held, shard.expect("opens"))
}

#[tokio::test]
async fn a_full_queue_answers_overloaded() {
    let (held, shard) = open_held(ShardLimits {
        queue_max: 1,
        group_transactions_max: 1,
        ..ShardLimits::default()
    })
    .await;
    let overloaded = async {
        held.next_commit().await;
        // One is being committed; one more may wait.
        let waiting = put(&shard, "b", "1");
        let third = async {
            tokio::task::yield_now().await;
            let answer = put(&shard, "c", "1").await.map(|_| ());
            held.passes.add_permits(10);
            answer
        };
        let (second, third) = tokio::join!(waiting, third);
        assert!(second.is_ok());
        third
    };
    let (first, third) = tokio::join!(put(&shard, "a", "1"), overloaded);
    assert!(first.is_ok());
    assert_eq!(third, Err(WriteError::Overloaded));
}

#[tokio::test]
async fn a_deadline_tells_whether_anything_may_have_been_written() {
    let held = Held::new(Memory::new(), 2);
    let shard = open(held.clone(), 1).await.expect("opens");
    let mut request = request();
    request.deadline = Duration::from_millis(30);
    let never = |_: Tx| std::future::pending::<Result<(), TxError>>();
    assert_eq!(
        shard.write(&request, never).await.map(|_| ()),
        Err(WriteError::Timeout)
    );
    let write = |tx: Tx| async move { tx.put("a", "1") };
    assert_eq!(
        shard.write(&request, write).await.map(|_| ()),
        Err(WriteError::Unknown)
    );
    held.passes.add_permits(10);
    assert!(put(&shard, "b", "1").await.is_ok());
    assert_eq!(
        get(&shard, "a").await,
        Ok(Some("1".into())),
        "it was written after all"
    );
}

#[tokio::test]
async fn a_page_and_a_read_set_are_bounded() {
    let limits = ShardLimits {
        transaction_reads_max: 3,
        page_rows_max: 5,
        ..ShardLimits::default()
    };
    let shard = open_with(Memory::new(), 1, limits, Plant::none())
        .await
        .expect("opens");
    let page = |tx: Tx| async move { tx.scan(KeyRange::new("a", "b"), 6, false).await };
    assert!(
        matches!(shard.read(&request(), page).await, Err(WriteError::Rejected(error)) if error.is_limit())
    );
    let many = |tx: Tx| async move {
        for key in [b"a", b"b", b"c", b"d"] {
            tx.get(key).await?;
        }
        Ok(())
    };
    assert!(matches!(
        shard.read(&request(), many).await,
        Err(WriteError::Rejected(TxError::Limit { .. }))
    ));
}

#[tokio::test]
async fn a_transaction_reads_at_most_so_many_bytes() {
    let limits = ShardLimits {
        transaction_read_bytes_max: 1_000_000,
        ..ShardLimits::default()
    };
    let shard = open_with(Memory::new(), 1, limits, Plant::none())
        .await
        .expect("opens");
    for part in 0..4u8 {
        let fill = |tx: Tx| async move { (0..5u8).try_for_each(|n| tx.put([part, n], vec![7; 80_000])) };
        shard
            .write::<_, TxError, _, _>(&request(), fill)
            .await
            .expect("written");
    }
    let keys: Vec<Bytes> = (0..20u8).map(|n| Bytes::from(vec![n / 5, n % 5])).collect();
    for (rows, fits) in [(12, true), (13, false)] {
        let keys = &keys[..rows];
        let scan = |tx: Tx| async move {
            tx.scan(KeyRange::new("", vec![4]), rows - 1, false)
                .await
                .map(drop)
        };
        let many = |tx: Tx| async move { tx.get_many(keys).await.map(drop) };
        let each = |tx: Tx| async move {
            for key in keys {
                tx.get(key).await?;
            }
            Ok(())
        };
        for (how, answer) in [
            ("a scan", shard.read(&request(), scan).await),
            ("many", shard.read(&request(), many).await),
            ("one by one", shard.read(&request(), each).await),
        ] {
            let refused = matches!(&answer, Err(WriteError::Rejected(TxError::Limit { what, .. }))
                if what.contains("bytes read"));
            assert_eq!(refused, !fits, "{how} of {rows}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn what_waits_is_bounded_in_bytes_too() {
    let (held, shard) = open_held(ShardLimits {
        queue_bytes_max: 400_000,
        group_transactions_max: 1,
        ..ShardLimits::default()
    })
    .await;
    let large = || async {
        let write = |tx: Tx| async move { tx.put("k", vec![1; 80_000]) };
        shard.write::<_, TxError, _, _>(&request(), write).await.map(drop)
    };
    let others = async {
        held.next_commit().await;
        // One is being committed; each takes its row twice, so two more may wait.
        let answers = tokio::join!(large(), large(), async {
            tokio::task::yield_now().await;
            let answer = large().await;
            held.passes.add_permits(10);
            answer
        });
        assert_eq!(answers, (Ok(()), Ok(()), Err(WriteError::Overloaded)));
    };
    let (first, ()) = tokio::join!(large(), others);
    assert_eq!(first, Ok(()));
    assert_eq!(large().await, Ok(()), "room again");
}

#[tokio::test]
async fn a_deadline_within_the_gate_is_unknown() {
    let shard = open(Memory::new(), 1).await.expect("opens");
    shard.shared.plant.hold_gate();
    let mut request = request();
    request.deadline = Duration::from_millis(50);
    let write = |tx: Tx| async move { tx.put("a", "1") };
    let answer = shard.write::<_, TxError, _, _>(&request, write).await;
    assert_eq!(answer.map(drop), Err(WriteError::Unknown), "it is durable");
}

/// Others' writes that are not acknowledged yet speak through a refusal as they do through a value.
#[tokio::test]
async fn a_conflict_and_a_too_large_clear_wait_for_what_they_saw() {
    let limits = ShardLimits {
        attempts_max: 1,
        ..ShardLimits::default()
    };
    let shard = open_with(Memory::new(), 1, limits, Plant::none())
        .await
        .expect("opens");
    shard.shared.plant.hold_gate();
    let mut short = request();
    short.deadline = Duration::from_millis(100);
    let unacknowledged = |tx: Tx| async move { (0..1_001u16).try_for_each(|n| tx.put(n.to_be_bytes(), "v")) };
    let written = shard.write::<_, TxError, _, _>(&short, unacknowledged).await;
    assert_eq!(written.map(drop), Err(WriteError::Unknown));
    let clear = |tx: Tx| async move { tx.clear_range(KeyRange::new("", vec![0xff; 3])) };
    let cleared = shard.write::<_, TxError, _, _>(&short, clear).await;
    assert_eq!(
        cleared.map(drop),
        Err(WriteError::Timeout),
        "it says how many there are"
    );
    let lose = |tx: Tx| {
        let shard = &shard;
        async move {
            tx.get(b"n").await?;
            let mut other = request();
            other.deadline = Duration::from_millis(20);
            let write = |tx: Tx| async move { tx.put("n", "1") };
            let _ = shard.write::<_, TxError, _, _>(&other, write).await;
            tx.put("m", "1")
        }
    };
    let lost = shard.write::<_, TxError, _, _>(&short, lose).await;
    assert_eq!(
        lost.map(drop),
        Err(WriteError::Timeout),
        "it says that another wrote"
    );
}

#[tokio::test]
async fn a_transaction_that_outlives_every_snapshot_ends_and_writes_nothing() {
    let store = Arc::new(Expiring {
        inner: Memory::new(),
        reads_max: AtomicU64::new(u64::MAX),
    });
    let shard = open(Arc::<Expiring>::clone(&store), 1).await.expect("opens");
    store.reads_max.store(0, Ordering::Relaxed);
    let write = |tx: Tx| async move {
        tx.put("row", "x")?;
        tx.get(b"another").await.map(drop)
    };
    let refused = shard.write(&request(), write).await;
    assert!(
        matches!(&refused, Err(error @ WriteError::Conflict) if error.retryable()),
        "{refused:?}"
    );
    store.reads_max.store(u64::MAX, Ordering::Relaxed);
    assert_eq!(get(&shard, "row").await, Ok(None));
}
