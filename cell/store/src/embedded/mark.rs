//! The file `durable`: a position that was durable, written and synced at least each second and at an orderly
//! close. A store that opens below it has lost acknowledged commits. It is also what locks the directory.
//!
//! Two slots, a page apart, are written in turn, so that a torn write leaves the other. The mark may lag behind
//! what is durable, never run ahead of it.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::{OpenError, tail::sync_dir};

const MAGIC: [u8; 8] = *b"MRDNDUR1";
const SLOT_BYTES: usize = 4_096;
const RECORD_BYTES: usize = 33;

/// What was durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Durable {
    /// Number of the mark itself, one higher each time.
    sequence: u64,
    /// Position of the last batch that was durable.
    pub position: u64,
    /// Whether the store was closed in order after it.
    pub clean: bool,
}

/// The open and locked file.
#[derive(Debug)]
pub(super) struct Mark {
    file: File,
    last: Durable,
}

impl Mark {
    /// Locks and reads the mark of `dir`; makes one when `fresh` allows it. None: it has just been made.
    pub fn open(dir: &Path, fresh: bool) -> Result<(Self, Option<Durable>), OpenError> {
        let path = path(dir);
        let existed = path.exists();
        if !existed && !fresh {
            return Err(OpenError::MarkLost { file: path });
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(OpenError::io("open", &path))?;
        lock(&file, dir, &path)?;
        let found = read(&file, &path)?;
        match found {
            Some(last) => Ok((Self { file, last }, found)),
            None if fresh => Self::create(file, dir, &path).map(|mark| (mark, None)),
            None => Err(OpenError::MarkLost { file: path }),
        }
    }

    fn create(file: File, dir: &Path, path: &Path) -> Result<Self, OpenError> {
        // Written, not only extended: a mark must find its room on a disk that has become full.
        file.write_all_at(&[0; 2 * SLOT_BYTES], 0)
            .map_err(OpenError::io("write", path))?;
        let mut mark = Self {
            file,
            last: Durable::default(),
        };
        mark.write(0, false).map_err(OpenError::io("write", path))?;
        sync_dir(dir)?;
        Ok(mark)
    }

    /// Marks `position` as durable; returns when the mark is.
    pub fn write(&mut self, position: u64, clean: bool) -> std::io::Result<()> {
        let next = Durable {
            sequence: self.last.sequence + 1,
            position,
            clean,
        };
        let slot = (next.sequence % 2) * SLOT_BYTES as u64;
        self.file.write_all_at(&encode(next), slot)?;
        self.file.sync_data()?;
        self.last = next;
        Ok(())
    }

    /// The last mark.
    pub fn last(&self) -> Durable {
        self.last
    }
}

pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("durable")
}

fn lock(file: &File, dir: &Path, path: &Path) -> Result<(), OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(OpenError::io("lock", path)(error)),
    }
}

fn read(file: &File, path: &Path) -> Result<Option<Durable>, OpenError> {
    let mut newest: Option<Durable> = None;
    for slot in 0..2 {
        let mut record = [0; RECORD_BYTES];
        match file.read_exact_at(&mut record, slot * SLOT_BYTES as u64) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => continue,
            Err(error) => return Err(OpenError::io("read", path)(error)),
        }
        let found = decode(&record);
        if found.map(|durable| durable.sequence) > newest.map(|durable| durable.sequence) {
            newest = found;
        }
    }
    Ok(newest)
}

fn encode(durable: Durable) -> [u8; RECORD_BYTES] {
    let mut record = [0; RECORD_BYTES];
    record[..8].copy_from_slice(&MAGIC);
    record[8..16].copy_from_slice(&durable.sequence.to_be_bytes());
    record[16..24].copy_from_slice(&durable.position.to_be_bytes());
    record[24] = durable.clean.into();
    let checksum = xxh3_64(&record[..25]);
    record[25..].copy_from_slice(&checksum.to_be_bytes());
    record
}

fn decode(record: &[u8; RECORD_BYTES]) -> Option<Durable> {
    let number = |at: usize| record[at..at + 8].try_into().ok().map(u64::from_be_bytes);
    if record[..8] != MAGIC || number(25)? != xxh3_64(&record[..25]) {
        return None;
    }
    Some(Durable {
        sequence: number(8)?,
        position: number(16)?,
        clean: record[24] == 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_mark_leaves_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let (mut mark, found) = Mark::open(dir.path(), true).unwrap();
        assert_eq!(found, None);
        mark.write(7, false).unwrap();
        mark.write(9, true).unwrap();
        let slot = (mark.last().sequence % 2) * SLOT_BYTES as u64;
        mark.file.write_all_at(&[0xee], slot + 20).unwrap();
        drop(mark);
        let (_, found) = Mark::open(dir.path(), false).unwrap();
        assert_eq!(
            found.map(|durable| (durable.position, durable.clean)),
            Some((7, false))
        );
    }

    #[test]
    fn two_owners_are_refused_and_a_lost_mark_is_told() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(
            Mark::open(dir.path(), false),
            Err(OpenError::MarkLost { .. })
        ));
        let held = Mark::open(dir.path(), true).unwrap();
        assert!(matches!(
            Mark::open(dir.path(), false),
            Err(OpenError::Locked { .. })
        ));
        drop(held);
    }
}
