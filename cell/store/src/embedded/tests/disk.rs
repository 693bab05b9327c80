//! Disks that fail, for root: a small tmpfs that runs full, an ext4 in a file that loses power, and a file system that has
//! room while the disk below it has none, so that writes succeed and their fsync fails.
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
    /// The disk that holds the image, where that is one of its own.
    below: Option<Box<Disk>>,
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

    /// A file system on an image that lies on a disk of its own, which [`Disk::leave_room`] makes too small for it.
    /// Without a journal, so that the fsync after a failed one succeeds.
    pub fn ext2_on_a_disk() -> Result<Self, String> {
        let below = Self::tmpfs(200)?;
        let mut disk = Self::unmounted()?;
        disk.below = Some(Box::new(below));
        let image = std::fs::File::create(disk.image()).map_err(|error| error.to_string())?;
        image
            .set_len(192 * 1024 * 1024)
            .map_err(|error| error.to_string())?;
        run("mkfs.ext4", &["-q", "-F", "-O", "^has_journal"], &disk.image())?;
        disk.mount_image()?;
        disk.write_by_pages()?;
        Ok(disk)
    }

    /// Linux takes a write to a loop device that was cut short for a whole one; one of a single page cannot be cut.
    fn write_by_pages(&self) -> Result<(), String> {
        let image = self.image();
        let listed = Command::new("losetup").arg("-j").arg(&image).output();
        let listed = listed.map_err(|error| format!("needs losetup: {error}"))?.stdout;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let device = listed
            .split(':')
            .next()
            .and_then(|path| path.strip_prefix("/dev/"));
        let device = device.ok_or("the image has no loop device")?;
        let limit = format!("/sys/block/{device}/queue/max_sectors_kb");
        std::fs::write(&limit, "4").map_err(|error| format!("needs root: {limit}: {error}"))
    }

    /// Leaves `size` MiB on the disk below, and gives it back every block that is zero. From then on a write to such a block
    /// goes to the page cache and fails as its fsync does; blocks that were written before can be overwritten.
    pub fn leave_room(&self, size: u64) -> Result<(), String> {
        use std::os::unix::fs::MetadataExt;
        let below = self.below.as_ref().ok_or("no disk below")?;
        run("sync", &["-f"], &self.mounted)?;
        run("fallocate", &["-d"], &self.image())?;
        let image = std::fs::metadata(self.image()).map_err(|error| error.to_string())?;
        let used = image.blocks() * 512;
        let size = (used + size * 1024 * 1024).div_ceil(1024 * 1024);
        below.grow(u32::try_from(size).map_err(|error| error.to_string())?)
    }

    /// The disk below made larger, and the file system mounted anew, without what only the page cache held.
    pub fn remounted_with_room(&self) -> Result<Self, String> {
        let below = self.below.as_ref().ok_or("no disk below")?;
        run("umount", &[], &self.mounted)?;
        below.grow(300)?;
        let mut left = Self::unmounted()?;
        left.below = Some(Box::new(Self::unmounted()?));
        std::fs::copy(self.image(), left.image()).map_err(|error| error.to_string())?;
        left.mount_image()?;
        Ok(left)
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

    /// Makes a tmpfs larger, or smaller.
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
        Ok(Self {
            dir,
            mounted,
            below: None,
        })
    }

    fn image(&self) -> PathBuf {
        match &self.below {
            Some(below) => below.mounted.join("image"),
            None => self.dir.path().join("image"),
        }
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
