//! Disks that do not answer, flushes that fail: nobody waits for ever, and nothing is acknowledged that is not there.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{batch, disk, open};
use crate::embedded::mark::Mark;
use crate::embedded::{Embedded, EmbeddedOptions};
use crate::{CommitError, Store};

/// Longer than anything here takes; who waits for ever is caught by it.
const FOR_EVER: Duration = Duration::from_secs(20);

async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let wait = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(FOR_EVER, wait)
        .await
        .unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

async fn put(store: &Embedded, key: &str) -> Result<(), CommitError> {
    let commit = store.commit(batch(&[(key, "x")]), Vec::new());
    tokio::time::timeout(FOR_EVER, commit)
        .await
        .expect("a commit hangs")
}

fn rotate(store: &Embedded) {
    store.shared.published.read().rotate().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_that_never_ends_refuses_commits_and_hangs_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions {
        no_workers: true,
        ..EmbeddedOptions::default()
    };
    let store = Embedded::open(dir.path(), options).unwrap();
    for n in 0..4 {
        put(&store, &format!("sealed{n}")).await.unwrap();
        rotate(&store);
        if store.shared.published.read().sealed() == 3 {
            break;
        }
    }
    let refused = put(&store, "more").await;
    assert!(
        matches!(refused, Err(CommitError::Unavailable { .. })),
        "{refused:?}"
    );
    assert_eq!(store.stop_reason(), None, "a slow disk is no dead one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_that_fails_under_backpressure_stops_the_engine() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    for keyspace in std::fs::read_dir(dir.path().join("fjall/keyspaces")).unwrap() {
        let tables = keyspace.unwrap().path().join("tables");
        std::fs::remove_dir_all(&tables).unwrap();
    }
    put(&store, "sealed").await.unwrap();
    rotate(&store);
    // Nobody writes: that the flush failed must be found all the same.
    until("the engine stops", || store.stop_reason().is_some()).await;
    let refused = put(&store, "more").await;
    assert!(
        matches!(refused, Err(CommitError::Unavailable { .. })),
        "{refused:?}"
    );
    assert!(store.snapshot().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_does_not_end_lets_everyone_go() {
    let dir = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions {
        stall_max: Duration::from_millis(300),
        ..EmbeddedOptions::default()
    };
    let stall = Arc::clone(&options.stall);
    let store = Embedded::open(dir.path(), options).unwrap();
    put(&store, "before").await.unwrap();
    stall.store(true, Ordering::Release);
    let (first, second) = tokio::join!(put(&store, "a"), async {
        until("the first is under way", || store.shared.under_way().is_some()).await;
        put(&store, "b").await
    });
    for hung in [first, second] {
        assert!(matches!(hung, Err(CommitError::Unknown { .. })), "{hung:?}");
    }
    let later = put(&store, "later").await;
    assert!(matches!(later, Err(CommitError::Unavailable { .. })), "{later:?}");
    assert!(store.stop_reason().unwrap().contains("under way"));
    tokio::time::timeout(FOR_EVER, store.close())
        .await
        .expect("close hangs");
    let dropped = tokio::task::spawn_blocking(move || drop(store));
    tokio::time::timeout(FOR_EVER, dropped)
        .await
        .expect("drop hangs")
        .unwrap();
    stall.store(false, Ordering::Release);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_meets_a_closing_engine_leaves_the_clean_mark() {
    for round in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).unwrap();
        let commits = async { while put(&store, "k").await.is_ok() {} };
        let closing = async {
            put(&store, "first").await.unwrap();
            store.close().await;
        };
        tokio::join!(commits, closing);
        drop(store);
        let (_, found) = Mark::open(dir.path(), false).unwrap();
        assert!(
            found.unwrap().clean,
            "round {round}: the store was closed in order"
        );
    }
}

/// Only the journal is on the disk that fails.
fn tables_elsewhere(dir: &Path, elsewhere: &Path) {
    drop(open(dir).unwrap());
    let (here, there) = (dir.join("fjall/keyspaces"), elsewhere.join("keyspaces"));
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .args([&here, &there])
        .status();
    assert!(copied.unwrap().success());
    std::fs::remove_dir_all(&here).unwrap();
    std::os::unix::fs::symlink(&there, &here).unwrap();
}

/// Gives the journal its blocks, so that a write changes nothing of the file system but the block itself.
fn allocate_journal(dir: &Path) {
    let journal = dir.join("fjall/0.jnl");
    let bytes = std::fs::read(&journal).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&journal).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &bytes, 0).unwrap();
    file.sync_all().unwrap();
}

/// The kernel tells a failed fsync once. fjall's workers sync the journal too: what one of them is told must not make the
/// writer take its own batch for durable. The disk has no journal of its own, so an fsync after the failed one succeeds.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_fsync_error_that_a_flush_worker_eats_is_not_acknowledged() {
    for round in 0..4 {
        let disk = match disk::Disk::ext2_on_a_disk() {
            Ok(disk) => disk,
            Err(why) => return println!("skipped: {why}"),
        };
        // In memory where there is such a disk: the faster a flush, the more often a worker syncs.
        let healthy = tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .unwrap();
        tables_elsewhere(disk.path(), healthy.path());
        allocate_journal(disk.path());
        disk.leave_room(8).unwrap();
        let store = open(disk.path()).unwrap();
        let flusher = Arc::clone(&store);
        let flushing = std::thread::spawn(move || {
            while flusher.stop_reason().is_none() {
                // Fails with the disk.
                drop(flusher.shared.published.read().rotate());
                std::thread::yield_now();
            }
        });
        let mut acknowledged = 0;
        let value = "x".repeat(80_000);
        while acknowledged < 10_000 {
            let key = format!("{acknowledged:05}");
            let commit = store.commit(batch(&[(&key, &value)]), Vec::new());
            match tokio::time::timeout(FOR_EVER, commit)
                .await
                .expect("a commit hangs")
            {
                Ok(()) => acknowledged += 1,
                Err(_) => break,
            }
        }
        until("the engine stops", || store.stop_reason().is_some()).await;
        flushing.join().unwrap();
        // Write and fsync are one step: what failed is not in a memtable, from where a flush could still bring it in.
        let failed = format!("{acknowledged:05}");
        assert!(!store.shared.published.read().has_now(&failed), "round {round}");
        drop(store);
        assert!(acknowledged > 10, "the disk was too small from the start");
        let left = disk.remounted_with_room().unwrap();
        let again = open(left.path()).unwrap_or_else(|error| panic!("round {round}: {error}: {error:?}"));
        let snapshot = again.snapshot().await.unwrap();
        for n in 0..acknowledged {
            let row = snapshot.get(format!("{n:05}").as_bytes()).await.unwrap();
            assert!(
                row.is_some(),
                "round {round}: {n} of {acknowledged} was acknowledged and is gone"
            );
        }
    }
}
