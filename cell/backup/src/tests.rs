//! Whole backups: written, read back, broken in every way that a store can break them, restored.

mod broken;
mod broken_log;
mod bucket;
mod crossed;
mod erased;
mod kept;
mod later;
mod lost;
mod removed;
mod replayed;
mod whole;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cell_layers::keys::{Kek, KeyShard};
use cell_shard::{
    Frozen, Mode, Origin, Ownership, Request, RestoreError, Scope, Shard, ShardLimits, StateDigest, Tx,
    TxError, copies,
};
use cell_store::Store;
use cell_store::memory::Memory;
use platform_canary::{Canary, Searcher, forms};
use platform_model::{Actor, Epoch, ReplicaId, RequestId, RootRef, ShardId, UserId, WorldId};
use platform_runtime::{Clock, TaskGroup, random};

use crate::permit::Asks;
use crate::restore::{Restored, Wanted};
use crate::{
    AllAtHome, BackupError, BackupName, BackupStore, ErasedPeople, Goal, Kept, Manifest, Pace, Permit,
    Progress, Resident, Residents, Run, Writer, log, read, rehearse, restore,
};

const PEOPLE: u128 = 12;
const PART_BYTES: usize = 2_000;
/// A few entries of the tests.
const SEGMENT_BYTES: usize = 6_000;

struct Bench {
    shard: Shard,
    folder: tempfile::TempDir,
    store: BackupStore,
    kek: Kek,
    progress: Progress,
}

fn user(number: u128) -> UserId {
    format!("00000000-0000-7000-8000-{number:012x}")
        .parse()
        .expect("an id")
}

/// No row is a claim.
fn nobodys(_: &[u8]) -> Option<UserId> {
    None
}

fn world() -> WorldId {
    "a".repeat(64).parse().expect("a world")
}

fn value(number: u128) -> String {
    format!("value of {number} ").repeat(40)
}

fn request_of(number: u128) -> Request {
    Request {
        actor: Actor::Service("test".into()),
        domain: "test",
        request_id: RequestId::from_uuid(random::uuid_v7()),
        mode: Mode::Sync,
        scope: Scope::Root(RootRef::user(user(number))),
        not_older_than: None,
        deadline: Duration::from_secs(20),
    }
}

/// What may be nowhere in the clear.
fn canaries() -> Vec<Canary> {
    let of_person = |number| {
        let id = Canary::new("id", forms::of_bytes(user(number).as_bytes()));
        let value = Canary::new("value", forms::of_bytes(format!("value of {number} ").as_bytes()));
        [id, value]
    };
    (0..PEOPLE).flat_map(of_person).collect()
}

async fn put(shard: &Shard, number: u128) {
    let request = request_of(number);
    let write = |tx: Tx| async move {
        for row in 0..3 {
            tx.put(format!("row {row}"), value(number))?;
        }
        Ok::<_, TxError>(())
    };
    shard.write(&request, write).await.expect("written");
}

async fn open(shard: &str) -> Shard {
    open_with(shard, ShardLimits::default(), Clock::system()).await
}

