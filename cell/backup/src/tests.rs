//! Whole backups: written, read back, broken in every way that a store can break them, restored.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cell_layers::keys::{Kek, KeyShard};
use cell_shard::{
    Frozen, Mode, Ownership, Request, RestoreError, Scope, Shard, ShardLimits, Tx, TxError, copies,
};
use cell_store::Store;
use cell_store::memory::Memory;
use platform_canary::{Canary, Searcher, forms};
use platform_model::{Actor, Epoch, ReplicaId, RequestId, RootRef, ShardId, UserId, WorldId};
use platform_runtime::{Clock, TaskGroup, random};

use crate::permit::Asks;
use crate::restore::{Restored, Wanted};
use crate::{
    BackupError, BackupName, BackupStore, ErasedPeople, Manifest, Pace, Permit, Progress, Writer, read,
    restore,
};

const PEOPLE: u128 = 12;
const PART_BYTES: usize = 2_000;

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

async fn put(shard: &Shard, number: u128) {
    let request = Request {
        actor: Actor::Service("test".into()),
        domain: "test",
        request_id: RequestId::from_uuid(random::uuid_v7()),
        mode: Mode::Sync,
        scope: Scope::Root(RootRef::user(user(number))),
        not_older_than: None,
        deadline: Duration::from_secs(20),
    };
    let write = |tx: Tx| async move {
        for row in 0..3 {
            tx.put(format!("row {row}"), value(number))?;
        }
        Ok::<_, TxError>(())
    };
    shard.write(&request, write).await.expect("written");
}

async fn open(shard: &str) -> Shard {
    let ownership = Ownership {
        shard: shard.parse().expect("a shard"),
        node: "eu-central-1/0".parse().expect("a node"),
        epoch: Epoch(4),
    };
    // Its tasks live on until the last handle is gone.
    let tasks = TaskGroup::new();
    let opened = Shard::open(
        Memory::new(),
        ownership,
        Clock::system(),
        &tasks,
        ShardLimits::default(),
    );
    opened.await.expect("opens")
}

