//! The engine for the conformance suite: places are temporary directories, other processes are this test binary.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tempfile::TempDir;

use super::disk::Disk;
use crate::Store;
use crate::conformance::{Factory, write_until_killed};
use crate::embedded::{Embedded, EmbeddedOptions};

const PLACE: &str = "CELL_STORE_TEST_PLACE";
const SKIP_FSYNC: &str = "CELL_STORE_TEST_SKIP_FSYNC";

pub(super) struct EmbeddedFactory {
    skip_fsync: bool,
    dirs: Mutex<Vec<TempDir>>,
    disks: Mutex<Vec<Disk>>,
}

impl EmbeddedFactory {
    pub fn new(skip_fsync: bool) -> Self {
        Self {
            skip_fsync,
            dirs: Mutex::default(),
            disks: Mutex::default(),
        }
    }

    fn keep(&self, disk: Disk) -> PathBuf {
        let place = disk.path().join("store");
        self.disks.lock().push(disk);
        place
    }
}

fn options(skip_fsync: bool) -> EmbeddedOptions {
    EmbeddedOptions {
        skip_fsync,
        worker_threads: 1,
        ..EmbeddedOptions::default()
    }
}

#[async_trait]
impl Factory for EmbeddedFactory {
    fn name(&self) -> &str {
        "embedded"
    }

    async fn place(&self) -> Result<PathBuf, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let place = dir.path().join("store");
        self.dirs.lock().push(dir);
        Ok(place)
    }

    async fn open(&self, place: &Path) -> Result<Arc<dyn Store>, String> {
        let store =
            Embedded::open(place, options(self.skip_fsync)).map_err(|error| format!("{error}: {error:?}"))?;
        Ok(store)
    }

    fn writer_process(&self, place: &Path) -> Option<Command> {
        let mut command = Command::new(std::env::current_exe().ok()?);
        command
            .args(["--exact", "embedded::tests::factory::writer", "--nocapture"])
            .env(PLACE, place);
        if self.skip_fsync {
            command.env(SKIP_FSYNC, "1");
        }
        Some(command)
    }

    async fn place_on_lossy_disk(&self) -> Result<PathBuf, String> {
        Disk::ext4().map(|disk| self.keep(disk))
    }

    async fn cut_power(&self, place: &Path) -> Result<PathBuf, String> {
        let left = {
            let disks = self.disks.lock();
            let disk = disks
                .iter()
                .find(|disk| place.starts_with(disk.path()))
                .ok_or("no such disk")?;
            disk.after_power_cut()?
        };
        Ok(self.keep(left))
    }

    async fn place_on_small_disk(&self) -> Result<PathBuf, String> {
        Disk::tmpfs(8).map(|disk| self.keep(disk))
    }

    async fn relieve(&self, place: &Path) -> Result<(), String> {
        let disks = self.disks.lock();
        disks
            .iter()
            .find(|disk| place.starts_with(disk.path()))
            .ok_or("no such disk")?
            .grow(64)
    }
}

/// Not a test: the process that the suite kills, when it is started with a place.
#[test]
fn writer() {
    let Some(place) = std::env::var_os(PLACE) else {
        return;
    };
    let skip_fsync = std::env::var_os(SKIP_FSYNC).is_some();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let store = Embedded::open(Path::new(&place), options(skip_fsync)).unwrap();
    let mut out = std::io::stdout();
    writeln!(out).unwrap();
    runtime.block_on(write_until_killed(store, out)).unwrap();
}
