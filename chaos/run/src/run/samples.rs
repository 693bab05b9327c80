//! Memory and disk of every process, over time: taken by a task beside the rounds, from what the kernel tells.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cli_world::seats::seats;
use cli_world::{Layout, Process, State};
use parking_lot::Mutex;
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;

use crate::faults::FILLER;

/// Samples of each process in one run, about.
const SAMPLES: u32 = 180;
const EVERY_MIN: Duration = Duration::from_secs(5);
/// Bytes of one block, as the kernel counts them.
const BLOCK_BYTES: u64 = 512;

/// One process at one time.
#[derive(Debug, Clone)]
pub struct Sample {
    pub at: Duration,
    pub seat: String,
    /// None while it does not run.
    pub memory_mib: Option<f64>,
    /// What its data takes, without what was put there to fill the disk.
    pub disk_mib: f64,
    pub log_mib: f64,
    /// Writes that were acknowledged by then, in the whole world.
    pub written: u64,
}

/// Takes them until its task group ends.
pub struct Sampler {
    samples: Arc<Mutex<Vec<Sample>>>,
    written: Arc<AtomicU64>,
}

impl Sampler {
    pub fn start(layout: &Layout, run: Duration, tasks: &TaskGroup) -> Self {
        let sampler = Self {
            samples: Arc::default(),
            written: Arc::default(),
        };
        let (samples, written) = (Arc::clone(&sampler.samples), Arc::clone(&sampler.written));
        let (layout, token) = (layout.clone(), tasks.token());
        let every = (run / SAMPLES).max(EVERY_MIN);
        tasks.spawn("samples", async move {
            let clock = Clock::system();
            let begun = clock.monotonic();
            loop {
                let (layout, at) = (layout.clone(), clock.monotonic().saturating_sub(begun));
                let written = written.load(Ordering::Relaxed);
                // Files are looked at beside the proxies, not between their bytes.
                let taken = tokio::task::spawn_blocking(move || take(&layout, at, written)).await;
                samples.lock().extend(taken.unwrap_or_default());
                if token.run_until_cancelled(clock.sleep(every)).await.is_none() {
                    return;
                }
            }
        });
        sampler
    }

    /// So many more writes were acknowledged.
    pub fn wrote(&self, writes: usize) {
        self.written.fetch_add(writes as u64, Ordering::Relaxed);
    }

    pub fn samples(&self) -> Vec<Sample> {
        self.samples.lock().clone()
    }
}

fn take(layout: &Layout, at: Duration, written: u64) -> Vec<Sample> {
    let one = |seat| Sample {
        at,
        memory_mib: match Process::state(layout, &seat) {
            State::Running(process) => process.memory_mib(),
            State::Stale(_) | State::Stopped => None,
        },
        disk_mib: mib(folder_bytes(&layout.data(&seat))),
        log_mib: mib(fs::metadata(layout.log(&seat)).map_or(0, |data| data.len())),
        written,
        seat: seat.to_string(),
    };
    seats().into_iter().map(one).collect()
}

/// What the files of a folder take on the disk. One that goes away meanwhile takes nothing.
fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let bytes = entries.filter_map(Result::ok).map(|entry| {
        let Ok(data) = entry.metadata() else { return 0 };
        if data.is_dir() {
            folder_bytes(&entry.path())
        } else if entry.file_name() == FILLER {
            0
        } else {
            data.blocks() * BLOCK_BYTES
        }
    });
    bytes.sum()
}

fn mib(bytes: u64) -> f64 {
    let mib = bytes as f64 / f64::from(1 << 20);
    (mib * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_takes_what_its_files_take_without_the_filler() {
        let dir = tempfile::tempdir().expect("a folder");
        let inner = dir.path().join("a/b");
        fs::create_dir_all(&inner).expect("made");
        fs::write(inner.join("data"), vec![1u8; 64 << 10]).expect("written");
        let before = folder_bytes(dir.path());
        assert!((64 << 10..=72 << 10).contains(&before), "{before}");
        fs::write(dir.path().join(FILLER), vec![1u8; 64 << 10]).expect("written");
        assert_eq!(folder_bytes(dir.path()), before);
        assert_eq!(folder_bytes(&dir.path().join("nowhere")), 0);
    }
}
