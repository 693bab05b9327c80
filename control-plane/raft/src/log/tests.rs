//! The library's own suite over real files, power failures, and the number of fsyncs.

use std::io;
use std::sync::Arc;

use openraft::entry::RaftEntry;
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::testing::{blank_ent, log_id};
use openraft::type_config::TypeConfigExt;
use openraft::{RaftLogReader, StorageError, Vote};
use parking_lot::{Condvar, Mutex};
use platform_model::WorldId;
use redb::StorageBackend;
use tempfile::TempDir;

use super::disk::Disk;
use super::{LogStore, Opened, Owner};
use crate::apply::StateMachine;
use crate::snapshot::SnapshotStore;
use crate::tests::Register;
use crate::types::{Entry, Types};

fn owner() -> Owner {
    Owner {
        world: WorldId::new(&"a".repeat(64)).unwrap(),
        node_id: 1,
    }
}

struct Files;

impl StoreBuilder<Types, LogStore, StateMachine<Register>, TempDir> for Files {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine<Register>), StorageError<Types>> {
        let dir = tempfile::tempdir().unwrap();
        let log = LogStore::open(&dir.path().join("raft.redb"), &owner()).unwrap();
        let snapshots = SnapshotStore::open(dir.path().join("snapshots")).unwrap();
        let (machine, _) = StateMachine::new(Register, Arc::new(snapshots));
        Ok((dir, log.store, machine))
    }
}

#[tokio::test]
async fn the_librarys_storage_suite() {
    Suite::test_all(Files).await.unwrap();
}

/// A disk that forgets at a power failure what was not synced.
#[derive(Debug, Clone, Default)]
struct Volatile {
    written: Arc<Mutex<Vec<u8>>>,
    synced: Arc<Mutex<Vec<u8>>>,
    /// While true, a sync does not end.
    stalled: Arc<(Mutex<bool>, Condvar)>,
}

impl Volatile {
    fn power_failure(&self) -> Self {
        let synced = self.synced.lock().clone();
        let written = Arc::new(Mutex::new(synced.clone()));
        Self {
            written,
            synced: Arc::new(Mutex::new(synced)),
            stalled: Arc::default(),
        }
    }

    fn stall(&self, stalled: bool) {
        *self.stalled.0.lock() = stalled;
        self.stalled.1.notify_all();
    }
}

impl StorageBackend for Volatile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written.lock().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = offset as usize;
        out.copy_from_slice(&self.written.lock()[start..start + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.written.lock().resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.stalled
            .1
            .wait_while(&mut self.stalled.0.lock(), |stalled| *stalled);
        self.synced.lock().clone_from(&self.written.lock());
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = offset as usize;
        self.written.lock()[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }
}

fn open(disk: Volatile) -> Opened {
    let (disk, view) = Disk::open_on(disk, &owner()).unwrap();
    LogStore::over(disk, view).unwrap()
}

fn entry(index: u64) -> Entry {
    blank_ent::<Types>(1, 1, index)
}

async fn append(store: &mut LogStore, index: u64) {
    let (tell, told) = Types::oneshot();
    store
        .append([entry(index)], IOFlushed::signal(tell))
        .await
        .unwrap();
    told.await.unwrap().unwrap();
}

async fn indexes(store: &mut LogStore) -> Vec<u64> {
    let mut reader = store.get_log_reader().await;
    reader
        .try_get_log_entries(..)
        .await
        .unwrap()
        .iter()
        .map(RaftEntry::index)
        .collect()
}

#[tokio::test]
async fn what_was_reported_as_stored_survives_a_power_failure() {
    let disk = Volatile::default();
    let mut store = open(disk.clone()).store;
    for index in 0..20 {
        append(&mut store, index).await;
        let mut after = open(disk.power_failure()).store;
        assert_eq!(indexes(&mut after).await, (0..=index).collect::<Vec<_>>());
    }
    store
        .truncate_after(Some(log_id::<Types>(1, 1, 9)))
        .await
        .unwrap();
    store.purge(log_id::<Types>(1, 1, 3)).await.unwrap();
    store
        .save_committed(Some(log_id::<Types>(1, 1, 8)))
        .await
        .unwrap();
    let vote = Vote::new(7, 1);
    store.save_vote(&vote).await.unwrap();
    let mut after = open(disk.power_failure()).store;
    assert_eq!(indexes(&mut after).await, (4..=9).collect::<Vec<_>>());
    assert_eq!(
        after.get_log_reader().await.read_vote().await.unwrap(),
        Some(vote)
    );
    assert_eq!(
        after.read_committed().await.unwrap(),
        Some(log_id::<Types>(1, 1, 8))
    );
    let state = after.get_log_state().await.unwrap();
    assert_eq!(state.last_purged_log_id, Some(log_id::<Types>(1, 1, 3)));
}

#[tokio::test]
async fn appends_that_wait_together_are_stored_by_one_fsync() {
    let disk = Volatile::default();
    let Opened { mut store, stats, .. } = open(disk.clone());
    append(&mut store, 0).await;
    disk.stall(true);
    let (fsyncs, commits) = (stats.fsyncs(), stats.commits());
    let mut waiting = Vec::new();
    for index in 1..=256 {
        let (tell, told) = Types::oneshot();
        store
            .append([entry(index)], IOFlushed::signal(tell))
            .await
            .unwrap();
        waiting.push(told);
    }
    disk.stall(false);
    for told in waiting {
        told.await.unwrap().unwrap();
    }
    let (fsyncs, commits) = (stats.fsyncs() - fsyncs, stats.commits() - commits);
    assert!(
        fsyncs <= commits + 1,
        "one fsync a commit, and one if the file grew: {fsyncs}"
    );
    assert!(
        commits <= 2,
        "the first, and all that came while it was synced: {commits}"
    );
}

#[tokio::test]
async fn a_hole_in_the_log_is_refused() {
    let mut store = open(Volatile::default()).store;
    append(&mut store, 0).await;
    assert!(store.append([entry(2)], IOFlushed::noop()).await.is_err());
}

#[tokio::test]
async fn the_file_is_free_again_once_the_store_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("raft.redb");
    let Opened { store, closed, .. } = LogStore::open(&path, &owner()).unwrap();
    let second = LogStore::open(&path, &owner());
    assert!(matches!(second, Err(super::OpenError::InUse)), "{second:?}");
    drop(store);
    closed.await.unwrap();
    LogStore::open(&path, &owner()).unwrap();
}
