//! The store on real files: what is recorded, what a crash or damage leaves, what a gap becomes.

mod damage;

use std::fs;
use std::path::PathBuf;

use control_plane_ledger::chain::SEGMENT_ENTRIES_MAX;
use control_plane_ledger::{Record, Verdict, Verifier};

use super::*;

const SEGMENT: u64 = SEGMENT_ENTRIES_MAX as u64;

fn world() -> WorldId {
    WorldId::new(&"a".repeat(64)).expect("an id")
}

fn record(n: u64) -> Record {
    Record {
        time_ms: n,
        actor: "spiffe://x/region/eu-central/operator/sre/o1".into(),
        command: "place-shard".into(),
        subject: format!("shard/eu/eu-central/{n:03}"),
        command_digest: Digest::of("c", &n.to_be_bytes()),
        inputs_digest: Digest::of("i", &[]),
        verdict: Verdict::Accepted { table: n },
        reason: String::new(),
        count: 1,
        repeats: 0,
    }
}

/// What every controller decides.
struct Decided {
    chain: Chain,
    entries: Vec<Entry>,
}

fn decided(count: u64) -> Decided {
    let mut chain = Chain::after(Head::genesis(world().as_str()));
    let entries = (1..=count).map(|n| chain.append(record(n))).collect();
    Decided { chain, entries }
}

impl Decided {
    fn recorded(&self, from: u64, to: u64) -> Vec<Recorded> {
        let wanted = self.slice(from, to).iter().map(encoding::encode);
        wanted
            .map(|canonical| Recorded {
                hash: encoding::hash(&canonical),
                canonical,
            })
            .collect()
    }

    fn slice(&self, from: u64, to: u64) -> &[Entry] {
        &self.entries[usize::try_from(from - 1).expect("small")..usize::try_from(to).expect("small")]
    }

    /// The chain as it stood after an entry.
    fn chain_at(&self, sequence: u64) -> Chain {
        decided(sequence).chain
    }
}

struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn dir(&self) -> PathBuf {
        self.0.path().join("ledger")
    }

    fn open(&self) -> LedgerStore {
        LedgerStore::open(&self.dir(), &world(), None).expect("opens")
    }

    /// Name and content of every file.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut all: Vec<(String, Vec<u8>)> = fs::read_dir(self.dir())
            .expect("there")
            .map(|entry| entry.expect("there").path())
            .map(|path| {
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                (name, fs::read(&path).expect("read"))
            })
            .collect();
        all.sort();
        all
    }

    fn segment(&self, first: u64) -> PathBuf {
        run::path(&self.dir(), Kind::Segment, first)
    }

    fn flip(&self, first: u64, at: usize) {
        let mut bytes = fs::read(self.segment(first)).expect("read");
        bytes[at] ^= 0x10;
        fs::write(self.segment(first), bytes).expect("written");
    }
}

/// A disk with all of it, as it should be.
fn whole(decided: &Decided) -> Disk {
    let disk = Disk::new();
    disk.open().record(&decided.entries).expect("recorded");
    disk
}

fn read_all(store: &LedgerStore) -> Vec<Recorded> {
    let mut all = Vec::new();
    let mut from = store.held_from();
    loop {
        let page = store.read(from, 500);
        assert_eq!(page.damaged, None);
        if page.entries.is_empty() {
            return all;
        }
        from += page.entries.len() as u64;
        all.extend(page.entries);
    }
}

#[test]
fn what_is_recorded_reads_back_and_is_the_same_everywhere() {
    let decided = decided(2 * SEGMENT + 30);
    let (first, second) = (whole(&decided), Disk::new());
    for batch in decided.entries.chunks(7) {
        // Each batch by another start of the process.
        let store = second.open();
        store.record(batch).expect("recorded");
        store.sync().expect("synced");
    }
    assert_eq!(first.files(), second.files());
    assert_eq!(first.files().len(), 3);
    let store = first.open();
    assert_eq!(store.head(), decided.chain.head());
    assert_eq!(read_all(&store), decided.recorded(1, 2 * SEGMENT + 30));
    let mut verifier = Verifier::new(decided.chain.begins(), decided.chain.sealed(), &[]);
    for entry in read_all(&store) {
        verifier.take(&entry.canonical, entry.hash).expect("whole");
    }
    assert_eq!(verifier.finish(decided.chain.head()).expect("whole").segments, 2);
    assert_eq!(store.read(2 * SEGMENT + 31, 10), ReadPage::default());
    assert_eq!(store.read(0, 10), ReadPage::default());
}

#[test]
fn what_is_applied_again_after_a_restart_is_recorded_once_and_must_be_the_same() {
    let decided = decided(SEGMENT + 20);
    let disk = whole(&decided);
    let before = disk.files();
    let store = disk.open();
    store
        .replaced(&decided.chain_at(SEGMENT - 5))
        .expect("an older snapshot");
    store
        .record(decided.slice(SEGMENT - 4, SEGMENT + 20))
        .expect("known");
    assert_eq!(disk.files(), before);
    let mut other = decided.slice(SEGMENT + 3, SEGMENT + 3)[0].clone();
    other.record.reason = "another".into();
    let error = store.record(&[other]).expect_err("not what was decided");
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(
        store.record(&decided.entries).is_err(),
        "nothing is written from then on"
    );
    assert_eq!(disk.files(), before);
}

