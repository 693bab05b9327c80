//! Disks that fail, for root: a small tmpfs that runs full, and an ext4 in a file that loses power.
//!
//! The file of the ext4 holds exactly what its kernel has sent to the "disk": pages that were written but not synced
//! are in the page cache of the mounted file system only. So a copy of the file is what a power cut leaves.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Attempts to copy a disk at rest.
const COPIES_MAX: usize = 20;

pub(super) struct Disk {
    dir: TempDir,
    mounted: PathBuf,
}

impl Disk {
    /// A file system of `size` MiB in memory.
    pub fn tmpfs(size: u32) -> Result<Self, String> {
        let disk = Self::unmounted()?;
        run(
            "mount",
            &["-t", "tmpfs", "-o", &format!("size={size}m"), "none"],
            &disk.mounted,
        )?;
        Ok(disk)
    }

    /// A file system on a disk that [`Disk::after_power_cut`] can cut off.
    pub fn ext4() -> Result<Self, String> {
        let disk = Self::unmounted()?;
        let image = std::fs::File::create(disk.image()).map_err(|error| error.to_string())?;
        image
            .set_len(192 * 1024 * 1024)
            .map_err(|error| error.to_string())?;
        run("mkfs.ext4", &["-q", "-F"], &disk.image())?;
        disk.mount_image()?;
        Ok(disk)
    }

    /// The same disk, mounted again after all that was not synced is lost.
    pub fn after_power_cut(&self) -> Result<Self, String> {
        let left = Self::unmounted()?;
        for _ in 0..COPIES_MAX {
            let before = self.last_write()?;
            std::fs::copy(self.image(), left.image()).map_err(|error| error.to_string())?;
            // The kernel may send something while we copy; a power cut is one moment.
            if self.last_write()? == before {
                left.mount_image()?;
                return Ok(left);
            }
        }
        Err("the disk does not come to rest".into())
    }

    fn last_write(&self) -> Result<std::time::SystemTime, String> {
        std::fs::metadata(self.image())
            .and_then(|image| image.modified())
            .map_err(|error| error.to_string())
    }

    /// Makes a tmpfs larger.
    pub fn grow(&self, size: u32) -> Result<(), String> {
        run("mount", &["-o", &format!("remount,size={size}m")], &self.mounted)
    }

    pub fn path(&self) -> &Path {
        &self.mounted
    }

    fn unmounted() -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mounted = dir.path().join("mounted");
        std::fs::create_dir(&mounted).map_err(|error| error.to_string())?;
        Ok(Self { dir, mounted })
    }

    fn image(&self) -> PathBuf {
        self.dir.path().join("image")
    }

    fn mount_image(&self) -> Result<(), String> {
        let image = self.image();
        run("mount", &["-o", "loop", &image.to_string_lossy()], &self.mounted)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a store that a failed check left open must not keep the test from ending.
        drop(run("umount", &["-l"], &self.mounted));
    }
}

fn run(program: &str, arguments: &[&str], last: &Path) -> Result<(), String> {
    let output = Command::new(program).args(arguments).arg(last).output();
    let output = output.map_err(|error| format!("needs {program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "needs root: {program} says {}",
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}
