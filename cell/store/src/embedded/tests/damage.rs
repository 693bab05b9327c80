//! Damage of each kind, done to the files of a real store: what a crash can do is repaired, all else is refused.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{batch, open};
use crate::Store;
use crate::embedded::{Embedded, OpenError, journal};

const COMMITS: u32 = 40;

/// A store with 40 batches in its journal, stopped as a kill would: its mark says 0.
async fn killed() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let unclean = std::fs::read(dir.path().join("durable")).unwrap();
    for n in 0..COMMITS {
        store
            .commit(
                batch(&[(&format!("key{n:03}"), &"value ".repeat(50))]),
                Vec::new(),
            )
            .await
            .unwrap();
    }
    drop(store);
    std::fs::write(dir.path().join("durable"), unclean).unwrap();
    let journal = only_journal(dir.path());
    (dir, journal)
}

fn only_journal(dir: &Path) -> PathBuf {
    let mut journals = journal::scan(&dir.join("fjall")).unwrap();
    assert_eq!(journals.len(), 1);
    journals.remove(0).path
}

/// Bytes of whole batches in the journal.
fn whole(dir: &Path) -> u64 {
    journal::scan(&dir.join("fjall")).unwrap()[0].whole as u64
}

fn overwrite(file: &Path, at: u64, bytes: &[u8]) {
    OpenOptions::new()
        .write(true)
        .open(file)
        .unwrap()
        .write_all_at(bytes, at)
        .unwrap();
}