async fn open_with(shard: &str, limits: ShardLimits, clock: Clock) -> Shard {
    let ownership = Ownership {
        shard: shard.parse().expect("a shard"),
        node: "eu-central-1/0".parse().expect("a node"),
        epoch: Epoch(4),
    };
    // Its tasks live on until the last handle is gone.
    let tasks = TaskGroup::new();
    let opened = Shard::open(Memory::new(), ownership, clock, &tasks, limits);
    opened.await.expect("opens")
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = BackupStore::folder(folder.path()).expect("a store");
        Self {
            folder,
            ..Self::on(store).await
        }
    }

    /// Its folder has nothing to do with the store.
    async fn on(store: BackupStore) -> Self {
        let shard = open("eu/eu-central/000").await;
        for number in 0..PEOPLE {
            put(&shard, number).await;
        }
        Self {
            shard,
            store,
            folder: tempfile::tempdir().expect("a folder"),
            kek: Kek::from_bytes([3; 32]),
            progress: Progress::default(),
        }
    }

    async fn back_up(&self) -> Manifest {
        let frozen = self.shard.freeze().await.expect("served");
        self.write(frozen, &|| Permit::Granted).await.expect("written")
    }

    async fn write(&self, frozen: Frozen, permit: &Asks<'_>) -> Result<Manifest, BackupError> {
        let writer = Writer {
            world: &world(),
            kek: &self.kek,
            store: &self.store,
            pace: Pace::new(Clock::system(), 0),
            permit,
        };
        writer
            .write_in_parts(frozen, &Progress::default(), PART_BYTES)
            .await
    }

    async fn verify(&self, name: &BackupName) -> Result<Manifest, BackupError> {
        read::verify(&self.store, name, &self.kek, &self.progress).await
    }

    /// Verified, and restored into a store of its own.
    async fn rehearse(&self, name: &BackupName) -> Result<Manifest, BackupError> {
        let scratch: Arc<dyn Store> = Memory::new();
        let node = "eu-west-1/0".parse().expect("a node");
        let pace = Pace::new(Clock::system(), 0);
        let (store, kek, progress) = (&self.store, &self.kek, Progress::default());
        rehearse::rehearse(store, name, kek, (scratch, &node), pace, &progress).await
    }

    async fn restore(
        &self,
        name: &BackupName,
        disk: &Arc<dyn Store>,
        erased: &ErasedPeople,
    ) -> Result<Restored, BackupError> {
        self.restore_to(name, Goal::Base, (disk, erased, &AllAtHome))
            .await
    }

    async fn restore_to(
        &self,
        name: &BackupName,
        goal: Goal,
        (disk, erased, residents): (&Arc<dyn Store>, &ErasedPeople, &dyn Residents),
    ) -> Result<Restored, BackupError> {
        let wanted = Wanted {
            name,
            world: &world(),
            shard: self.shard.id(),
            goal,
            node: &"eu-west-1/0".parse().expect("a node"),
            replica: ReplicaId(7),
            epoch: Epoch(9),
            erased,
            claimant: nobodys,
            residents,
            notes: Vec::new(),
        };
        let disk = Arc::clone(disk);
        restore::restore(&wanted, &self.kek, &self.store, disk, &Progress::default()).await
    }

    /// The next segment of its log, of a few entries.
    async fn keep(&self, run: &mut Run) -> Result<Kept, BackupError> {
        self.keep_if(run, &|| Permit::Granted).await
    }

    async fn keep_if(&self, run: &mut Run, permit: &Asks<'_>) -> Result<Kept, BackupError> {
        let mut writer = Writer {
            world: &world(),
            kek: &self.kek,
            store: &self.store,
            pace: Pace::new(Clock::system(), 0),
            permit,
        };
        writer.keep_some(&self.shard, run, SEGMENT_BYTES).await
    }

    /// All that was written since.
    async fn keep_all(&self, run: &mut Run) {
        while self.keep(run).await.expect("kept") != Kept::Nothing {}
    }

    async fn find(&self) -> Result<Option<Run>, BackupError> {
        Run::find(&self.store, &self.kek, &world(), self.shard.id()).await
    }

    fn segment(&self, name: &BackupName, number: u64) -> PathBuf {
        self.file(name, &format!("log/segment-{number:08}"))
    }

    fn file(&self, name: &BackupName, file: &str) -> PathBuf {
        self.folder.path().join(name.as_str()).join(file)
    }

    /// It verifies no more, is not restored, and the disk is as empty as before.
    async fn is_refused(&self, name: &BackupName, expected: impl Fn(&BackupError) -> bool) {
        let error = self.verify(name).await.expect_err("broken");
        assert!(expected(&error), "{error:?}");
        let error = self.rehearse(name).await.expect_err("broken");
        assert!(expected(&error), "{error:?}");
        let disk: Arc<dyn Store> = Memory::new();
        let restored = self.restore(name, &disk, &ErasedPeople::default()).await;
        let error = restored.expect_err("broken");
        assert!(expected(&error), "{error:?}");
        assert_eq!(copies(&*disk).await.expect("read"), [], "half of it is there");
    }
}

/// What lies on a disk of what a shard copies.
async fn rows(disk: &dyn Store) -> Vec<(Bytes, Bytes)> {
    let everything = cell_store::KeyRange::new(Bytes::from_static(b"\x01"), Bytes::from_static(b"\xfe"));
    let snapshot = disk.snapshot().await.expect("a snapshot");
    let all = snapshot
        .scan(&everything, 10_000, false)
        .await
        .expect("readable")
        .rows;
    all.into_iter()
        .filter(|(_, value)| value.starts_with(b"value of"))
        .collect()
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).expect("there");
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 1;
    fs::write(file, bytes).expect("written");
}
