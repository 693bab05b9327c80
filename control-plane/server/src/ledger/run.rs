//! Consecutive entries in files of one kind: each file a segment, sealed when it is full.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use control_plane_ledger::{Digest, Head, OpenSegment, Recorded, encoding, segment};

/// Hashes of the newest entries that are held in memory, to compare what is applied again after a restart.
const HASHES_HELD_MAX: usize = 16_384;

/// Which files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Segments of the ledger, the same on every controller.
    Segment,
    /// What came behind a gap; cut wherever it began.
    Ahead,
}

/// A chain of entries without gaps.
#[derive(Debug)]
pub struct Run {
    dir: PathBuf,
    kind: Kind,
    begins: Head,
    head: Head,
    open: OpenSegment,
    /// The file of `open`, once it has entries.
    file: Option<Arc<File>>,
    /// Written since the last sync.
    unsynced: Vec<Arc<File>>,
    /// First sequences of the files.
    firsts: BTreeSet<u64>,
    /// Of the newest entries.
    hashes: VecDeque<Digest>,
}

/// A file and the first sequence in it.
pub fn path(dir: &Path, kind: Kind, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.{}", kind.ending()))
}

/// Makes files and the names of new ones durable. Blocks.
pub fn sync(dir: &Path, files: &[Arc<File>]) -> io::Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    for file in files {
        file.sync_data()?;
    }
    File::open(dir)?.sync_all()
}

impl Kind {
    pub fn ending(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::Ahead => "ahead",
        }
    }
}

impl Run {
    /// Without entries.
    pub fn new(dir: &Path, kind: Kind, begins: Head) -> Self {
        Self {
            dir: dir.to_owned(),
            kind,
            begins,
            head: begins,
            open: OpenSegment::after(begins),
            file: None,
            unsynced: Vec::new(),
            firsts: BTreeSet::new(),
            hashes: VecDeque::new(),
        }
    }

    /// Another one beside it.
    pub fn another(&self, kind: Kind, begins: Head) -> Self {
        Self::new(&self.dir, kind, begins)
    }

    /// Takes in a file that was read: it begins at the end of this run.
    pub fn take_in(&mut self, scan: &segment::Scan, file: File) {
        self.firsts.insert(self.open.first);
        self.head = scan.head;
        self.hashes.extend(&scan.hashes);
        self.forget();
        if matches!(scan.end, segment::End::Sealed(_)) {
            self.open = OpenSegment::after(scan.head);
            self.file = None;
        } else {
            self.open = scan.open;
            self.file = Some(Arc::new(file));
        }
    }

    pub fn begins(&self) -> Head {
        self.begins
    }

