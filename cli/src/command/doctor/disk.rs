//! The disk under a world: how much is free, and how long it takes until what was written is safe.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use platform_runtime::clock::Clock;

use super::Looked;
use crate::world::disk;

/// Each write of a world waits for one of these; a slower disk makes every request slow.
const SYNC_TIME_MAX: Duration = Duration::from_millis(100);
/// Rounds of the measurement, of which the median counts.
const ROUNDS: usize = 9;
/// Bytes of one round: a page of a journal.
const PAGE_BYTES: usize = 4_096;

pub fn space(folder: &Path) -> Looked {
    let what = format!("disk at {}", folder.display());
    match disk::free_mib(folder) {
        Some(free) if free < disk::FREE_MIB_MIN => {
            let found = format!("{free} MiB free, a world needs {} to start", disk::FREE_MIB_MIN);
            Looked::bad(what, found, format!("du -xh --max-depth=1 {}", folder.display()))
        }
        Some(free) => Looked::ok(what, format!("{free} MiB free")),
        None => Looked::skipped(what, "its size is not told"),
    }
}

pub fn sync_time(folder: &Path) -> Looked {
    let what = format!("fsync at {}", folder.display());
    match measure(folder) {
        Ok(time) if time > SYNC_TIME_MAX => {
            let hint = "put the world on a faster disk: every write waits for this";
            Looked::bad(what, told(time), hint)
        }
        Ok(time) => Looked::ok(what, told(time)),
        Err(error) => Looked::skipped(what, format!("cannot be measured: {error}")),
    }
}

fn told(time: Duration) -> String {
    format!("{}.{:03} ms", time.as_micros() / 1_000, time.as_micros() % 1_000)
}

/// The median of a few appends, each made safe.
fn measure(folder: &Path) -> std::io::Result<Duration> {
    let path = folder.join(format!(".cellctl-doctor-{}", std::process::id()));
    let measured = write_rounds(&path);
    // Whatever came of it, nothing stays.
    let removed = fs::remove_file(&path);
    let mut times = measured?;
    removed?;
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

fn write_rounds(path: &Path) -> std::io::Result<Vec<Duration>> {
    let clock = Clock::system();
    let mut file = File::create(path)?;
    let page = [0_u8; PAGE_BYTES];
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let began = clock.monotonic();
        file.write_all(&page)?;
        file.sync_data()?;
        times.push(clock.monotonic().saturating_sub(began));
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measurement_leaves_nothing_behind() {
        let dir = tempfile::tempdir().expect("a folder");
        assert!(measure(dir.path()).is_ok());
        assert_eq!(fs::read_dir(dir.path()).expect("reads").count(), 0);
    }
}
