//! A disk that is soon full: a tmpfs of a fixed size, where root can mount one.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Gone with it.
pub struct Small(PathBuf);

impl Small {
    /// Mounts so many KiB at `dir`, which is made.
    ///
    /// # Errors
    /// Why it cannot be, for `skipped: why`.
    pub fn mount(dir: &Path, kib: u32) -> Result<Self, String> {
        std::fs::create_dir_all(dir).map_err(|error| error.to_string())?;
        let size = format!("size={kib}k");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(dir)
            .output()
            .map_err(|error| error.to_string())?;
        if mounted.status.success() {
            return Ok(Self(dir.to_owned()));
        }
        let said = String::from_utf8_lossy(&mounted.stderr);
        Err(format!(
            "no file system of a fixed size can be mounted: {}",
            said.trim()
        ))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes room.
    pub fn grow(&self, kib: u32) {
        let size = format!("remount,size={kib}k");
        let grown = Command::new("mount").args(["-o", &size]).arg(&self.0).status();
        assert!(grown.is_ok_and(|status| status.success()));
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open there keeps it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
