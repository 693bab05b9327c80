//! What restores left on the disk, and nobody took up.

use std::sync::Arc;

use bytes::Bytes;
use cell_backup::Manifest;
use cell_shard::{Origin, Restore, copies, keys_of};
use cell_store::Store;
use cell_store::memory::Memory;
use platform_model::{Epoch, Incarnation, Position, ReplicaId, RootRef, ShardId, Term};
use platform_runtime::Clock;

use super::{Controllers, custody_of};
use crate::custody::jobs::{Done, Restored};
use crate::events::tests::bench::{Bench, FOLLOWERS, shard_of, user};

/// A copy as a restore leaves it that nobody took up.
async fn left(disk: &Arc<dyn Store>, shard: &ShardId) {
    let node = "eu-central-1/0".parse().expect("a node");
    let begun = Restore::begin(Arc::clone(disk), shard.clone(), node).await;
    let mut restore = begun.expect("nothing lies there");
    let mut key = keys_of(RootRef::user(user(1))).to_vec();
    key.push(1);
    restore
        .put(vec![(Bytes::from(key), Bytes::from_static(b"x"))])
        .await
        .expect("put");
    let origin = Origin {
        position: Position(7),
        term: Term {
            epoch: Epoch(1),
            incarnation: Incarnation(1),
        },
        time_ms: 1,
        chain: 1,
    };
    restore
        .finish(ReplicaId(9), Epoch(2), origin)
        .await
        .expect("written");
}

/// Rows of a restore that broke off.
async fn left_half(disk: &Arc<dyn Store>, shard: &ShardId) {
    let node = "eu-central-1/0".parse().expect("a node");
    let begun = Restore::begin(Arc::clone(disk), shard.clone(), node).await;
    let mut restore = begun.expect("nothing lies there");
    let row = |number: u8| {
        let mut key = keys_of(RootRef::user(user(1))).to_vec();
        key.push(number);
        (Bytes::from(key), Bytes::from(vec![number; 80_000]))
    };
    // More than one batch: some of it is written.
    restore.put((1..=50).map(row).collect()).await.expect("put");
}

#[tokio::test]
async fn a_restored_copy_that_nobody_takes_up_is_removed_after_a_while_and_no_other() {
    let bench = Bench::new().await;
    let (clock, hand) = Clock::manual(1_800_000_000_000);
    let disk: Arc<dyn Store> = Memory::new();
    let custody = custody_of(&bench, &Controllers::answering(), (Arc::clone(&disk), clock));
    let (stray, own): (ShardId, _) = ("eu/eu-nowhere/000".parse().expect("a shard"), shard_of(FOLLOWERS));
    let half: ShardId = "eu/eu-half/keys".parse().expect("a shard");
    left_half(&disk, &half).await;
    for shard in [&stray, &own] {
        left(&disk, shard).await;
    }
    let lying = async || {
        let copies = copies(&*disk).await.expect("read");
        copies.into_iter().map(|(shard, _)| shard).collect::<Vec<_>>()
    };
    let mut seen = crate::custody::sweeping::Seen::new();
    custody.sweep(&mut seen).await;
    assert_eq!(
        seen.keys().collect::<Vec<_>>(),
        [&stray, &half],
        "this cell has a part in the other"
    );
    hand.advance(std::time::Duration::from_secs(3_599));
    custody.sweep(&mut seen).await;
    assert_eq!(
        lying().await,
        [own.clone(), half.clone(), stray.clone()],
        "it may be taken up still"
    );
    hand.advance(std::time::Duration::from_secs(1));
    custody.sweep(&mut seen).await;
    assert_eq!(lying().await, [own]);
    assert!(seen.is_empty());
    bench.end().await;
}

/// The planted omission: a job goes on saying that its copy is there after the node removed it.
#[tokio::test]
async fn a_job_whose_copy_was_removed_says_so() {
    let bench = Bench::new().await;
    let (clock, hand) = Clock::manual(1_800_000_000_000);
    let disk: Arc<dyn Store> = Memory::new();
    let custody = custody_of(&bench, &Controllers::answering(), (Arc::clone(&disk), clock));
    let stray: ShardId = "eu/eu-nowhere/000".parse().expect("a shard");
    let jobs = &custody.jobs;
    let begun = jobs.begin(Some(stray.clone()), "b".to_owned()).expect("room");
    left(&disk, &stray).await;
    let mut seen = crate::custody::sweeping::Seen::new();
    custody.sweep(&mut seen).await;
    assert!(seen.is_empty(), "its job runs still");
    jobs.end(begun.id, Ok(done()));
    custody.sweep(&mut seen).await;
    let end = |id| jobs.get(id).expect("remembered").end.expect("it has ended");
    assert!(end(begun.id).is_ok(), "it may be taken up still");
    hand.advance(std::time::Duration::from_secs(3_600));
    custody.sweep(&mut seen).await;
    assert_eq!(end(begun.id).expect_err("it is gone").code, "discarded");
    bench.end().await;
}

fn done() -> Done {
    let term = Term {
        epoch: Epoch(1),
        incarnation: Incarnation(1),
    };
    let origin = Origin {
        position: Position(7),
        term,
        time_ms: 1,
        chain: 1,
    };
    Done {
        reaches: origin,
        manifest: Manifest {
            name: "eu_eu-nowhere_000.e1.7.5f2c9a01".parse().expect("a name"),
            world: "a".repeat(64).parse().expect("a world"),
            shard: "eu/eu-nowhere/000".parse().expect("a shard"),
            origin,
            parts: 1,
            rows: 1,
            bytes: 1,
            digest: [1; 32],
            state: None,
        },
        restored: Some(Restored {
            replica: ReplicaId(9),
            erased: [2; 32],
            left_out: 0,
            at_ms: 1,
        }),
    }
}
