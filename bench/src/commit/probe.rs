//! A bare fsync of this disk at this moment: what any durable commit costs at least.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use platform_runtime::Clock;

use super::rows::Rows;

/// Length given to the file at the start, as fjall does with its journals.
const FILE_BYTES: u64 = 64 * 1024 * 1024;
/// A new block of the file with each write, as with each group of commits in a journal.
const WRITE_BYTES: usize = 4_096;

/// A file that is appended to and synced, one write at a time, and nothing else.
pub struct Probe {
    file: File,
    rows: Rows,
    written: u64,
    clock: Clock,
}

impl Probe {
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create_new(path).with_context(|| format!("cannot make {}", path.display()))?;
        file.set_len(FILE_BYTES).context("cannot size the probe's file")?;
        file.sync_all().context("cannot sync the probe's file")?;
        Ok(Self {
            file,
            rows: Rows::new(),
            written: 0,
            clock: Clock::system(),
        })
    }

    /// Times `count` fsyncs (data and metadata), each after a write of one block.
    ///
    /// # Errors
    /// A write or sync failed.
    pub fn sample(&mut self, count: usize) -> Result<Vec<Duration>> {
        (0..count).map(|_| self.once()).collect()
    }

    fn once(&mut self) -> Result<Duration> {
        let block = self.rows.row(self.written, WRITE_BYTES);
        self.written += 1;
        self.file.write_all(&block).context("the probe cannot write")?;
        let started = self.clock.monotonic();
        self.file.sync_all().context("the probe cannot sync")?;
        Ok(self.clock.monotonic() - started)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_probe_takes_time() {
        let dir = crate::command::disk_for_tests();
        let mut probe = Probe::create(&dir.path().join("probe")).expect("made");
        let times = probe.sample(3).expect("synced");
        assert!(
            times.len() == 3 && times.iter().all(|time| !time.is_zero()),
            "{times:?}"
        );
    }
}
