//! A small disk under one node's data, which can be filled: a tmpfs, where this process may mount one. Another file
//! system may lie over it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cli_world::{Layout, Seat};

/// Room for a node's stores and a little more.
const SIZE_MIB: u32 = 1_024;
/// The file that fills it.
pub const FILLER: &str = "chaos-filler";
/// Bytes that are written at once when it is filled.
const CHUNK_BYTES: usize = 1 << 20;

/// Unmounted when it is dropped.
#[derive(Debug)]
pub struct SmallDisk {
    pub seat: Seat,
    folder: PathBuf,
    /// The way in, whatever is mounted over it.
    inside: File,
}

impl SmallDisk {
    /// Mounts it over the data folder of a seat that does not run yet.
    ///
    /// # Errors
    /// Where one may not mount.
    pub fn mount(layout: &Layout, seat: &Seat) -> Result<Self> {
        let folder = layout.data(seat);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={SIZE_MIB}m"),
                "meridian-chaos",
            ])
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("there is no `mount`")?;
        if !mounted.success() {
            bail!("a tmpfs can be mounted by root only");
        }
        Ok(Self {
            inside: File::open(&folder).context("the small disk")?,
            seat: seat.clone(),
            folder,
        })
    }

    /// Writes until nothing more fits; the people of this very process go on between two pieces of it.
    ///
    /// # Errors
    /// Any other than that the disk is full.
    pub async fn fill(&self) -> Result<()> {
        let mut file = File::create(self.filler()).context("the filler")?;
        let zeros = vec![0u8; CHUNK_BYTES];
        loop {
            match file.write(&zeros) {
                Ok(0) => return Ok(()),
                Ok(_) => tokio::task::yield_now().await,
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error).context("the filler"),
            }
        }
    }

    /// Makes room again.
    ///
    /// # Errors
    /// What the file system says.
    pub fn free(&self) -> Result<()> {
        match fs::remove_file(self.filler()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error).context("the filler"),
            _ => Ok(()),
        }
    }

    fn filler(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.inside.as_raw_fd())).join(FILLER)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is dying may still hold a file there.
        let _ = Command::new("umount")
            .arg("-l")
            .arg(&self.folder)
            .stderr(Stdio::null())
            .status();
    }
}
