//! The folder and the processes of a world that lives as long as one program, and the certainty that they go away.

use std::fs;
use std::path::Path;
use std::time::Duration;

use platform_runtime::random;

use crate::{Layout, Process, Progress, State, down, sharing};

/// For a process to end by itself.
pub const STOP_WITHIN: Duration = Duration::from_secs(25);
/// For the kernel to end what was killed, before its files are removed.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// Dropped, it kills what runs and removes the folder: also when a step panics or is interrupted.
pub struct Stage {
    pub layout: Layout,
    keep: bool,
}

impl Stage {
    /// A folder that is not there yet, named after `what` it is for.
    pub fn new(what: &str) -> Self {
        // Not the pid: an earlier one that was killed may have left the folder of one with the same.
        let folder = std::env::temp_dir().join(format!("meridian-{what}-{:08x}", random::below(1 << 32)));
        Self {
            layout: Layout::new(folder),
            keep: false,
        }
    }

    /// The orderly way out: waits for the processes to be gone, unless everything is to stay.
    pub async fn leave(mut self, keep: bool, progress: &dyn Progress) {
        self.keep = keep;
        if keep {
            progress.progress(&format!("kept: {}", self.layout.root().display()));
            return;
        }
        down::kill_all(&self.layout);
        for seat in sharing::all_seats(&self.layout) {
            if let State::Running(process) = Process::state(&self.layout, &seat) {
                process.gone(GONE_WITHIN).await;
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        down::kill_all(&self.layout);
        remove(self.layout.root());
    }
}

/// Processes that are dying may still write: then the folder is removed at the second or third try.
fn remove(folder: &Path) {
    for _ in 0..20 {
        if fs::remove_dir_all(folder).is_ok() || !folder.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_goes_unless_it_is_kept() {
        for keep in [false, true] {
            let dir = tempfile::tempdir().expect("a folder");
            let layout = Layout::new(dir.path().join("demo"));
            fs::create_dir_all(layout.root()).expect("made");
            drop(Stage {
                layout: layout.clone(),
                keep,
            });
            assert_eq!(layout.root().exists(), keep);
        }
    }
}
