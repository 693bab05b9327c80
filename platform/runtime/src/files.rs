//! Small files written so that a reader sees the old one or the new one, also after a power cut.
//!
//! Not for journals or data: a file here is rewritten whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Permissions of a file that only its owner reads.
pub const PRIVATE: u32 = 0o600;
/// Permissions of a file that everybody reads.
pub const PUBLIC: u32 = 0o644;

/// Replaces `path` by `content`, durably: written beside it, synced, renamed, and the folder synced.
///
/// # Errors
/// What the file system says; the old file stands then.
pub fn write_atomic(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::other("a file has a name"))?;
    let beside = folder.join(format!(".{}.{}.new", name.to_string_lossy(), std::process::id()));
    let written = write_new(&beside, content, mode).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written?;
    File::open(folder)?.sync_all()
}

fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_mode() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("key.pem");
        for content in ["first, and longer", "second"] {
            write_atomic(&path, content.as_bytes(), PRIVATE).expect("written");
            assert_eq!(fs::read_to_string(&path).expect("read"), content);
        }
        assert_eq!(
            fs::metadata(&path).expect("there").permissions().mode() & 0o777,
            PRIVATE
        );
        assert_eq!(fs::read_dir(dir.path()).expect("read").count(), 1);
    }
}
