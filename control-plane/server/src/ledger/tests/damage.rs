//! Damage and full disks: what is lost, what is told, what is mended.

use super::*;
use crate::testing::small::Small;

#[test]
fn a_damaged_segment_is_set_aside_and_what_lacks_comes_from_elsewhere() {
    let decided = decided(3 * SEGMENT + 10);
    let before = whole(&decided).files();
    for (first, good) in [(1, 0), (SEGMENT + 1, SEGMENT), (2 * SEGMENT + 1, 2 * SEGMENT)] {
        let disk = whole(&decided);
        disk.flip(first, 20_000);
        let store = disk.open();
        store.require_beginning(&decided.chain).expect("looked at");
        let gap = store.gap(decided.chain.head()).expect("a gap");
        assert!(
            gap.from.sequence >= good && gap.from.sequence < good + SEGMENT,
            "{gap:?}"
        );
        assert_eq!(gap.to.sequence, good + SEGMENT, "what stands behind is kept");
        assert!(disk.files().iter().any(|(name, _)| name.ends_with(".damaged")));
        // A restart in between changes nothing.
        drop(store);
        let store = disk.open();
        assert_eq!(store.gap(decided.chain.head()), Some(gap));
        store
            .fill(&decided.recorded(gap.from.sequence + 1, gap.to.sequence))
            .expect("filled");
        assert_eq!(store.gap(decided.chain.head()), None);
        let mut files = disk.files();
        files.retain(|(name, _)| !name.ends_with(".damaged"));
        assert_eq!(files, before);
    }
}

#[test]
fn a_damaged_head_of_the_first_segment_loses_only_that_segment() {
    let decided = decided(2 * SEGMENT + 10);
    let disk = whole(&decided);
    disk.flip(1, 3);
    let store = disk.open();
    assert_eq!(
        store.begins().sequence,
        SEGMENT,
        "nothing tells yet that something is missing"
    );
    store.require_beginning(&decided.chain).expect("looked at");
    let gap = store.gap(decided.chain.head()).expect("a gap");
    assert_eq!((gap.from, gap.to.sequence), (decided.chain.begins(), SEGMENT));
    store.fill(&decided.recorded(1, SEGMENT)).expect("filled");
    assert_eq!(read_all(&store), decided.recorded(1, 2 * SEGMENT + 10));
}

#[test]
fn damage_while_it_runs_is_named_by_the_entry() {
    let decided = decided(30);
    let disk = whole(&decided);
    let store = disk.open();
    let whole = store.read(1, 100);
    assert_eq!(whole.entries.len(), 30);
    // In an entry: handed on as it is, for whoever verifies.
    disk.flip(1, 200);
    let page = store.read(1, 100);
    assert_eq!((page.entries.len(), page.damaged), (30, None));
    let mut verifier = Verifier::new(decided.chain.begins(), &[], &[]);
    let broken = page
        .entries
        .iter()
        .find_map(|e| verifier.take(&e.canonical, e.hash).err());
    assert_eq!(broken.map(|broken| broken.sequence()), Some(1));
    // The rest of the file is gone.
    let file = fs::OpenOptions::new()
        .write(true)
        .open(disk.segment(1))
        .expect("opens");
    file.set_len(2_000).expect("cut");
    let page = store.read(1, 100);
    assert_eq!(page.damaged, Some(page.entries.len() as u64 + 1));
    fs::remove_file(disk.segment(1)).expect("removed");
    assert_eq!(store.read(5, 100).damaged, Some(5));
}

#[test]
fn a_damaged_segment_does_not_get_into_the_archive() {
    let decided = decided(SEGMENT + 10);
    let disk = Disk::new();
    let archive = Archive {
        dir: disk.0.path().join("archive"),
        kept: 0,
    };
    let store = LedgerStore::open(&disk.dir(), &world(), Some(archive.clone())).expect("opens");
    store.record(&decided.entries).expect("recorded");
    disk.flip(1, 20_000);
    let error = store.archive_after(None).expect_err("damaged");
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert_eq!(archive.firsts(), [0_u64; 0]);
    assert!(disk.segment(1).exists(), "it stays where it is");
    disk.flip(1, 20_000);
    assert_eq!(store.archive_after(None).expect("archived"), Some(1));
    assert!(!disk.segment(1).exists());
}

#[test]
fn a_full_disk_refuses_and_after_a_restart_nothing_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let small = match Small::mount(folder.path(), 64) {
        Ok(small) => small,
        Err(why) => {
            println!("skipped: no file system of a fixed size can be mounted: {why}");
            return;
        }
    };
    let decided = decided(600);
    let dir = small.path().join("ledger");
    let store = LedgerStore::open(&dir, &world(), None).expect("opens");
    let mut told = 0;
    for entry in &decided.entries {
        match store.record(std::slice::from_ref(entry)) {
            Ok(()) => told = entry.sequence,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{error}");
                break;
            }
        }
    }
    assert!(told > 50 && told < 600, "{told}");
    assert!(store.record(&decided.entries).is_err() && store.sync().is_err());
    drop(store);
    small.grow(1_024);
    let store = LedgerStore::open(&dir, &world(), None).expect("opens");
    assert_eq!(store.head().sequence, told, "what was acknowledged is there");
    store
        .record(&decided.entries)
        .expect("applied again from the log");
    assert_eq!(read_all(&store), decided.recorded(1, 600));
}
