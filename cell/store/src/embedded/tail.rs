//! After an unclean stop, before anything is acknowledged: makes durable anew what may be only in the page cache.
//!
//! After a failed fsync the kernel may show data that is not on disk and call it clean, so that neither reading
//! nor a second fsync tells. So every journal with batches past the last position known to be durable is copied,
//! its whole batches only, into a new file, which is synced and put in its place; the directory is synced too.
//!
//! A journal that ends torn keeps a second name beside the engine until the store has opened: if it then turns out that
//! acknowledged commits are missing, the bytes that were cut off are evidence.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::OpenError;
use super::journal::Journal;

/// What the second names of torn journals end with.
const EVIDENCE: &str = "torn";

/// Rewrites what lies past `durable`. Answers the number of bytes written.
pub(super) fn rewrite(
    store_dir: &Path,
    dir: &Path,
    journals: &[Journal],
    durable: u64,
) -> Result<u64, OpenError> {
    let mut written = 0;
    for journal in journals
        .iter()
        .filter(|journal| journal.torn > 0 || journal.last.is_some_and(|p| p > durable))
    {
        if journal.torn > 0 {
            keep_evidence(store_dir, journal)?;
        }
        written += rewrite_one(journal)?;
    }
    if written > 0 {
        sync_dir(dir)?;
    }
    Ok(written)
}

/// Gives the torn file a second name. One that is there from an earlier try has more of what was torn.
fn keep_evidence(store_dir: &Path, journal: &Journal) -> Result<(), OpenError> {
    let number = journal.path.file_stem().unwrap_or_default();
    let evidence = store_dir.join(number).with_extension(EVIDENCE);
    match std::fs::hard_link(&journal.path, &evidence) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(OpenError::io("link", &evidence)(error))
        }
        _ => sync_dir(store_dir),
    }
}

/// The store has opened with all that was durable: what was torn is nobody's.
pub(super) fn drop_evidence(store_dir: &Path) -> Result<(), OpenError> {
    let list = OpenError::io("list", store_dir);
    let entries: Vec<_> = std::fs::read_dir(store_dir)
        .and_then(Iterator::collect)
        .map_err(list)?;
    let torn = entries
        .iter()
        .map(std::fs::DirEntry::path)
        .filter(|path| path.extension().is_some_and(|extension| extension == EVIDENCE));
    torn.into_iter()
        .try_for_each(|path: PathBuf| std::fs::remove_file(&path).map_err(OpenError::io("remove", &path)))
}

fn rewrite_one(journal: &Journal) -> Result<u64, OpenError> {
    let fresh = journal.path.with_extension("rewritten");
    let whole = u64::try_from(journal.whole).expect("a file length");
    let source = File::open(&journal.path).map_err(OpenError::io("open", &journal.path))?;
    let mut target = File::create(&fresh).map_err(OpenError::io("create", &fresh))?;
    let copied =
        std::io::copy(&mut source.take(whole), &mut target).map_err(OpenError::io("write", &fresh))?;
    target
        .flush()
        .and_then(|()| target.sync_all())
        .map_err(OpenError::io("sync", &fresh))?;
    std::fs::rename(&fresh, &journal.path).map_err(OpenError::io("replace", &journal.path))?;
    Ok(copied.max(1))
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), OpenError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(OpenError::io("sync", dir))
}
