//! One process per data directory, by a lock that the kernel lets go of when the process dies.
//!
//! The lock file stays behind and says who held it last; only the lock itself counts.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Name of the lock file inside the directory.
pub const LOCK_FILE: &str = "LOCK";

/// Held as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    dir: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    #[error("the data directory {dir} is in use by process {pid}; stop it first (`kill {pid}`)")]
    InUse { dir: PathBuf, pid: u32 },
    #[error("the data directory {dir} is in use by another process (`fuser {dir}/LOCK` names it)")]
    InUseByUnknown { dir: PathBuf },
    #[error("the data directory {dir} cannot be used")]
    Io {
        dir: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl DataDirError {
    /// Whether the same call may succeed later without anybody changing the machine's set-up.
    pub fn retryable(&self) -> bool {
        !matches!(self, Self::Io { .. })
    }
}

/// Makes `dir` if it is not there and takes its lock.
///
/// # Errors
/// [`DataDirError::InUse`] names the process that holds it.
pub fn lock(dir: &Path) -> Result<Lock, DataDirError> {
    let io_error = |source| DataDirError::Io {
        dir: dir.to_owned(),
        source,
    };
    fs::create_dir_all(dir).map_err(io_error)?;
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(dir.join(LOCK_FILE))
        .map_err(io_error)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(in_use(dir, &mut file)),
        Err(TryLockError::Error(source)) => return Err(io_error(source)),
    }
    write_pid(&mut file).map_err(io_error)?;
    Ok(Lock {
        _file: file,
        dir: dir.to_owned(),
    })
}

/// The process that holds the lock of `dir` or held it last, as it wrote itself down.
pub fn last_holder(dir: &Path) -> Option<u32> {
    fs::read_to_string(dir.join(LOCK_FILE)).ok()?.trim().parse().ok()
}

impl Lock {
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

fn in_use(dir: &Path, file: &mut File) -> DataDirError {
    let mut text = String::new();
    let dir = dir.to_owned();
    match file
        .read_to_string(&mut text)
        .ok()
        .and_then(|_| text.trim().parse().ok())
    {
        Some(pid) => DataDirError::InUse { dir, pid },
        None => DataDirError::InUseByUnknown { dir },
    }
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// What the disk under `dir` still takes, in bytes; none where its file system does not count. Blocks for as long as
/// the disk does.
///
/// # Errors
/// What the file system says.
pub fn free_bytes(dir: &Path) -> io::Result<Option<u64>> {
    let space = nix::sys::statvfs::statvfs(dir)?;
    let free = space.blocks_available().saturating_mul(space.fragment_size());
    // What is told to others fits their signed numbers; some file systems know no end.
    let free = free.min(u64::MAX / 2);
    Ok((space.blocks() > 0).then_some(free))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_says_what_it_still_takes() {
        let dir = tempfile::tempdir().expect("a folder");
        let free = free_bytes(dir.path()).expect("it is there");
        assert!(free.is_some_and(|bytes| bytes > 0), "{free:?}");
        assert!(free_bytes(&dir.path().join("not-there")).is_err());
    }

    #[test]
    fn a_second_holder_is_refused_and_told_who_holds() {
        let dir = tempfile::tempdir().expect("a folder");
        let data = dir.path().join("data");
        let held = lock(&data).expect("free");
        let error = lock(&data).expect_err("held");
        let pid = std::process::id();
        assert!(
            matches!(error, DataDirError::InUse { pid: found, .. } if found == pid),
            "{error}"
        );
        assert!(error.to_string().contains(&format!("process {pid}")));
        drop(held);
        lock(&data).expect("free again, though the file stands");
        assert_eq!(last_holder(&data), Some(pid));
    }
}
