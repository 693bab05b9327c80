//! The planted bug of failpoint builds does what it says: with `lost-update` nobody looks whether what was read still holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cell_shard::{Mode, Ownership, Request, Scope, Shard, ShardLimits, Tx};
use cell_store::memory::Memory;
use platform_model::{Actor, Epoch, RequestId, RootRef, UserId};
use platform_runtime::{Clock, TaskGroup};
use tokio::sync::Barrier;
use uuid::Uuid;

const KEY: &str = "number";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_update_lets_each_of_two_write_over_what_both_have_read() {
    let scenario = fail::FailScenario::setup();
    let tasks = TaskGroup::new();
    let ownership = Ownership {
        shard: "eu/eu-central/007".parse().expect("a shard"),
        node: "eu-central-1/0".parse().expect("a node"),
        epoch: Epoch(1),
    };
    let (store, limits) = (Memory::new(), ShardLimits::default());
    let shard = Shard::open(store, ownership, Clock::system(), &tasks, limits).await;
    let shard = shard.expect("opens");
    assert_eq!(added_by_two(&shard).await, (2, 3), "one of them reads again");
    fail::cfg("lost-update", "return").expect("a failpoint");
    assert_eq!(added_by_two(&shard).await, (3, 2), "two were added, one is there");
    shard.close().await;
    scenario.teardown();
}

/// Two add one at once, neither before both have read. What stands there then, and how often either of them has read.
async fn added_by_two(shard: &Shard) -> (u64, usize) {
    let (both, reads) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));
    let add = |tx: Tx| {
        let (both, reads) = (Arc::clone(&both), Arc::clone(&reads));
        async move {
            let before = number(tx.get(KEY.as_bytes()).await?);
            if reads.fetch_add(1, Ordering::SeqCst) < 2 {
                both.wait().await;
            }
            tx.put(KEY, (before + 1).to_string())
        }
    };
    let (one, other) = (request(1), request(2));
    let (one, other) = tokio::join!(shard.write(&one, &add), shard.write(&other, &add));
    one.expect("the first adds");
    other.expect("the second adds");
    let read = |tx: Tx| async move { tx.get(KEY.as_bytes()).await };
    let answer = shard.read(&request(3), read).await;
    (number(answer.expect("reads").value), reads.load(Ordering::SeqCst))
}

fn number(value: Option<Bytes>) -> u64 {
    let text = value.unwrap_or_else(|| Bytes::from_static(b"0"));
    let text = std::str::from_utf8(&text).expect("digits");
    text.parse().expect("a number")
}

fn request(id: u128) -> Request {
    Request {
        actor: Actor::Service("test".into()),
        domain: "test",
        request_id: RequestId::from_uuid(Uuid::from_u128(id)),
        mode: Mode::Async,
        scope: Scope::Root(RootRef::user(UserId::from_uuid(Uuid::from_u128(1)))),
        not_older_than: None,
        deadline: Duration::from_secs(20),
    }
}
