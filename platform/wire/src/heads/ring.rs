//! The file of heads: a head of 64 bytes, then [`HEADS_KEPT_MAX`] slots of 64 bytes that are written round and round.
//!
//! A slot is `[number u64][sequence u64][seen ms u64][hash][xxh3]`, little-endian; one that is torn or damaged is as if
//! it had never been written. The number grows, so the newest is known whatever the place.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use platform_model::WorldId;
use platform_runtime::files;
use xxhash_rust::xxh3::xxh3_64;

use super::SeenHead;
use crate::ledger::LedgerHead;

/// Heads that are kept; the newest stay.
pub const HEADS_KEPT_MAX: usize = 1_024;
const SLOT_BYTES: usize = 64;
const MAGIC: &[u8; 8] = b"MRDHEADS";
const VERSION: u8 = 1;

/// What was seen, oldest first, and the file that remembers it.
pub struct Ring {
    file: Option<File>,
    heads: VecDeque<SeenHead>,
    /// Number of the next slot.
    next: u64,
}

impl Ring {
    /// Remembers nothing over a restart.
    pub fn in_memory() -> Self {
        Self {
            file: None,
            heads: VecDeque::new(),
            next: 0,
        }
    }

    /// Opens or makes the file. One of another world, or with a damaged head, is set aside. Blocks.
    pub fn open(path: &Path, world: &WorldId) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let expected = head_of(world);
        let held = match std::fs::read(path) {
            Ok(bytes) if bytes.starts_with(&expected) => bytes,
            Ok(_) => {
                let aside = path.with_extension("set-aside");
                tracing::error!(to = %aside.display(), "the file of heads is damaged or of another world: set aside");
                std::fs::rename(path, aside)?;
                Vec::new()
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut numbered: Vec<(u64, SeenHead)> =
            held.chunks_exact(SLOT_BYTES).skip(1).filter_map(read).collect();
        numbered.sort_by_key(|(number, _)| *number);
        let next = numbered.last().map_or(0, |(number, _)| number + 1);
        Ok(Self {
            file: Some(open(path, &expected)?),
            heads: numbered.into_iter().map(|(_, seen)| seen).collect(),
            next,
        })
    }

    pub fn heads(&self) -> impl Iterator<Item = SeenHead> + '_ {
        self.heads.iter().copied()
    }

    /// Adds a head, in place of the oldest if all slots are taken; durable when it returns `Ok`. Blocks.
    pub fn push(&mut self, seen: SeenHead) -> io::Result<()> {
        let number = self.next;
        self.next += 1;
        self.heads.push_back(seen);
        if self.heads.len() > HEADS_KEPT_MAX {
            self.heads.pop_front();
        }
        let Some(file) = &self.file else { return Ok(()) };
        let slot = 1 + number % HEADS_KEPT_MAX as u64;
        file.write_all_at(&write(number, seen), slot * SLOT_BYTES as u64)?;
        file.sync_data()
    }
}

fn open(path: &Path, head: &[u8; SLOT_BYTES]) -> io::Result<File> {
    let new = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(files::PUBLIC)
        .open(path);
    match new {
        Ok(mut file) => {
            file.write_all(head)?;
            file.sync_all()?;
            if let Some(folder) = path.parent() {
                File::open(folder)?.sync_all()?;
            }
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().write(true).open(path)
        }
        Err(error) => Err(error),
    }
}

fn head_of(world: &WorldId) -> [u8; SLOT_BYTES] {
    let mut head = [0; SLOT_BYTES];
    head[..8].copy_from_slice(MAGIC);
    head[8] = VERSION;
    head[16..24].copy_from_slice(&xxh3_64(world.as_str().as_bytes()).to_le_bytes());
    let check = xxh3_64(&head[..24]);
    head[24..32].copy_from_slice(&check.to_le_bytes());
    head
}

fn write(number: u64, seen: SeenHead) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..8].copy_from_slice(&number.to_le_bytes());
    slot[8..16].copy_from_slice(&seen.head.sequence.to_le_bytes());
    slot[16..24].copy_from_slice(&seen.seen_ms.to_le_bytes());
    slot[24..56].copy_from_slice(&seen.head.hash);
    let check = xxh3_64(&slot[..56]);
    slot[56..].copy_from_slice(&check.to_le_bytes());
    slot
}

fn read(slot: &[u8]) -> Option<(u64, SeenHead)> {
    let number = |at: usize| slot[at..at + 8].try_into().map(u64::from_le_bytes);
    if number(56).ok()? != xxh3_64(&slot[..56]) {
        return None;
    }
    let head = LedgerHead {
        sequence: number(8).ok()?,
        hash: slot[24..56].try_into().ok()?,
    };
    let seen_ms = number(16).ok()?;
    Some((number(0).ok()?, SeenHead { head, seen_ms }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(letter: &str) -> WorldId {
        WorldId::new(&letter.repeat(64)).expect("an id")
    }

    fn seen(sequence: u64) -> SeenHead {
        SeenHead {
            head: LedgerHead {
                sequence,
                hash: [7; 32],
            },
            seen_ms: sequence + 1,
        }
    }

    #[test]
    fn the_newest_heads_stay_over_restarts_in_a_file_that_does_not_grow() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("deep/ledger-heads");
        let last = HEADS_KEPT_MAX as u64 + 9;
        for sequence in 1..=last {
            // Every start goes on where the last one ended.
            let fresh = sequence % 100 == 1;
            let mut ring = if fresh { None } else { Some(Ring::in_memory()) };
            if fresh {
                ring = Some(Ring::open(&path, &world("a")).expect("opens"));
            }
            let mut ring = ring.expect("one of the two");
            if !fresh {
                ring = Ring::open(&path, &world("a")).expect("opens");
            }
            ring.push(seen(sequence)).expect("written");
        }
        let ring = Ring::open(&path, &world("a")).expect("opens");
        let held: Vec<SeenHead> = ring.heads().collect();
        let expected: Vec<SeenHead> = (10..=last).map(seen).collect();
        assert_eq!(held, expected);
        let length = std::fs::metadata(&path).expect("there").len();
        assert_eq!(length, ((1 + HEADS_KEPT_MAX) * SLOT_BYTES) as u64);
    }

    #[test]
    fn a_torn_or_damaged_slot_is_as_if_it_had_never_been_written() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("ledger-heads");
        let mut ring = Ring::open(&path, &world("a")).expect("opens");
        for sequence in 1..=3 {
            ring.push(seen(sequence)).expect("written");
        }
        let whole = std::fs::read(&path).expect("read");
        for at in 2 * SLOT_BYTES..3 * SLOT_BYTES {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&path, &damaged[..damaged.len() - 5]).expect("written");
            let ring = Ring::open(&path, &world("a")).expect("opens");
            assert_eq!(ring.heads().collect::<Vec<_>>(), [seen(1)], "byte {at}");
        }
    }

    #[test]
    fn a_file_of_another_world_is_set_aside_and_not_lost() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("ledger-heads");
        let mut ring = Ring::open(&path, &world("a")).expect("opens");
        ring.push(seen(1)).expect("written");
        let other = Ring::open(&path, &world("b")).expect("opens");
        assert_eq!(other.heads().count(), 0);
        std::fs::rename(path.with_extension("set-aside"), &path).expect("there");
        let back = Ring::open(&path, &world("a")).expect("opens");
        assert_eq!(back.heads().collect::<Vec<_>>(), [seen(1)]);
    }
}
