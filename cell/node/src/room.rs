//! How much more the disk of this node takes, and what the shards here take of it: what whoever places copies must know.
//!
//! Looked at beside everything else, for a disk that hangs keeps whoever asks it; what was seen last is told meanwhile.
//! Nothing is looked at where nodes share a store: its room is no matter of this disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use platform_runtime::clock::Clock;
use platform_runtime::{TaskGroup, data_dir};

use crate::hosted::Hosted;

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// For the first look, which reports wait for: the first of them says it already.
const FIRST_WITHIN: Duration = Duration::from_secs(2);
/// No number of bytes: nothing is known.
const UNKNOWN: u64 = u64::MAX;

/// What is known of it; clones share it.
#[derive(Debug, Clone)]
pub struct Room {
    free_bytes: Arc<AtomicU64>,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            free_bytes: Arc::new(AtomicU64::new(UNKNOWN)),
        }
    }
}

impl Room {
    /// As the disk under `folder` says it now, unless it hangs.
    pub async fn of(folder: PathBuf, hosted: &Hosted) -> Self {
        let room = Self::default();
        if hosted.shared_store().is_none() {
            // What it does not say in time is said later.
            let _ = tokio::time::timeout(FIRST_WITHIN, room.look(folder)).await;
        }
        room
    }

    /// What the disk still took when it was looked at last; none before that, and where it does not count.
    pub fn free_bytes(&self) -> Option<u64> {
        let bytes = self.free_bytes.load(Ordering::Relaxed);
        (bytes != UNKNOWN).then_some(bytes)
    }

    /// Looks at the disk under `folder` until the group ends.
    pub fn keep(&self, folder: PathBuf, hosted: &Hosted, clock: &Clock, tasks: &TaskGroup) {
        if hosted.shared_store().is_some() {
            return;
        }
        let (room, hosted, clock, token) = (self.clone(), hosted.clone(), clock.clone(), tasks.token());
        tasks.spawn("room", async move {
            let looks = async {
                loop {
                    room.look(folder.clone()).await;
                    hosted.measure().await;
                    clock.sleep(LOOK_EVERY).await;
                }
            };
            token.run_until_cancelled(looks).await;
        });
    }

    async fn look(&self, folder: PathBuf) {
        let free = tokio::task::spawn_blocking(move || data_dir::free_bytes(&folder)).await;
        let bytes = free.ok().and_then(Result::ok).flatten().unwrap_or(UNKNOWN);
        self.free_bytes.store(bytes, Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        if bytes != UNKNOWN {
            metrics::gauge!("celld_disk_free_bytes").set(bytes as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_disk_takes_is_known_once_it_was_looked_at_and_not_where_it_cannot_be() {
        let dir = tempfile::tempdir().expect("a folder");
        let room = Room::default();
        assert_eq!(room.free_bytes(), None);
        room.look(dir.path().to_owned()).await;
        assert!(room.free_bytes().is_some_and(|bytes| bytes > 0));
        room.look(dir.path().join("not-there")).await;
        assert_eq!(room.free_bytes(), None);
    }
}
