//! The thread that watches the writer. A group that is under way for too long means a disk, or an engine, that answers
//! no more: the store stops and lets everyone go who waits. The writer itself cannot be called back; it is left behind.
//!
//! Never touches a file: what it watches may be a disk that hangs.

use std::time::Duration;

use super::Shared;
use super::marker::Ending;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Watches until the end, or until a group has been under way for longer than `stall_max`.
pub(super) fn run(shared: &Shared, ending: &Ending, stall_max: Duration) {
    while !ending.wait(LOOK_EVERY) {
        if shared.under_way().is_some_and(|time| time > stall_max) {
            tracing::error!(?stall_max, "a write does not end, the store has stopped");
            shared.hang(&format!("a write has been under way for more than {stall_max:?}"));
            return;
        }
    }
}