impl Bench {
    async fn new() -> Self {
        let shard = open("eu/eu-central/000").await;
        for number in 0..PEOPLE {
            put(&shard, number).await;
        }
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            shard,
            store: BackupStore::folder(folder.path()).expect("a store"),
            folder,
            kek: Kek::from_bytes([3; 32]),
            progress: Progress::default(),
        }
    }

    async fn back_up(&self) -> Manifest {
        let frozen = self.shard.freeze().await.expect("served");
        self.write(frozen, &|| Permit::Granted).await.expect("written")
    }

    async fn write(&self, frozen: Frozen, permit: &Asks) -> Result<Manifest, BackupError> {
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

    async fn restore(
        &self,
        name: &BackupName,
        disk: &Arc<dyn Store>,
        erased: &ErasedPeople,
    ) -> Result<Restored, BackupError> {
        let wanted = Wanted {
            name,
            world: &world(),
            shard: self.shard.id(),
            node: &"eu-west-1/0".parse().expect("a node"),
            replica: ReplicaId(7),
            epoch: Epoch(9),
            erased,
            claimant: nobodys,
        };
        let disk = Arc::clone(disk);
        restore::restore(&wanted, &self.kek, &self.store, disk, &Progress::default()).await
    }

    fn file(&self, name: &BackupName, file: &str) -> PathBuf {
        self.folder.path().join(name.as_str()).join(file)
    }

    /// It verifies no more, is not restored, and the disk is as empty as before.
    async fn is_refused(&self, name: &BackupName, expected: impl Fn(&BackupError) -> bool) {
        let error = self.verify(name).await.expect_err("broken");
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

#[tokio::test]
async fn what_is_restored_is_what_was_backed_up() {
    let bench = Bench::new().await;
    let manifest = bench.back_up().await;
    assert!(manifest.parts > 3, "{manifest:?}");
    put(&bench.shard, 99).await;
    assert_eq!(bench.verify(&manifest.name).await.expect("whole"), manifest);
    assert_eq!(bench.progress.bytes(), manifest.bytes);
    assert_eq!(bench.progress.bytes_of(), manifest.bytes);
    let disk: Arc<dyn Store> = Memory::new();
    let restored = bench
        .restore(&manifest.name, &disk, &ErasedPeople::default())
        .await;
    assert_eq!(restored.expect("restored").left_out, 0);
    let rows = rows(&*disk).await;
    assert_eq!(rows.len(), 3 * PEOPLE as usize, "and nothing that came later");
    for number in 0..PEOPLE {
        let of = rows.iter().filter(|(_, row)| *row == value(number)).count();
        assert_eq!(of, 3, "person {number}");
    }
    let listing = bench.store.list().await.expect("listed");
    assert_eq!((listing.whole, listing.unfinished), (vec![manifest.name], vec![]));
}

#[tokio::test]
async fn nothing_in_the_store_says_anything_of_a_person() {
    let bench = Bench::new().await;
    let manifest = bench.back_up().await;
    let canaries: Vec<Canary> = (0..PEOPLE)
        .flat_map(|number| {
            let id = Canary::new("id", forms::of_bytes(user(number).as_bytes()));
            let value = Canary::new("value", forms::of_bytes(format!("value of {number} ").as_bytes()));
            [id, value]
        })
        .collect();
    let searcher = Searcher::new(&canaries);
    let looked = searcher.folder(bench.folder.path(), &[]).expect("readable");
    assert_eq!(looked.files as u64, manifest.parts + 1);
    assert_eq!(looked.found, [], "in the clear");
    // The search would see it.
    fs::write(bench.file(&manifest.name, "x"), value(3)).expect("written");
    assert!(
        !searcher
            .folder(bench.folder.path(), &[])
            .expect("readable")
            .found
            .is_empty()
    );
}

#[tokio::test]
async fn a_flipped_byte_anywhere_is_found_and_nothing_is_restored() {
    for at in [0, 40, 700, usize::MAX] {
        let bench = Bench::new().await;
        let name = bench.back_up().await.name;
        flip(&bench.file(&name, "part-00000002"), at);
        let is_part = |error: &BackupError| matches!(error, BackupError::DamagedPart { part: 2, .. });
        bench.is_refused(&name, is_part).await;
    }
    for at in [3, 30, 60, 90, usize::MAX] {
        let bench = Bench::new().await;
        let name = bench.back_up().await.name;
        flip(&bench.file(&name, "manifest"), at);
        let is_manifest = |error: &BackupError| {
            matches!(
                error,
                BackupError::DamagedManifest(_) | BackupError::ForeignKey(_) | BackupError::TooNew { .. }
            )
        };
        bench.is_refused(&name, is_manifest).await;
    }
}

#[tokio::test]
async fn a_part_that_is_missing_cut_short_or_in_anothers_place_is_found() {
    let bench = Bench::new().await;
    let name = bench.back_up().await.name;
    let other = bench.back_up().await.name;
    let part = |number: u32| format!("part-{number:08}");
    let good = fs::read(bench.file(&name, &part(1))).expect("there");
    fs::remove_file(bench.file(&name, &part(1))).expect("there");
    let missing = |error: &BackupError| matches!(error, BackupError::MissingPart { part: 1, .. });
    bench.is_refused(&name, missing).await;
    let swapped = fs::read(bench.file(&name, &part(2))).expect("there");
    let foreign = fs::read(bench.file(&other, &part(1))).expect("there");
    for wrong in [&good[..good.len() - 1], &good[..0], &swapped, &foreign] {
        fs::write(bench.file(&name, &part(1)), wrong).expect("written");
        let damaged = |error: &BackupError| matches!(error, BackupError::DamagedPart { part: 1, .. });
        bench.is_refused(&name, damaged).await;
    }
    fs::write(bench.file(&name, &part(1)), good).expect("written");
    bench.verify(&name).await.expect("whole again");
}

#[tokio::test]
async fn a_foreign_key_another_world_and_another_shard_are_refused_by_name() {
    let mut bench = Bench::new().await;
    let name = bench.back_up().await.name;
    let disk: Arc<dyn Store> = Memory::new();
    let other: ShardId = "eu/eu-central/001".parse().expect("a shard");
    let (node, nobody) = ("eu-west-1/0".parse().expect("a node"), ErasedPeople::default());
    let restored = async |shard: &ShardId, world: &WorldId| {
        let wanted = Wanted {
            name: &name,
            world,
            shard,
            node: &node,
            replica: ReplicaId(7),
            epoch: Epoch(9),
            erased: &nobody,
            claimant: nobodys,
        };
        let (disk, progress) = (Arc::clone(&disk), Progress::default());
        restore::restore(&wanted, &bench.kek, &bench.store, disk, &progress).await
    };
    let foreign: WorldId = "b".repeat(64).parse().expect("a world");
    let refused = restored(&other, &world()).await;
    assert!(matches!(refused, Err(BackupError::OtherShard { .. })));
    let refused = restored(bench.shard.id(), &foreign).await;
    assert!(matches!(refused, Err(BackupError::OtherWorld(_))));
    bench.kek = Kek::from_bytes([4; 32]);
    bench
        .is_refused(&name, |error| matches!(error, BackupError::ForeignKey(_)))
        .await;
}

#[tokio::test]
async fn nothing_is_restored_over_a_copy_that_lies_there() {
    let bench = Bench::new().await;
    let name = bench.back_up().await.name;
    let disk: Arc<dyn Store> = Memory::new();
    let nobody = ErasedPeople::default();
    bench.restore(&name, &disk, &nobody).await.expect("an empty disk");
    let again = bench.restore(&name, &disk, &nobody).await;
    let held = matches!(again, Err(BackupError::Restore(RestoreError::Held { .. })));
    assert!(held, "{again:?}");
}

#[tokio::test]
async fn what_has_no_manifest_is_no_backup() {
    let bench = Bench::new().await;
    let name = bench.back_up().await.name;
    fs::remove_file(bench.file(&name, "manifest")).expect("there");
    bench
        .is_refused(&name, |error| matches!(error, BackupError::NoSuchBackup(_)))
        .await;
    let listing = bench.store.list().await.expect("listed");
    assert_eq!((listing.whole, listing.unfinished), (vec![], vec![name]));
}

#[tokio::test]
async fn a_law_that_changes_while_a_backup_is_written_ends_it_and_nothing_of_it_stays() {
    let bench = Bench::new().await;
    let whole = bench.back_up().await;
    let asked = AtomicU64::new(0);
    // Granted for some parts, then no more: of the parts, and of the manifest alone.
    for granted in [0, 2, whole.parts, whole.parts + 1] {
        asked.store(0, Ordering::Relaxed);
        let permit = || match asked.fetch_add(1, Ordering::Relaxed) {
            so_far if so_far < granted => Permit::Granted,
            _ => Permit::Denied("a court said so".into()),
        };
        let frozen = bench.shard.freeze().await.expect("served");
        let refused = bench.write(frozen, &permit).await;
        assert!(
            matches!(&refused, Err(BackupError::Withheld(why)) if why == "a court said so"),
            "{granted}: {refused:?}"
        );
        assert_eq!(asked.load(Ordering::Relaxed), granted + 1, "asked no more");
        let listing = bench.store.list().await.expect("listed");
        assert_eq!(listing.unfinished, [], "{granted}: parts stay");
        assert_eq!(listing.whole, [whole.name.clone()], "{granted}");
    }
    // Before each part, at the end of the parts and before the manifest.
    asked.store(0, Ordering::Relaxed);
    let count = || {
        asked.fetch_add(1, Ordering::Relaxed);
        Permit::Granted
    };
    let frozen = bench.shard.freeze().await.expect("served");
    let manifest = bench.write(frozen, &count).await.expect("written");
    assert_eq!(asked.load(Ordering::Relaxed), manifest.parts + 2);
}

#[tokio::test]
async fn what_a_manifest_says_of_the_state_is_what_the_shard_holds() {
    let bench = Bench::new().await;
    let manifest = bench.back_up().await;
    let again = bench.back_up().await;
    assert_eq!(manifest.state, again.state, "nothing was written meanwhile");
    let disk: Arc<dyn Store> = Memory::new();
    let nobody = ErasedPeople::default();
    bench
        .restore(&manifest.name, &disk, &nobody)
        .await
        .expect("restored");
    let state = cell_shard::state_of(&disk, bench.shard.id()).await.expect("read");
    assert_eq!((state.value(), state.rows()), (manifest.state, manifest.rows));
    put(&bench.shard, 3).await;
    assert_ne!(
        bench.back_up().await.state,
        manifest.state,
        "a row was written anew"
    );
}

/// [restore after erasure]
#[tokio::test]
async fn who_was_erased_since_is_left_out_with_every_row_and_nobody_else() {
    let bench = Bench::new().await;
    let name = bench.back_up().await.name;
    let disk: Arc<dyn Store> = Memory::new();
    let erased: ErasedPeople = [user(3), user(5), user(1_000)].into_iter().collect();
    let restored = bench.restore(&name, &disk, &erased).await.expect("restored");
    assert_eq!(restored.left_out, 6);
    let rows = rows(&*disk).await;
    assert_eq!(rows.len(), 3 * (PEOPLE as usize - 2));
    assert!(!rows.iter().any(|(_, row)| *row == value(3) || *row == value(5)));
}

#[tokio::test]
async fn the_key_of_who_was_erased_since_does_not_come_back_with_the_key_shard() {
    let mut bench = Bench::new().await;
    bench.shard = open("eu/eu-central/keys").await;
    let keys = KeyShard::new(bench.shard.clone(), bench.kek.clone());
    for number in 0..3 {
        keys.create(user(number)).await.expect("made");
    }
    let name = bench.back_up().await.name;
    let disk: Arc<dyn Store> = Memory::new();
    let erased: ErasedPeople = [user(1)].into_iter().collect();
    bench.restore(&name, &disk, &erased).await.expect("restored");
    let snapshot = disk.snapshot().await.expect("a snapshot");
    let everything = cell_store::KeyRange::new(Bytes::from_static(b"\x01"), Bytes::from_static(b"\xfe"));
    let all = snapshot
        .scan(&everything, 10_000, false)
        .await
        .expect("readable")
        .rows;
    for number in 0..3 {
        let of = |(key, _): &&(Bytes, Bytes)| key.windows(16).any(|part| part == user(number).as_bytes());
        let rows: Vec<_> = all.iter().filter(of).collect();
        assert_eq!(rows.len(), 1, "person {number}");
        let destroyed = cell_layers::keys::rows::is_destroyed(&rows[0].1);
        assert_eq!(destroyed, number == 1, "person {number}");
    }
}

#[test]
fn the_claims_of_who_was_erased_do_not_come_back_with_the_directory() {
    let claimant = |value: &[u8]| {
        value
            .strip_prefix(b"claim of ")
            .map(|_| user(u128::from(value[9])))
    };
    let row = |number: u8| {
        (
            Bytes::from_static(b"digest"),
            Bytes::from([&b"claim of "[..], &[number]].concat()),
        )
    };
    let erased: ErasedPeople = [user(1)].into_iter().collect();
    for (shard, left) in [("directory/eu/000", 2), ("eu/eu-central/000", 3)] {
        let mut rows = vec![row(0), row(1), row(2)];
        let left_out = erased.apply(&shard.parse().expect("a shard"), claimant, &mut rows);
        assert_eq!((rows.len(), left_out), (left, 3 - left as u64), "{shard}");
    }
}
