//! The thread that keeps the mark: at most a second behind what is durable, off the path of the commits. A mark that
//! cannot be written stops the engine, for the disk has failed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::{Condvar, Mutex};

use super::mark::Mark;
use super::{MARK_LAG_MAX, Shared};

/// Tells the marker to end.
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

    /// Waits for the end, at most the allowed lag; whether it came.
    fn wait(&self) -> bool {
        let mut ended = self.ended.lock();
        if !*ended {
            self.changed.wait_for(&mut ended, MARK_LAG_MAX);
        }
        *ended
    }
}

/// Serves until the end; gives the mark back.
pub(super) fn run(mut mark: Mark, shared: &Arc<Shared>, ending: &Ending) -> Mark {
    while !ending.wait() {
        let position = shared.position.load(Ordering::Acquire);
        if position == mark.last().position || shared.is_stopped() {
            continue;
        }
        if let Err(error) = mark.write(position, false) {
            tracing::error!(error = %error, "the mark cannot be written, the store has stopped");
            shared.stop(&format!("the mark of what is durable cannot be written: {error}"));
        }
    }
    mark
}
