//! Snapshots on disk: one file with the newest state, replaced by an atomic rename.
//!
//! `[magic][version][xxh3 of the rest][length of the head][head: JSON][state]`. Older files are removed once the new
//! one is durable. Knows nothing of what the state means.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::types::{LogId, Snapshot, SnapshotMeta};

const MAGIC: &[u8; 8] = b"MRDNSNAP";
const VERSION: u8 = 1;
/// Magic, version, checksum.
const FIXED: usize = 8 + 1 + 8;
/// Largest state that is written or taken from a peer, in bytes.
pub const SNAPSHOT_BYTES_MAX: usize = 256 << 20;
const ENDING: &str = "snapshot";

/// The directory of one controller's snapshots.
#[derive(Debug)]
pub struct SnapshotStore {
    dir: PathBuf,
    /// The newest file; held while one is written, so that an older build never replaces a newer install.
    newest: Mutex<Option<SnapshotMeta>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    meta: SnapshotMeta,
}

impl SnapshotStore {
    /// Opens the directory, removes what an interrupted write left, and checks the newest file.
    ///
    /// # Errors
    /// `InvalidData` if the newest file is damaged: its log entries are gone, so an older one would not do.
    pub fn open(dir: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        for file in files(&dir, "part")? {
            fs::remove_file(file)?;
        }
        let store = Self {
            dir,
            newest: Mutex::new(None),
        };
        let newest = match files(&store.dir, ENDING)?.pop() {
            Some(path) => Some(read(&path)?.meta),
            None => None,
        };
        *store.newest.lock() = newest;
        Ok(store)
    }

    /// What the newest snapshot holds, without reading it.
    #[cfg(test)]
    pub fn meta(&self) -> Option<SnapshotMeta> {
        self.newest.lock().clone()
    }

    /// The newest snapshot. Blocks.
    pub fn load(&self) -> io::Result<Option<Snapshot>> {
        let newest = self.newest.lock();
        newest
            .as_ref()
            .map(|meta| read(&self.path(meta.last_log_id)))
            .transpose()
    }

    /// Writes `state`, durable when it returns, unless a newer snapshot stands. Blocks.
    pub fn save(&self, meta: &SnapshotMeta, state: &[u8]) -> io::Result<()> {
        if state.len() > SNAPSHOT_BYTES_MAX {
            return Err(invalid(format!(
                "a state of {} bytes, {SNAPSHOT_BYTES_MAX} are the limit",
                state.len()
            )));
        }
        let mut newest = self.newest.lock();
        if newest
            .as_ref()
            .is_some_and(|held| held.last_log_id >= meta.last_log_id)
        {
            return Ok(());
        }
        let path = self.path(meta.last_log_id);
        write(&path, meta, state)?;
        File::open(&self.dir)?.sync_all()?;
        for old in files(&self.dir, ENDING)? {
            if old != path {
                fs::remove_file(old)?;
            }
        }
        *newest = Some(meta.clone());
        Ok(())
    }

    /// Names sort as positions do.
    fn path(&self, last: Option<LogId>) -> PathBuf {
        let (term, index) = last.map_or((0, 0), |log_id| (log_id.leader_id.term, log_id.index));
        self.dir.join(format!("{index:020}-{term:020}.{ENDING}"))
    }
}

fn write(path: &Path, meta: &SnapshotMeta, state: &[u8]) -> io::Result<()> {
    let head = serde_json::to_vec(&Head { meta: meta.clone() }).map_err(io::Error::other)?;
    let length = u32::try_from(head.len()).map_err(io::Error::other)?;
    let mut rest = Vec::with_capacity(4 + head.len() + state.len());
    rest.extend_from_slice(&length.to_le_bytes());
    rest.extend_from_slice(&head);
    rest.extend_from_slice(state);
    let part = path.with_extension("part");
    let mut file = File::create(&part)?;
    file.write_all(MAGIC)?;
    file.write_all(&[VERSION])?;
    file.write_all(&xxh3_64(&rest).to_le_bytes())?;
    file.write_all(&rest)?;
    file.sync_all()?;
    fs::rename(part, path)
}

fn read(path: &Path) -> io::Result<Snapshot> {
    let damaged = |what: &str| invalid(format!("{}: {what}", path.display()));
    let file = Bytes::from(fs::read(path)?);
    if file.len() < FIXED + 4 || &file[..8] != MAGIC {
        return Err(damaged("no snapshot"));
    }
    if file[8] != VERSION {
        return Err(damaged(&format!(
            "a snapshot of version {}, this build reads version {VERSION}",
            file[8]
        )));
    }
    let rest = file.slice(FIXED..);
    if file[9..FIXED] != xxh3_64(&rest).to_le_bytes() {
        return Err(damaged("the checksum does not fit"));
    }
    let length = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
    let head = rest
        .get(4..4 + length)
        .ok_or_else(|| damaged("the head is longer than the file"))?;
    let head: Head = serde_json::from_slice(head).map_err(|e| damaged(&e.to_string()))?;
    Ok(Snapshot {
        meta: head.meta,
        snapshot: rest.slice(4 + length..),
    })
}

/// The files with this ending, sorted by name.
fn files(dir: &Path, ending: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == ending) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use openraft::testing::log_id;

    use super::*;
    use crate::types::Types;

    fn meta(index: u64) -> SnapshotMeta {
        SnapshotMeta {
            last_log_id: Some(log_id::<Types>(1, 1, index)),
            ..SnapshotMeta::default()
        }
    }

    #[test]
    fn the_newest_stands_alone_and_an_older_one_never_replaces_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = SnapshotStore::open(dir.path().join("s")).unwrap();
        for (index, state) in [(5, "five"), (9, "nine"), (7, "seven")] {
            store.save(&meta(index), state.as_bytes()).unwrap();
        }
        assert_eq!(files(&store.dir, ENDING).unwrap().len(), 1);
        let again = SnapshotStore::open(store.dir.clone()).unwrap();
        let held = again.load().unwrap().expect("a snapshot");
        assert_eq!((held.meta, &held.snapshot[..]), (meta(9), &b"nine"[..]));
    }

    #[test]
    fn a_damaged_or_half_written_file_is_not_taken_for_a_snapshot() {
        let dir = tempfile::tempdir().unwrap();
        let store = SnapshotStore::open(dir.path().to_owned()).unwrap();
        store.save(&meta(1), b"state").unwrap();
        fs::write(dir.path().join("00000000000000000002-x.part"), b"half").unwrap();
        let store = SnapshotStore::open(dir.path().to_owned()).unwrap();
        assert_eq!(store.meta(), Some(meta(1)));
        let path = store.path(meta(1).last_log_id);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = SnapshotStore::open(dir.path().to_owned()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
