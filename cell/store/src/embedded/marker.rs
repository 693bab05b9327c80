//! The thread that keeps the mark: at most a second behind what is durable, off the path of the commits. A mark that
//! cannot be written stops the engine, for the disk has failed; so does a flush that failed while nobody wrote.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fjall::{Database, PersistMode};
use parking_lot::{Condvar, Mutex};

use super::mark::Mark;
use super::{MARK_LAG_MAX, Shared};

/// Tells the marker and the watcher to end.
#[derive(Debug, Default)]
pub(super) struct Ending {
    ended: Mutex<bool>,
    changed: Condvar,
}

impl Ending {
    pub fn end(&self) {
        *self.ended.lock() = true;
        self.changed.notify_all();
    }

    /// Waits for the end, at most `time`; whether it came.
    pub fn wait(&self, time: Duration) -> bool {
        let mut ended = self.ended.lock();
        if !*ended {
            self.changed.wait_for(&mut ended, time);
        }
        *ended
    }
}

/// Serves until the end; gives the mark back.
pub(super) fn run(mut mark: Mark, database: &Database, shared: &Arc<Shared>, ending: &Ending) -> Mark {
    while !ending.wait(MARK_LAG_MAX) {
        if shared.is_stopped() {
            continue;
        }
        stop_if_poisoned(database, shared);
        let position = shared.position.load(Ordering::Acquire);
        if position == mark.last().position {
            continue;
        }
        if let Err(error) = mark.write(position, false) {
            tracing::error!(error = %error, "the mark cannot be written, the store has stopped");
            shared.stop(&format!("the mark of what is durable cannot be written: {error}"));
        }
    }
    mark
}

/// A flush or a compaction that failed makes fjall refuse every write from then on. To persist nothing tells.
pub(super) fn stop_if_poisoned(database: &Database, shared: &Shared) {
    if let Err(error) = database.persist(PersistMode::Buffer) {
        tracing::error!(error = %error, "the engine behind the store has failed, the store has stopped");
        shared.stop(&format!("a flush or a compaction failed: {error}"));
    }
}
