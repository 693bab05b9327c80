//! Broken in every way that a store can break them.

use sha2::{Digest, Sha256};

use super::*;
use crate::rows;
use crate::seal::BackupKey;

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
            goal: Goal::Base,
            node: &node,
            replica: ReplicaId(7),
            epoch: Epoch(9),
            erased: &nobody,
            claimant: nobodys,
            residents: &AllAtHome,
            notes: Vec::new(),
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

/// The planted omission: a row that was left out as the shard was read. Parts, digests and counts all agree with it.
#[tokio::test]
async fn a_row_that_no_part_has_is_found_by_restoring_it_and_by_nothing_else() {
    let bench = Bench::new().await;
    let name = bench.back_up().await.name;
    assert_eq!(bench.rehearse(&name).await.expect("whole").name, name);
    let (manifest, key) = sealed(&bench, &name);
    let mut digest = Sha256::new();
    for part in 0..manifest.parts {
        let file = bench.file(&name, &format!("part-{part:08}"));
        let mut plain = key
            .open(name.as_str(), part, &fs::read(&file).expect("there"))
            .expect("opens");
        if part == 1 {
            let mut rows = rows_of_part(&plain);
            rows.remove(0);
            plain = part_of(&rows);
            fs::write(&file, key.seal(name.as_str(), part, &plain)).expect("written");
        }
        digest.update(&plain);
    }
    let omitted = Manifest {
        rows: manifest.rows - 1,
        digest: digest.finalize().into(),
        ..manifest.clone()
    };
    fs::write(bench.file(&name, "manifest"), omitted.seal(&key, &bench.kek)).expect("written");
    assert_eq!(
        bench.verify(&name).await.expect("each part is as it was written"),
        omitted
    );
    let caught = bench.rehearse(&name).await;
    assert!(matches!(caught, Err(BackupError::State(_))), "{caught:?}");
}

/// The planted omission: a backup of a build that said nothing of the state is told to be damaged, and may be the only one.
#[tokio::test]
async fn a_backup_of_an_earlier_build_verifies_by_what_it_says() {
    let bench = Bench::new().await;
    let name = bench.back_up().await.name;
    let (manifest, key) = sealed(&bench, &name);
    let earlier = Manifest {
        state: None,
        ..manifest
    };
    let write = |manifest: &Manifest| {
        let sealed = manifest.seal(&key, &bench.kek);
        fs::write(bench.file(&name, "manifest"), sealed).expect("written");
    };
    write(&earlier);
    assert_eq!(bench.rehearse(&name).await.expect("good"), earlier);
    let miscounted = Manifest {
        rows: earlier.rows + 1,
        ..earlier
    };
    write(&miscounted);
    bench.rehearse(&name).await.expect_err("rows are missing");
}

/// The planted omission: what was written before it failed stays, and nobody ever removes it.
#[tokio::test]
async fn nothing_stays_of_a_restore_that_fails_half_way() {
    let bench = Bench::new().await;
    let name = bench.back_up().await.name;
    let disk: Arc<dyn Store> = Memory::new();
    let (id, shard) = (world(), bench.shard.id());
    let wanted = Wanted {
        name: &name,
        world: &id,
        shard,
        goal: Goal::Base,
        node: &"eu-west-1/0".parse().expect("a node"),
        replica: ReplicaId(7),
        epoch: Epoch(9),
        erased: &ErasedPeople::default(),
        claimant: nobodys,
        residents: &AllAtHome,
        // No row of a shard has such a key.
        notes: vec![(Bytes::from_static(b"\xff"), Bytes::new())],
    };
    let (kek, store, progress) = (&bench.kek, &bench.store, Progress::default());
    let failed = restore::restore(&wanted, kek, store, Arc::clone(&disk), &progress).await;
    let failed = failed.expect_err("the last row is none");
    assert!(
        matches!(failed, BackupError::Restore(RestoreError::NoSuchRow)),
        "{failed:?}"
    );
    let left = cell_shard::unclaimed(&*disk, shard).await.expect("read");
    assert_eq!(left, None, "it looks as after a crash");
    assert_eq!(rows(&*disk).await, []);
}

fn sealed(bench: &Bench, name: &BackupName) -> (Manifest, BackupKey) {
    let bytes = fs::read(bench.file(name, "manifest")).expect("there");
    Manifest::open(name, Bytes::from(bytes), &bench.kek).expect("opens")
}

fn rows_of_part(plain: &[u8]) -> Vec<(Bytes, Bytes)> {
    rows::read(Bytes::copy_from_slice(plain)).expect("rows")
}

fn part_of(all: &[(Bytes, Bytes)]) -> Vec<u8> {
    let mut part = Vec::new();
    for (key, value) in all {
        assert!(rows::push(&mut part, key, value));
    }
    part
}
