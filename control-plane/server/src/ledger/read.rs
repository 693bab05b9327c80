//! Reading entries out of the files, as they are: what is damaged is handed on for whoever verifies, or named.

use std::fs;
use std::io;

use control_plane_ledger::{Recorded, segment};

use super::run::{self, Kind};
use super::{LedgerStore, Shared};

/// Bytes of one page, at most; a single entry is far smaller.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// Entries in order without gaps.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ReadPage {
    pub entries: Vec<Recorded>,
    /// The first entry that is held and cannot be read.
    pub damaged: Option<u64>,
}

/// The file of a segment, and which entries it should hold.
struct Place {
    first: u64,
    last: u64,
    archived: bool,
}

impl LedgerStore {
    /// The first entry that can be read, here or in the archive.
    pub fn held_from(&self) -> u64 {
        let archived = self.shared.archived();
        archived.first().copied().unwrap_or(self.begins().sequence + 1)
    }

    /// Entries from the sequence `from` on: of one segment, `entries_max` and a megabyte at most. Empty behind the end.
    /// Blocks.
    pub fn read(&self, from: u64, entries_max: usize) -> ReadPage {
        let Some(place) = self.place_of(from) else {
            return ReadPage::default();
        };
        let mut page = ReadPage::default();
        let wanted = usize::try_from(place.last - from + 1).unwrap_or(usize::MAX);
        let wanted = wanted.min(entries_max);
        let bytes = self.shared.file(&place).unwrap_or_default();
        let skip = usize::try_from(from - place.first).unwrap_or(usize::MAX);
        let mut room = PAGE_BYTES_MAX;
        for frame in segment::frames(&bytes).skip(skip).take(wanted) {
            if frame.canonical.len() > room {
                return page;
            }
            room -= frame.canonical.len();
            page.entries.push(Recorded {
                canonical: frame.canonical.to_vec(),
                hash: frame.hash,
            });
        }
        let short = page.entries.len() < wanted;
        page.damaged = short.then(|| from + page.entries.len() as u64);
        page
    }

    fn place_of(&self, sequence: u64) -> Option<Place> {
        let (head, first, next, oldest) = {
            let files = self.shared.files.lock();
            let firsts = files.main.firsts();
            (
                files.main.head().sequence,
                firsts.range(..=sequence).next_back().copied(),
                firsts.range(sequence + 1..).next().copied(),
                firsts.first().copied(),
            )
        };
        if sequence == 0 || sequence > head {
            return None;
        }
        if let Some(first) = first {
            let last = next.map_or(head, |next| next - 1);
            return Some(Place {
                first,
                last,
                archived: false,
            });
        }
        let archived = self.shared.archived();
        let at = archived.partition_point(|first| *first <= sequence);
        let first = *archived.get(at.checked_sub(1)?)?;
        let next = archived.get(at).copied().or(oldest).unwrap_or(head + 1);
        Some(Place {
            first,
            last: next - 1,
            archived: true,
        })
    }
}

impl Shared {
    fn file(&self, place: &Place) -> io::Result<Vec<u8>> {
        let dir = match &self.archive {
            Some(archive) if place.archived => &archive.dir,
            _ => &self.dir,
        };
        fs::read(run::path(dir, Kind::Segment, place.first))
    }

    fn archived(&self) -> Vec<u64> {
        let archive = self.archive.as_ref();
        archive.map(|archive| archive.firsts()).unwrap_or_default()
    }
}
