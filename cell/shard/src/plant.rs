//! Bugs that tests plant, to show that the checker of histories finds them. In every build but this crate's own
//! tests a [`Plant`] is an empty type whose answers are constants: there is nothing to switch on. Builds with the
//! feature `failpoints`, which are never released, can switch on two: `ack-before-write`, `lost-update`.

use bytes::Bytes;

#[cfg(test)]
pub(crate) use planted::{Bug, Plant};
#[cfg(not(test))]
pub(crate) use sound::Plant;

use crate::buffer::WriteBuffer;

#[cfg(not(test))]
mod sound {
    use super::{Bytes, WriteBuffer};

    pub(crate) struct Plant;

    impl Plant {
        pub(crate) fn none() -> Self {
            Self
        }
        pub(crate) fn skips_keys(&self) -> bool {
            #[cfg(feature = "failpoints")]
            return fail::eval("lost-update", |_| ()).is_some();
            #[cfg(not(feature = "failpoints"))]
            false
        }
        pub(crate) fn skips_ranges(&self) -> bool {
            false
        }
        pub(crate) fn skips_floor(&self) -> bool {
            false
        }
        pub(crate) fn skips_mixed(&self) -> bool {
            false
        }
        pub(crate) fn skips_fence(&self) -> bool {
            false
        }
        pub(crate) fn skips_attempt(&self) -> bool {
            false
        }
        pub(crate) fn holds_gate(&self) -> bool {
            false
        }
        /// What the machine's clock says.
        pub(crate) fn moved(&self, unix_ms: u64) -> u64 {
            unix_ms
        }
        pub(crate) fn answers_early(&self) -> bool {
            #[cfg(feature = "failpoints")]
            return fail::eval("ack-before-write", |_| ()).is_some();
            #[cfg(not(feature = "failpoints"))]
            false
        }
        /// How long the store is kept from a group that was answered already, so that a kill finds it unwritten.
        pub(crate) fn write_delay(&self) -> std::time::Duration {
            std::time::Duration::from_millis(if cfg!(feature = "failpoints") { 150 } else { 0 })
        }
        pub(crate) fn dirty(&self, _key: &Bytes) -> Option<Option<Bytes>> {
            None
        }
        pub(crate) fn expose(&self, _pending: &WriteBuffer) {}
        pub(crate) fn hide(&self) {}
    }
}

#[cfg(test)]
mod planted {
    use super::{Bytes, WriteBuffer};
    use parking_lot::Mutex;
    use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Bug {
        /// Ranges that were read are not validated.
        Phantom,
        /// Keys that were read are not validated.
        LostUpdate,
        /// Reads see the group that is being committed.
        DirtyRead,
        /// Writes are answered before the store has them.
        AnswerBeforeCommit,
        /// Who read before the window is not run again.
        Eviction,
        /// Reads of several versions are not validated.
        Mixed,
        /// Batches are committed without the fence.
        NoFence,
        /// After an unknown outcome the attempt is not raised before the end of the log is read.
        LateCommit,
    }

    #[derive(Default)]
    pub(crate) struct Plant {
        bug: Option<Bug>,
        clock_moved_ms: AtomicI64,
        gate_held: AtomicBool,
        pending: Mutex<WriteBuffer>,
    }

    impl Plant {
        pub(crate) fn none() -> Self {
            Self::default()
        }
        pub(crate) fn new(bug: Bug) -> Self {
            Self {
                bug: Some(bug),
                ..Self::default()
            }
        }
        pub(crate) fn skips_keys(&self) -> bool {
            self.bug == Some(Bug::LostUpdate)
        }
        pub(crate) fn skips_ranges(&self) -> bool {
            self.bug == Some(Bug::Phantom)
        }
        pub(crate) fn skips_floor(&self) -> bool {
            self.bug == Some(Bug::Eviction)
        }
        pub(crate) fn skips_mixed(&self) -> bool {
            self.bug == Some(Bug::Mixed)
        }
        pub(crate) fn skips_fence(&self) -> bool {
            self.bug == Some(Bug::NoFence)
        }
        pub(crate) fn skips_attempt(&self) -> bool {
            self.bug == Some(Bug::LateCommit)
        }
        /// What is durable is not committed: as if a standby did not acknowledge it.
        pub(crate) fn hold_gate(&self) {
            self.gate_held.store(true, Ordering::Relaxed);
        }
        pub(crate) fn holds_gate(&self) -> bool {
            self.gate_held.load(Ordering::Relaxed)
        }
        /// Sets the machine's clock `by_ms` off.
        pub(crate) fn move_clock(&self, by_ms: i64) {
            self.clock_moved_ms.store(by_ms, Ordering::Relaxed);
        }
        pub(crate) fn moved(&self, unix_ms: u64) -> u64 {
            unix_ms.saturating_add_signed(self.clock_moved_ms.load(Ordering::Relaxed))
        }
        pub(crate) fn answers_early(&self) -> bool {
            self.bug == Some(Bug::AnswerBeforeCommit)
        }
        pub(crate) fn write_delay(&self) -> std::time::Duration {
            std::time::Duration::ZERO
        }
        pub(crate) fn dirty(&self, key: &Bytes) -> Option<Option<Bytes>> {
            self.pending.lock().get(key)
        }
        pub(crate) fn expose(&self, pending: &WriteBuffer) {
            if self.bug == Some(Bug::DirtyRead) {
                *self.pending.lock() = pending.clone();
            }
        }
        pub(crate) fn hide(&self) {
            *self.pending.lock() = WriteBuffer::default();
        }
    }
}
