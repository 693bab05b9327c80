//! After an unclean stop, before anything is acknowledged: makes durable anew what may be only in the page cache.
//!
//! After a failed fsync the kernel may show data that is not on disk and call it clean, so that neither reading
//! nor a second fsync tells. So every journal with batches past the last position known to be durable is copied,
//! its whole batches only, into a new file, which is synced and put in its place; the directory is synced too.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use super::OpenError;
use super::journal::Journal;

/// Rewrites what lies past `durable`. Answers the number of bytes written.
pub(super) fn rewrite(dir: &Path, journals: &[Journal], durable: u64) -> Result<u64, OpenError> {
    let mut written = 0;
    for journal in journals
        .iter()
        .filter(|journal| journal.torn > 0 || journal.last.is_some_and(|p| p > durable))
    {
        written += rewrite_one(journal)?;
    }
    if written > 0 {
        sync_dir(dir)?;
    }
    Ok(written)
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
