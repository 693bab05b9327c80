//! Unknown outcomes: each transaction is told the truth, and nothing takes place twice.

use std::time::Duration;

use cell_store::memory::{Memory, Plant as Fault};

use super::harness::{get, increment, open, open_with, put};
use crate::plant::Plant;
use crate::{ShardLimits, WriteError};

/// Plants faults for the coming commits and counts once.
async fn counted(faults: &[Fault]) -> (Result<u64, WriteError<crate::TxError>>, u64) {
    let store = Memory::new();
    let shard = open(store.clone(), 1).await.expect("opens");
    assert_eq!(increment(&shard, "n").await, Ok(1));
    store.plant(faults.iter().copied());
    let answer = increment(&shard, "n").await;
    // Nothing that was under way may land from here on.
    assert_eq!(put(&shard, "other", "x").await.map(|_| ()), Ok(()));
    let now = get(&shard, "n").await.expect("readable").expect("counted");
    (answer, String::from_utf8_lossy(&now).parse().expect("a number"))
}

#[tokio::test]
async fn an_unknown_outcome_that_was_written_is_answered_as_written() {
    assert_eq!(counted(&[Fault::UnknownWritten]).await, (Ok(2), 2));
}

#[tokio::test]
async fn an_unknown_outcome_that_was_not_written_is_run_again() {
    assert_eq!(counted(&[Fault::UnknownLost]).await, (Ok(2), 2));
}

#[tokio::test]
async fn a_late_commit_takes_place_once() {
    assert_eq!(counted(&[Fault::UnknownLate]).await, (Ok(2), 2));
}

#[tokio::test]
async fn an_attempt_whose_own_outcome_is_unknown_is_followed_by_another() {
    use Fault::{Unavailable, UnknownLate, UnknownLost, UnknownWritten};
    for data in [UnknownLate, UnknownLost, UnknownWritten] {
        for first in [UnknownLate, UnknownLost, UnknownWritten, Unavailable] {
            for second in [Fault::Pass, UnknownLate, UnknownLost, UnknownWritten] {
                assert_eq!(
                    counted(&[data, first, second]).await,
                    (Ok(2), 2),
                    "{data:?} {first:?} {second:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_outcome_that_cannot_be_learnt_is_unknown_and_ends_the_term() {
    let store = Memory::new();
    let limits = ShardLimits {
        settle_max: Duration::from_millis(50),
        ..ShardLimits::default()
    };
    let shard = open_with(store.clone(), 1, limits, Plant::none())
        .await
        .expect("opens");
    let forever = std::iter::repeat_n(Fault::UnknownLost, 10_000);
    store.plant(forever);
    assert_eq!(put(&shard, "a", "1").await.map(|_| ()), Err(WriteError::Unknown));
    assert_eq!(
        put(&shard, "a", "2").await.map(|_| ()),
        Err(WriteError::Unavailable)
    );
    assert_eq!(shard.status().ended, Some("unavailable"));
}

#[tokio::test]
async fn a_commit_that_fails_for_sure_is_told_so_and_the_shard_goes_on() {
    let store = Memory::new();
    let shard = open(store.clone(), 1).await.expect("opens");
    store.plant([Fault::Unavailable]);
    assert_eq!(
        put(&shard, "a", "1").await.map(|_| ()),
        Err(WriteError::Unavailable)
    );
    assert_eq!(get(&shard, "a").await, Ok(None));
    assert!(put(&shard, "a", "2").await.is_ok());
}