    pub fn head(&self) -> Head {
        self.head
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn is_empty(&self) -> bool {
        self.head == self.begins
    }

    /// First sequences of the files, oldest first.
    pub fn firsts(&self) -> &BTreeSet<u64> {
        &self.firsts
    }

    /// First sequence of the segment that grows.
    pub fn open_first(&self) -> u64 {
        self.open.first
    }

    /// A file is gone from here: it was archived.
    pub fn forget_file(&mut self, first: u64) {
        self.firsts.remove(&first);
    }

    /// What was the beginning is now behind a gap.
    pub fn into_ahead(mut self) -> io::Result<Self> {
        for first in &self.firsts {
            fs::rename(
                path(&self.dir, self.kind, *first),
                path(&self.dir, Kind::Ahead, *first),
            )?;
        }
        self.kind = Kind::Ahead;
        Ok(self)
    }

    /// Begins elsewhere, while it is empty.
    pub fn begin_at(&mut self, begins: Head) {
        *self = self.another(self.kind, begins);
    }

    pub fn holds(&self, sequence: u64) -> bool {
        sequence > self.begins.sequence && sequence <= self.head.sequence
    }

    /// Whether the chain here goes through `at`; what is too old to be in memory is not compared.
    pub fn compare(&self, at: Head) -> io::Result<()> {
        let held = match self.head.sequence.checked_sub(at.sequence) {
            Some(_) if at.sequence == self.begins.sequence => Some(self.begins.hash),
            Some(back) => usize::try_from(back).ok().and_then(|back| {
                let place = self.hashes.len().checked_sub(1 + back)?;
                self.hashes.get(place).copied()
            }),
            None => None,
        };
        match held {
            Some(held) if held != at.hash => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("entry {} on disk is not the one that was decided", at.sequence),
            )),
            _ => Ok(()),
        }
    }

    /// Writes the entry that follows, and the seal if it fills its segment. Not synced.
    pub fn append(&mut self, canonical: &[u8], hash: Digest) -> io::Result<()> {
        let mut bytes = segment::frame(canonical, hash);
        let head = Head {
            sequence: self.head.sequence + 1,
            hash,
        };
        let sealed = self.open.push(canonical.len(), head);
        if let Some(sealed) = &sealed {
            bytes.extend(segment::seal(sealed));
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => Arc::new(self.create()?),
        };
        (&*file).write_all(&bytes)?;
        if self.unsynced.last().is_none_or(|last| !Arc::ptr_eq(last, &file)) {
            self.unsynced.push(Arc::clone(&file));
        }
        self.head = head;
        self.hashes.push_back(hash);
        self.forget();
        if sealed.is_some() {
            self.open = OpenSegment::after(head);
        } else {
            self.file = Some(file);
        }
        Ok(())
    }

    /// What was written since the last call, to be synced by the caller.
    pub fn take_unsynced(&mut self) -> Vec<Arc<File>> {
        std::mem::take(&mut self.unsynced)
    }

    /// All entries, read back. Blocks.
    pub fn entries(&self) -> io::Result<Vec<Recorded>> {
        let mut entries = Vec::new();
        for first in &self.firsts {
            let bytes = fs::read(path(&self.dir, self.kind, *first))?;
            entries.extend(segment::frames(&bytes).map(|frame| Recorded {
                canonical: frame.canonical.to_vec(),
                hash: frame.hash,
            }));
        }
        Ok(entries)
    }

    /// The place of one of [`Self::entries`] in the ledger; 0 for what is no entry.
    pub fn sequence_of(&self, entry: &Recorded) -> u64 {
        encoding::decode(&entry.canonical).map_or(0, |entry| entry.sequence)
    }

    /// Removes the files.
    pub fn remove(self) -> io::Result<()> {
        for first in &self.firsts {
            fs::remove_file(path(&self.dir, self.kind, *first))?;
        }
        File::open(&self.dir)?.sync_all()
    }

    /// Keeps the files under a name that nobody reads.
    pub fn set_aside(self) -> io::Result<()> {
        for first in &self.firsts {
            set_aside(&path(&self.dir, self.kind, *first))?;
        }
        Ok(())
    }

    fn create(&mut self) -> io::Result<File> {
        let path = path(&self.dir, self.kind, self.open.first);
        // A file that was made and never got its first entry may stand here.
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(path)?;
        let begins = Head {
            sequence: self.open.first - 1,
            hash: self.open.previous,
        };
        file.write_all(&segment::head(begins))?;
        self.firsts.insert(self.open.first);
        Ok(file)
    }

    fn forget(&mut self) {
        let surplus = self.hashes.len().saturating_sub(HASHES_HELD_MAX);
        self.hashes.drain(..surplus);
    }
}

/// Keeps what is damaged for whoever looks into it; one file for each segment.
pub fn set_aside(path: &Path) -> io::Result<()> {
    metrics::counter!("controld_ledger_damaged_total").increment(1);
    let aside = path.with_extension("damaged");
    tracing::error!(file = %path.display(), aside = %aside.display(), "a file of the ledger is damaged: set aside");
    fs::rename(path, aside)
}
