//! What is in the folder at a start: whole segments are taken, a torn end is cut off, what is damaged is set aside and
//! leaves a gap, and what stands behind a gap waits until it is filled.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use control_plane_ledger::segment::{self, End, Scan};
use control_plane_ledger::{Head, OpenSegment};
use platform_runtime::files;

use super::Files;
use super::run::{self, Kind, Run};

/// Reads the folder. `genesis` is where a ledger begins of which nothing is there.
pub fn open(dir: &Path, genesis: Head) -> io::Result<Files> {
    fs::create_dir_all(dir)?;
    let mut main: Option<Run> = None;
    for path in files_of(dir, Kind::Segment)? {
        let Some(scan) = judge(&path)? else { continue };
        let main = main.get_or_insert_with(|| Run::new(dir, Kind::Segment, begins(&scan)));
        if main.head() == begins(&scan) && main.open_first() == begins(&scan).sequence + 1 {
            main.take_in(&scan, append_to(&path)?);
        } else {
            // Something before it is missing.
            fs::rename(&path, run::path(dir, Kind::Ahead, begins(&scan).sequence + 1))?;
        }
    }
    Ok(Files {
        main: main.unwrap_or_else(|| Run::new(dir, Kind::Segment, genesis)),
        ahead: ahead(dir)?,
        failed: None,
    })
}

/// What waits behind gaps, in order.
fn ahead(dir: &Path) -> io::Result<VecDeque<Run>> {
    let mut ahead: VecDeque<Run> = VecDeque::new();
    for path in files_of(dir, Kind::Ahead)? {
        let Some(scan) = judge(&path)? else { continue };
        let last = ahead
            .back_mut()
            .filter(|run| run.head() == begins(&scan) && run.open_first() == begins(&scan).sequence + 1);
        let file = append_to(&path)?;
        match last {
            Some(last) => last.take_in(&scan, file),
            None => {
                let mut run = Run::new(dir, Kind::Ahead, begins(&scan));
                run.take_in(&scan, file);
                ahead.push_back(run);
            }
        }
    }
    Ok(ahead)
}

/// What of a file is good; the rest is cut off. `None`: nothing.
fn judge(path: &Path) -> io::Result<Option<Scan>> {
    let bytes = read_bounded(path)?;
    let Ok(mut scan) = segment::scan(&bytes) else {
        // A crash before its first entry leaves less than a head, or no more.
        match bytes.len() < segment::HEAD_BYTES {
            true => fs::remove_file(path)?,
            false => run::set_aside(path)?,
        }
        return Ok(None);
    };
    match scan.end {
        End::Open | End::Sealed(_) => {}
        End::Torn => cut(path, scan.good)?,
        End::Damaged => {
            run::set_aside(path)?;
            files::write_atomic(path, &bytes[..scan.good], files::PUBLIC)?;
        }
    }
    if scan.hashes.is_empty() {
        fs::remove_file(path)?;
        return Ok(None);
    }
    if scan.end == End::Torn || scan.end == End::Damaged {
        scan.end = seal_if_full(path, &scan)?;
    }
    Ok(Some(scan))
}

/// The crash came between the last entry of a segment and its seal.
fn seal_if_full(path: &Path, scan: &Scan) -> io::Result<End> {
    let Some(sealed) = scan.open.sealed(scan.head) else {
        return Ok(End::Open);
    };
    let mut file = append_to(path)?;
    file.write_all(&segment::seal(&sealed))?;
    file.sync_all()?;
    Ok(End::Sealed(sealed))
}

fn cut(path: &Path, length: usize) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length as u64)?;
    file.sync_all()
}

fn append_to(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

/// A file that is longer than a segment can be is none.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > segment::FILE_BYTES_MAX {
        return Ok(vec![0; segment::HEAD_BYTES]);
    }
    fs::read(path)
}

fn begins(scan: &Scan) -> Head {
    let OpenSegment { first, previous, .. } = scan.open;
    Head {
        sequence: first - 1,
        hash: previous,
    }
}

/// Sorted by name, and so by sequence.
fn files_of(dir: &Path, kind: Kind) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == kind.ending()) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
