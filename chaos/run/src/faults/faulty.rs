//! A disk under one node's data that can be slow or fail: a file system of this very process (FUSE) that lies over the
//! node's folder and passes everything on to it. How it behaves is in `switch.rs`, what it does in `pass.rs`.
//!
//! Never keeps anything itself: what was answered with success lies in the folder underneath, and stays there.

mod calls;
mod names;
mod pass;
mod switch;

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{io, thread};

use anyhow::{Context, Result};
use cli_world::{Layout, Seat};
use fuser::{BackgroundSession, Config, Session, SessionACL};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use pass::PassThrough;
pub use switch::Health;
use switch::Switch;

const DEVICE: &str = "/dev/fuse";
/// Calls that are answered at a time: more than the writers of a node, so that a slow write holds up no read.
const THREADS: usize = 16;

/// Unmounted when it is dropped. A process that still has a file of it open gets errors then.
pub struct FaultyDisk {
    pub seat: Seat,
    folder: PathBuf,
    switch: Arc<Switch>,
    /// Its threads end with the last file that is open.
    _session: BackgroundSession,
}

impl FaultyDisk {
    /// Mounts it over the data folder of a seat that does not run yet.
    ///
    /// # Errors
    /// Where one may not mount, or there is no FUSE.
    pub fn mount(layout: &Layout, seat: &Seat) -> Result<Self> {
        let folder = layout.data(seat);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let switch = Arc::new(Switch::default());
        let session = mount_over(&folder, &switch)
            .with_context(|| format!("a FUSE file system cannot be mounted over {}", folder.display()))?;
        Ok(Self {
            seat: seat.clone(),
            folder,
            switch,
            _session: session,
        })
    }

    /// From now on it behaves so.
    pub fn set(&self, health: Health) {
        self.switch.set(health);
    }
}

impl Drop for FaultyDisk {
    fn drop(&mut self) {
        self.set(Health::Well);
        // Lazily: a process that is dying may still hold a file there. A folder that cannot be unmounted stays mounted
        // until this process ends.
        let _ = umount2(&self.folder, MntFlags::MNT_DETACH);
    }
}

fn mount_over(folder: &Path, switch: &Arc<Switch>) -> io::Result<BackgroundSession> {
    // Opened before it is covered: this is the way to what lies underneath.
    let underneath = File::open(folder)?;
    let device = OpenOptions::new().read(true).write(true).open(DEVICE)?;
    let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
    mount(
        Some("meridian-chaos"),
        folder,
        Some("fuse"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        Some(options.as_str()),
    )?;
    let serving = serve(PassThrough::new(underneath, Arc::clone(switch)), device);
    if serving.is_err() {
        let _ = umount2(folder, MntFlags::MNT_DETACH);
    }
    serving
}

fn serve(disk: PassThrough, device: File) -> io::Result<BackgroundSession> {
    let mut config = Config::default();
    config.n_threads = Some(THREADS.max(thread::available_parallelism().map_or(1, usize::from)));
    Session::from_fd(disk, device.into(), SessionACL::Owner, config)?.spawn()
}

#[cfg(test)]
mod tests;