#[test]
fn a_torn_end_is_cut_off_and_recorded_again() {
    let decided = decided(40);
    let (disk, before) = (whole(&decided), whole(&decided).files());
    let length = fs::metadata(disk.segment(1)).expect("there").len();
    for cut in (1..400).step_by(23) {
        let file = fs::OpenOptions::new()
            .write(true)
            .open(disk.segment(1))
            .expect("opens");
        file.set_len(length - cut).expect("cut");
        let store = disk.open();
        let held = store.head().sequence;
        assert!((38..40).contains(&held), "{held}");
        store.record(decided.slice(held, 40)).expect("recorded");
        assert_eq!(disk.files(), before, "{cut}");
    }
}

#[test]
fn a_seal_that_a_crash_has_torn_is_written_again() {
    let decided = decided(SEGMENT);
    let (disk, before) = (whole(&decided), whole(&decided).files());
    let length = fs::metadata(disk.segment(1)).expect("there").len();
    for cut in [1, 4, 31, 32, 35, 36] {
        let file = fs::OpenOptions::new()
            .write(true)
            .open(disk.segment(1))
            .expect("opens");
        file.set_len(length - cut).expect("cut");
        assert_eq!(disk.open().head(), decided.chain.head());
        assert_eq!(disk.files(), before, "{cut}");
    }
}

#[test]
fn what_comes_behind_a_snapshot_waits_until_the_gap_is_filled() {
    let decided = decided(2 * SEGMENT + 50);
    let disk = Disk::new();
    let store = disk.open();
    store.record(decided.slice(1, 20)).expect("recorded");
    store.replaced(&decided.chain_at(SEGMENT + 7)).expect("jumps");
    assert_eq!(
        store
            .gap(decided.chain_at(SEGMENT + 7).head())
            .map(|gap| gap.to.sequence),
        Some(SEGMENT + 7)
    );
    store
        .record(decided.slice(SEGMENT + 8, 2 * SEGMENT))
        .expect("recorded");
    // A second jump, and a crash.
    store.replaced(&decided.chain_at(2 * SEGMENT + 9)).expect("jumps");
    store
        .record(decided.slice(2 * SEGMENT + 10, 2 * SEGMENT + 50))
        .expect("recorded");
    drop(store);
    let store = disk.open();
    store
        .record(decided.slice(2 * SEGMENT + 12, 2 * SEGMENT + 50))
        .expect("known");
    assert_eq!(
        store.head().sequence,
        20,
        "only what has no gap before it is held"
    );
    for (from, to) in [(20, SEGMENT + 7), (2 * SEGMENT, 2 * SEGMENT + 9)] {
        let gap = store.gap(decided.chain.head()).expect("a gap");
        assert_eq!((gap.from.sequence, gap.to.sequence), (from, to));
        store.fill(&decided.recorded(from + 1, to)).expect("filled");
    }
    assert_eq!(store.gap(decided.chain.head()), None);
    assert_eq!(disk.files(), whole(&decided).files());
    assert_eq!(disk.open().head(), decided.chain.head());
}

#[test]
fn a_late_member_of_an_old_world_begins_where_the_ledger_does() {
    let begins = Head {
        sequence: 900,
        hash: Digest::of("before", &[]),
    };
    let mut chain = Chain::after(begins);
    let entries: Vec<Entry> = (1..=3).map(|n| chain.append(record(n))).collect();
    let disk = Disk::new();
    let store = disk.open();
    store.replaced(&Chain::after(begins)).expect("an upgraded state");
    store.record(&entries).expect("recorded");
    assert_eq!((store.gap(chain.head()), store.held_from()), (None, 901));
    let store = disk.open();
    store.require_beginning(&chain).expect("there");
    assert_eq!((store.head(), store.held_from()), (chain.head(), 901));
}

#[test]
fn archived_segments_may_go_and_are_read_from_the_archive() {
    let decided = decided(3 * SEGMENT + 10);
    let disk = Disk::new();
    let archive = Archive {
        dir: disk.0.path().join("archive"),
        kept: 1,
    };
    let open = || LedgerStore::open(&disk.dir(), &world(), Some(archive.clone())).expect("opens");
    let store = open();
    store.record(&decided.entries).expect("recorded");
    assert_eq!(
        store.archive_after(None).expect("archived"),
        Some(2 * SEGMENT + 1)
    );
    let names: Vec<String> = disk.files().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(archive.firsts(), [1, SEGMENT + 1, 2 * SEGMENT + 1]);
    for store in [store, open()] {
        store.require_beginning(&decided.chain).expect("in the archive");
        assert_eq!((store.held_from(), store.gap(decided.chain.head())), (1, None));
        assert_eq!(read_all(&store), decided.recorded(1, 3 * SEGMENT + 10));
    }
}