fn flip(file: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

async fn rows(store: &Embedded) -> u32 {
    let all = crate::KeyRange::prefix("");
    store
        .snapshot()
        .await
        .unwrap()
        .scan(&all, 1_000, false)
        .await
        .unwrap()
        .rows
        .len()
        .try_into()
        .unwrap()
}

#[tokio::test]
async fn any_flipped_byte_in_the_middle_of_a_journal_is_damage() {
    let (dir, journal) = killed().await;
    let middle = whole(dir.path()) / 2;
    for at in (middle..middle + 500).step_by(7) {
        flip(&journal, at);
        let before = std::fs::read(&journal).unwrap();
        let refused = open(dir.path()).err();
        assert!(
            matches!(refused, Some(OpenError::Damaged { .. })),
            "byte {at}: {refused:?}"
        );
        assert_eq!(
            std::fs::read(&journal).unwrap(),
            before,
            "a refused open changed the journal"
        );
        flip(&journal, at);
    }
    assert_eq!(rows(&open(dir.path()).unwrap()).await, COMMITS);
}

#[tokio::test]
async fn a_hole_of_whole_batches_is_damage() {
    let (dir, journal) = killed().await;
    let bytes = std::fs::read(&journal).unwrap();
    let length = whole(dir.path()) as usize / COMMITS as usize;
    let (from, to) = (10 * length, 11 * length);
    std::fs::write(&journal, [&bytes[..from], &bytes[to..]].concat()).unwrap();
    assert!(
        matches!(open(dir.path()).err(), Some(OpenError::Damaged { offset, .. }) if offset == from as u64)
    );
    std::fs::write(
        &journal,
        [&bytes[..from], &vec![0; length][..], &bytes[to..]].concat(),
    )
    .unwrap();
    assert!(
        matches!(open(dir.path()).err(), Some(OpenError::Damaged { offset, .. }) if offset == from as u64)
    );
}

#[tokio::test]
async fn a_torn_tail_is_cut_off_and_the_store_goes_on() {
    for torn in [1, 7, 13, 60, 200] {
        let (dir, journal) = killed().await;
        let end = whole(dir.path());
        overwrite(&journal, end - torn, &vec![0; torn as usize]);
        let store = open(dir.path()).unwrap();
        assert_eq!(rows(&store).await, COMMITS - 1, "torn {torn}");
        store.commit(batch(&[("after", "x")]), Vec::new()).await.unwrap();
        drop(store);
        assert_eq!(rows(&open(dir.path()).unwrap()).await, COMMITS, "torn {torn}");
    }
}

#[tokio::test]
async fn garbage_behind_the_last_batch_is_a_torn_tail() {
    let (dir, journal) = killed().await;
    overwrite(&journal, whole(dir.path()), &[1, 3, 0, 0, 0, 9, 9, 9, 9]);
    assert_eq!(rows(&open(dir.path()).unwrap()).await, COMMITS);
}

#[tokio::test]
async fn the_tail_is_written_to_a_new_file_after_an_unclean_stop_only() {
    use std::os::unix::fs::MetadataExt;
    let (dir, journal) = killed().await;
    let inode = || std::fs::metadata(&journal).unwrap().ino();
    let before = inode();
    drop(open(dir.path()).unwrap());
    let rewritten = inode();
    assert_ne!(
        rewritten, before,
        "the tail past the mark was not made durable anew"
    );
    drop(open(dir.path()).unwrap());
    assert_eq!(inode(), rewritten, "a clean stop leaves nothing to rewrite");
}

#[tokio::test]
async fn data_that_ends_before_the_mark_is_damage() {
    let (dir, journal) = killed().await;
    drop(open(dir.path()).unwrap());
    let end = whole(dir.path());
    overwrite(&journal, end - 5, &[0; 5]);
    let refused = open(dir.path()).err();
    assert!(
        matches!(
            refused,
            Some(OpenError::Behind {
                found: 39,
                durable: 40,
                ..
            })
        ),
        "{refused:?}"
    );
    std::fs::remove_file(&journal).unwrap();
    let refused = open(dir.path()).err();
    assert!(
        matches!(
            refused,
            Some(OpenError::Behind {
                found: 0,
                durable: 40,
                ..
            })
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_lost_or_damaged_mark_is_told() {
    let (dir, _) = killed().await;
    let mark = dir.path().join("durable");
    let bytes = std::fs::read(&mark).unwrap();
    std::fs::write(&mark, vec![0xaa; bytes.len()]).unwrap();
    let refused = open(dir.path()).err();
    assert!(matches!(refused, Some(OpenError::MarkLost { .. })), "{refused:?}");
    std::fs::remove_file(&mark).unwrap();
    let refused = open(dir.path()).err();
    assert!(
        matches!(&refused, Some(error @ OpenError::MarkLost { .. }) if error.is_corruption()),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_crash_within_the_first_opening_is_made_good() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let engine = dir.path().join("fjall");
    std::fs::remove_file(engine.join("version")).unwrap();
    std::fs::remove_dir_all(engine.join("keyspaces")).unwrap();
    let store = open(dir.path()).unwrap();
    store.commit(batch(&[("a", "x")]), Vec::new()).await.unwrap();
    drop(store);
    std::fs::remove_file(engine.join("version")).unwrap();
    let refused = open(dir.path()).err();
    assert!(
        refused.is_some(),
        "a store with data lost its version file and was made anew"
    );
    assert!(engine.join("keyspaces").exists());
}

/// A full disk breaks a batch, fjall begins the next journal all the same, and only then stops.
#[tokio::test]
async fn a_disk_that_is_full_at_a_rotation_opens_again() {
    for follow in [false, true] {
        let (dir, journal) = killed().await;
        let bytes = std::fs::read(&journal).unwrap();
        let end = whole(dir.path()) as usize;
        let length = end / COMMITS as usize;
        let next = journal.with_file_name("99.jnl");
        // The 31st batch broke off; what stands in the next journal is what was written at that position afterwards.
        let cut = 30 * length;
        let mut first = bytes[..cut].to_vec();
        first.extend_from_slice(&bytes[cut..cut + length / 2]);
        std::fs::write(&journal, first).unwrap();
        std::fs::write(&next, if follow { &bytes[cut..] } else { &[0; 4_096][..] }).unwrap();
        let expected = if follow { COMMITS } else { 30 };
        let store = open(dir.path()).unwrap();
        assert_eq!(rows(&store).await, expected, "followed: {follow}");
        store.commit(batch(&[("after", "x")]), Vec::new()).await.unwrap();
        drop(store);
        assert_eq!(rows(&open(dir.path()).unwrap()).await, expected + 1);
    }
}

#[tokio::test]
async fn a_broken_batch_that_was_acknowledged_is_damage_also_at_the_end_of_a_journal() {
    let (dir, journal) = killed().await;
    let bytes = std::fs::read(&journal).unwrap();
    let length = whole(dir.path()) as usize / COMMITS as usize;
    let cut = 30 * length;
    std::fs::write(&journal, [&bytes[..cut - 5], &[0xee; 5]].concat()).unwrap();
    std::fs::write(journal.with_file_name("99.jnl"), &bytes[cut..]).unwrap();
    let refused = open(dir.path()).err();
    assert!(matches!(refused, Some(OpenError::Damaged { .. })), "{refused:?}");
    // Nothing whole before it: whether it was the first batch or the hundredth nobody can tell.
    std::fs::write(&journal, [0xee; 50]).unwrap();
    let refused = open(dir.path()).err();
    assert!(
        matches!(refused, Some(OpenError::Damaged { offset: 0, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_store_that_is_behind_keeps_its_torn_bytes() {
    let (dir, journal) = killed().await;
    let unclean = std::fs::read(dir.path().join("durable")).unwrap();
    drop(open(dir.path()).unwrap());
    // The mark of position 40 lives on, unclean; the journal has nothing whole any more, and its bytes are torn.
    let mut mark = crate::embedded::mark::Mark::open(dir.path(), false).unwrap().0;
    mark.write(u64::from(COMMITS), false).unwrap();
    drop(mark);
    let torn = b"all that is left".repeat(10);
    std::fs::write(&journal, &torn).unwrap();
    let refused = open(dir.path()).err();
    assert!(matches!(refused, Some(OpenError::Behind { .. })), "{refused:?}");
    let evidence = dir.path().join("0.torn");
    assert_eq!(std::fs::read(&evidence).unwrap(), torn);
    std::fs::write(dir.path().join("durable"), unclean).unwrap();
    drop(open(dir.path()).unwrap());
    assert!(!evidence.exists(), "a store that opens keeps nothing torn");
}

#[tokio::test]
async fn a_journal_that_is_gone_is_damage() {
    let (dir, journal) = killed().await;
    let bytes = std::fs::read(&journal).unwrap();
    let cut = 30 * (whole(dir.path()) as usize / COMMITS as usize);
    let next = journal.with_file_name("99.jnl");
    std::fs::write(&next, &bytes[cut..]).unwrap();
    let gone = dir.path().join("gone");
    std::fs::rename(&journal, &gone).unwrap();
    let refused = open(dir.path()).err();
    assert!(matches!(refused, Some(OpenError::Damaged { .. })), "{refused:?}");
    std::fs::write(&journal, &bytes[..cut]).unwrap();
    assert!(open(dir.path()).is_err(), "a person has yet to look");
    std::fs::remove_file(dir.path().join("journal-missing")).unwrap();
    let store = open(dir.path()).unwrap();
    assert_eq!(rows(&store).await, COMMITS, "with both it is whole");
    // What has moved to tables needs no journal.
    store.shared.published.read().rotate().unwrap();
    while store.shared.published.read().sealed() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    store.commit(batch(&[("after", "x")]), Vec::new()).await.unwrap();
    drop(store);
    assert_eq!(rows(&open(dir.path()).unwrap()).await, COMMITS + 1);
}
