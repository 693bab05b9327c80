//! Tests of the engine against its disk. What any engine must do is in `crate::conformance`.

mod damage;
mod differential;
mod disk;
mod factory;
mod found;
mod growth;
mod stall;

use std::path::Path;
use std::sync::Arc;

use super::{Embedded, EmbeddedOptions, OpenError};
use crate::conformance::{self, Outcome};
use crate::{CommitError, Fence, KeyRange, SnapshotError, Store, WriteBatch};
use factory::EmbeddedFactory;

fn open(dir: &Path) -> Result<Arc<Embedded>, OpenError> {
    Embedded::open(
        dir,
        EmbeddedOptions {
            worker_threads: 1,
            ..EmbeddedOptions::default()
        },
    )
}

/// Opens what was closed here. A process that another test starts has our locks until it becomes its program: so long a
/// store that nobody has open is locked.
fn reopen(dir: &Path) -> Arc<Embedded> {
    for _ in 0..1_000 {
        match open(dir) {
            Err(OpenError::Locked { .. }) => std::thread::sleep(std::time::Duration::from_millis(10)),
            opened => return opened.unwrap(),
        }
    }
    panic!("{} stays locked", dir.display());
}

fn batch(rows: &[(&str, &str)]) -> WriteBatch {
    let mut batch = WriteBatch::new();
    for (key, value) in rows {
        batch.put((*key).to_owned(), (*value).to_owned());
    }
    batch
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let report = conformance::run(&EmbeddedFactory::new(false)).await;
    println!("{report}");
    assert!(report.passed(), "{report}");
}

/// The check of lost writes must be able to fail: here it looks at an engine that does not sync. The kernel may
/// happen to write everything out before the cut, hence more than one attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_skips_fsync_is_caught() {
    let factory = EmbeddedFactory::new(true);
    for _ in 0..5 {
        let report = conformance::run_only(&factory, |check| check == "unsynced-loss").await;
        match report.outcome("unsynced-loss") {
            Some(Outcome::Skipped(why)) => return println!("skipped: {why}"),
            Some(Outcome::Failed(how)) => return println!("caught: {how}"),
            _ => {}
        }
    }
    panic!("an engine that never syncs was not caught");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_alone_does_not_tell_whether_an_engine_syncs() {
    let report = conformance::run_only(&EmbeddedFactory::new(true), |check| check == "kill").await;
    assert_eq!(report.outcome("kill"), Some(&Outcome::Passed), "{report}");
}

#[tokio::test]
async fn waiting_commits_share_one_fsync() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let before = store.fsyncs();
    let commits = (0..200).map(|n| store.commit(batch(&[(&format!("key{n:03}"), "x")]), Vec::new()));
    for committed in futures::future::join_all(commits).await {
        committed.unwrap();
    }
    let stats = store.stats();
    assert!(stats.fsyncs - before <= 20, "{stats:?}");
    assert_eq!(stats.commits, 200);
}

#[tokio::test]
async fn members_of_a_group_see_those_before_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let commits = (0..50u32).map(|n| {
        let fence = if n == 0 {
            Fence::absent("chain")
        } else {
            Fence::equals("chain", (n - 1).to_string())
        };
        store.commit(batch(&[("chain", &n.to_string())]), vec![fence])
    });
    for committed in futures::future::join_all(commits).await {
        committed.unwrap();
    }
    assert!(store.fsyncs() < 50, "{:?}", store.stats());
}

#[tokio::test]
async fn a_closed_engine_is_unavailable_and_its_files_are_free() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    store.commit(batch(&[("a", "1")]), Vec::new()).await.unwrap();
    assert!(matches!(open(dir.path()), Err(OpenError::Locked { .. })));
    store.close().await;
    store.close().await;
    assert!(store.snapshot().await.is_err());
    let late = store.commit(batch(&[("b", "1")]), Vec::new()).await;
    assert!(matches!(late, Err(CommitError::Unavailable { .. })), "{late:?}");
    drop(store);
    let again = open(dir.path()).unwrap();
    assert_eq!(
        again
            .snapshot()
            .await
            .unwrap()
            .get(b"a")
            .await
            .unwrap()
            .as_deref(),
        Some(&b"1"[..])
    );
}

#[tokio::test]
async fn a_failed_write_stops_the_engine_until_it_is_opened_again() {
    let disk = match disk::Disk::tmpfs(8) {
        Ok(disk) => disk,
        Err(why) => return println!("skipped: {why}"),
    };
    let store = open(disk.path()).unwrap();
    let failed = loop {
        let key = store.stats().commits.to_string();
        if let Err(error) = store
            .commit(batch(&[(&key, &"x".repeat(80_000))]), Vec::new())
            .await
        {
            break error;
        }
    };
    assert!(matches!(failed, CommitError::Unknown { .. }), "{failed:?}");
    assert!(store.stop_reason().is_some());
    assert!(store.snapshot().await.is_err());
    let acknowledged = store.stats().commits;
    disk.grow(64).unwrap();
    let later = store.commit(batch(&[("later", "x")]), Vec::new()).await;
    assert!(
        matches!(later, Err(CommitError::Unavailable { .. })),
        "room again does not heal it: {later:?}"
    );
    drop(store);
    let again = open(disk.path()).unwrap();
    let last = (acknowledged - 1).to_string();
    assert!(
        again
            .snapshot()
            .await
            .unwrap()
            .get(last.as_bytes())
            .await
            .unwrap()
            .is_some()
    );
    again.commit(batch(&[("later", "x")]), Vec::new()).await.unwrap();
}

/// The engine's own version of an empty tree must be older than the first snapshot of it.
#[tokio::test]
async fn a_store_without_a_commit_opens_again_and_reads() {
    let dir = tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap();
    for _ in 0..40 {
        let engine = reopen(dir.path());
        for _ in 0..3 {
            let snapshot = engine.snapshot().await.unwrap();
            let page = snapshot.scan(&KeyRange::new("a", "z"), 4, false).await.unwrap();
            assert!(page.rows.is_empty());
            assert_eq!(snapshot.get(b"a").await.unwrap(), None);
        }
        drop(engine);
    }
}

#[tokio::test]
async fn an_expired_version_is_given_out_to_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path()).unwrap();
    engine.commit(batch(&[("a", "1")]), Vec::new()).await.unwrap();
    engine.shared.published.read().expire();
    let held = engine.snapshot().await.unwrap();
    assert_eq!(held.get(b"a").await.unwrap().as_deref(), Some(b"1".as_slice()));
    engine.shared.published.read().expire();
    assert_eq!(held.get(b"a").await, Err(SnapshotError::Expired));
    engine
        .commit(batch(&[("b", "2")]), vec![Fence::equals("a", "1")])
        .await
        .unwrap();
    assert!(
        engine
            .snapshot()
            .await
            .unwrap()
            .get(b"b")
            .await
            .unwrap()
            .is_some()
    );
}
