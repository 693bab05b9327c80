//! Sealed segments, copied to a place that the law names for them. Once one is there it may go from here; it is read
//! from there then.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use control_plane_ledger::segment;
use platform_runtime::files;

use super::LedgerStore;
use super::run::{self, Kind};

/// A folder of sealed segments; several controllers may share it, because the file of a segment is the same for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    pub dir: PathBuf,
    /// Sealed segments that stay here, too; older ones go once they are archived.
    pub kept: usize,
}

impl Archive {
    /// First sequences of what is archived, sorted; nothing if the folder cannot be read.
    pub(super) fn firsts(&self) -> Vec<u64> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let mut firsts: Vec<u64> = entries.filter_map(|entry| first_of(&entry.path())).collect();
        firsts.sort_unstable();
        firsts
    }

    /// Copies a segment, unless it is there. Durable when it returns.
    fn add(&self, from: &Path, first: u64) -> io::Result<()> {
        let to = run::path(&self.dir, Kind::Segment, first);
        let bytes = fs::read(from)?;
        match segment::scan(&bytes) {
            Ok(segment::Scan {
                end: segment::End::Sealed(_),
                ..
            }) => {}
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the segment is damaged",
                ));
            }
        }
        if fs::read(&to).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        fs::create_dir_all(&self.dir)?;
        files::write_atomic(&to, &bytes, files::PUBLIC)
    }
}

fn first_of(path: &Path) -> Option<u64> {
    let ours = path
        .extension()
        .is_some_and(|ending| ending == Kind::Segment.ending());
    path.file_stem().filter(|_| ours)?.to_str()?.parse().ok()
}

impl LedgerStore {
    /// Archives the sealed segments behind `done` and removes from here what need not stay. Answers with the last
    /// segment that is archived now. Blocks.
    ///
    /// # Errors
    /// What the file systems say. Nothing is lost: it is tried again.
    pub fn archive_after(&self, done: Option<u64>) -> io::Result<Option<u64>> {
        let Some(archive) = &self.shared.archive else {
            return Ok(done);
        };
        let sealed: Vec<u64> = {
            let files = self.shared.files.lock();
            let open = files.main.open_first();
            files
                .main
                .firsts()
                .iter()
                .copied()
                .filter(|first| *first < open)
                .collect()
        };
        let mut last = done;
        for first in sealed
            .iter()
            .filter(|first| done.is_none_or(|done| **first > done))
        {
            archive.add(&run::path(&self.shared.dir, Kind::Segment, *first), *first)?;
            last = Some(*first);
        }
        let surplus = sealed.len().saturating_sub(archive.kept);
        for first in sealed.into_iter().take(surplus) {
            fs::remove_file(run::path(&self.shared.dir, Kind::Segment, first))?;
            self.shared.files.lock().main.forget_file(first);
        }
        metrics::gauge!("controld_ledger_archived_segment").set(last.unwrap_or(0) as f64);
        Ok(last)
    }
}
