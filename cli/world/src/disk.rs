//! What the disk says no to: every write of a world goes through here, so that a full disk is named as one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::exit::Hinted;

/// A world is not started with less space than this: its three stores and its logs begin with tens of MiB each.
pub const FREE_MIB_MIN: u64 = 512;
/// How the C library names a full disk; servers write it into their logs.
const FULL: &str = "No space left on device";

/// Adds the path to an error of the file system; a full disk also says how much is free and what to do.
///
/// # Errors
/// The one that was given.
pub fn at<T>(path: &Path, outcome: io::Result<T>) -> Result<T> {
    outcome.map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => full(path).into(),
        _ => anyhow::Error::new(error).context(format!("cannot write {}", path.display())),
    })
}

/// Says that the disk is full where it is the cause of an error that came from elsewhere.
pub fn explained(error: anyhow::Error, folder: &Path) -> anyhow::Error {
    let is_full = |cause: &(dyn std::error::Error + 'static)| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        kind == Some(io::ErrorKind::StorageFull) || cause.to_string().contains(FULL)
    };
    let is_told = error
        .chain()
        .any(|cause| cause.to_string().contains("the disk is full"));
    if !is_told && error.chain().any(is_full) {
        error.context(full(folder))
    } else {
        error
    }
}

/// Whether a world can start in `folder`.
///
/// # Errors
/// Says how much is free and how much is needed.
pub fn check_free(folder: &Path) -> Result<()> {
    match free_mib(folder) {
        Some(free) if free < FREE_MIB_MIN => {
            let message = format!(
                "{free} MiB are free at {}, a world needs {FREE_MIB_MIN} to start",
                folder.display()
            );
            Err(Hinted::new(message, &[&usage_hint(folder)]).into())
        }
        _ => Ok(()),
    }
}

/// Makes a folder and those above it.
///
/// # Errors
/// As [`at`].
pub fn create_folder(path: &Path) -> Result<()> {
    at(path, fs::create_dir_all(path))
}

/// Writes a file that only its owner reads, such as a key.
///
/// # Errors
/// As [`at`].
pub fn write_private(path: &Path, content: &[u8]) -> Result<()> {
    at(
        path,
        platform_runtime::files::write_atomic(path, content, platform_runtime::files::PRIVATE),
    )
}

/// Writes a file that everybody may read.
///
/// # Errors
/// As [`at`].
pub fn write(path: &Path, content: &[u8]) -> Result<()> {
    at(
        path,
        platform_runtime::files::write_atomic(path, content, platform_runtime::files::PUBLIC),
    )
}

fn full(path: &Path) -> Hinted {
    let free = free_mib(path).map_or_else(|| "an unknown number of".to_owned(), |free| free.to_string());
    let message = format!(
        "the disk is full: cannot write {}, {free} MiB are free there",
        path.display()
    );
    Hinted::new(message, &[&usage_hint(path)])
}

fn usage_hint(path: &Path) -> String {
    format!(
        "df -h {}   shows the disk; make room there or name a folder on another disk with --dir",
        existing(path).display()
    )
}

/// The nearest folder above `path` that is there.
fn existing(path: &Path) -> PathBuf {
    let found = path
        .ancestors()
        .find(|folder| folder.exists() && !folder.as_os_str().is_empty());
    found.unwrap_or(Path::new(".")).to_owned()
}

/// MiB that are free under a folder, or under the nearest one above it that is there.
pub fn free_mib(path: &Path) -> Option<u64> {
    let stat = nix::sys::statvfs::statvfs(&existing(path)).ok()?;
    Some(stat.blocks_available().saturating_mul(stat.fragment_size()) >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_space() -> io::Error {
        io::Error::from(io::ErrorKind::StorageFull)
    }

    #[test]
    fn a_full_disk_is_named_with_the_path_and_the_space_left() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("celld/config.toml");
        let error = at::<()>(&path, Err(no_space())).expect_err("full");
        let hinted = error.downcast_ref::<Hinted>().expect("with hints");
        assert!(
            hinted
                .message
                .contains(&format!("the disk is full: cannot write {}", path.display())),
            "{hinted}"
        );
        assert!(hinted.message.contains("MiB are free there"), "{hinted}");
        assert!(
            hinted.hints[0].contains(&format!("df -h {}", dir.path().display())),
            "{:?}",
            hinted.hints
        );
    }

    #[test]
    fn a_full_disk_is_seen_through_other_errors_and_in_logs() {
        let dir = tempfile::tempdir().expect("a folder");
        let wrapped = anyhow::Error::new(no_space()).context("the authority cannot be made");
        let from_log = anyhow::anyhow!("celld ended: fjall: No space left on device (os error 28)");
        for error in [wrapped, from_log] {
            assert!(
                explained(error, dir.path())
                    .to_string()
                    .contains("the disk is full")
            );
        }
        let other = explained(anyhow::anyhow!("something else"), dir.path());
        assert_eq!(other.to_string(), "something else");
    }

    #[test]
    fn other_errors_keep_their_cause() {
        let error = at::<()>(
            Path::new("/x/y"),
            Err(io::Error::from(io::ErrorKind::PermissionDenied)),
        );
        assert_eq!(
            format!("{:#}", error.expect_err("denied")),
            "cannot write /x/y: permission denied"
        );
    }
}
