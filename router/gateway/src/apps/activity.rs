//! What one app's connection is doing: whether it asks, whether something is under way for it, whether it reads what
//! it asked for. The reasons to end a connection that its app does not end come from here.
//!
//! Atomic counters only: requests of one connection run side by side and never wait for each other here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bodies of one connection that are read at once, so that many streams cannot make the router keep a body each.
const BODIES_AT_ONCE: usize = 16;
/// Ages that waiting answers are told apart by: this turn, the one before, and older.
const AGES: usize = 3;

/// One connection's.
#[derive(Debug)]
pub struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
    /// Answers that hyper has and the socket has not, by the turn in which they came.
    waiting: [AtomicUsize; AGES],
    turn: AtomicUsize,
    bodies: Semaphore,
    /// HTTP/1.1: a piece of an answer that is not read holds up everything behind it.
    in_order: bool,
}

/// Something under way for a connection; over when dropped.
#[derive(Debug)]
pub struct Busy(Arc<Activity>);

/// Bytes that wait to be read; over when hyper drops them, written or not.
#[derive(Debug)]
struct Waiting {
    bytes: Bytes,
    activity: Arc<Activity>,
    turn: usize,
}

impl Activity {
    /// For HTTP/1.1.
    pub fn in_order() -> Arc<Self> {
        Self::new(true)
    }

    /// For HTTP/2, where streams do not hold up each other.
    pub fn side_by_side() -> Arc<Self> {
        Self::new(false)
    }

    fn new(in_order: bool) -> Arc<Self> {
        Arc::new(Self {
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            waiting: Default::default(),
            turn: AtomicUsize::new(0),
            bodies: Semaphore::new(BODIES_AT_ONCE),
            in_order,
        })
    }

    /// A request, or an answer that streams.
    pub fn begin(self: &Arc<Self>) -> Busy {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Whether a request ever came.
    pub fn has_spoken(&self) -> bool {
        self.begun.load(Ordering::Relaxed) > 0
    }

    /// Returns once nothing was asked and nothing was under way for the whole of `time`.
    pub async fn quiet(&self, time: Duration) {
        loop {
            let before = self.begun.load(Ordering::Relaxed);
            tokio::time::sleep(time).await;
            let begun = self.begun.load(Ordering::Relaxed);
            if begun == before && begun == self.ended.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// Returns once bytes that were [held](Self::hold) have not been read for `time`, at most twice that late.
    pub async fn unread(&self, time: Duration) {
        loop {
            tokio::time::sleep(time).await;
            if self.next_turn() {
                return;
            }
        }
    }

    /// The same bytes, watched until they are written to the socket. For a whole answer: one that an app may leave
    /// unread for a while is a [`crate::upstream::NodeBody`], which has its own watch.
    pub fn hold(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        if bytes.is_empty() {
            return bytes;
        }
        let turn = self.turn.load(Ordering::Relaxed);
        self.waiting[turn % AGES].fetch_add(1, Ordering::Relaxed);
        Bytes::from_owner(Waiting {
            bytes,
            activity: Arc::clone(self),
            turn,
        })
    }

    /// A piece of an answer that streams: watched where it holds up what is behind it.
    pub fn hold_piece(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        if self.in_order { self.hold(bytes) } else { bytes }
    }

    /// Waits until another body of this connection may be read.
    pub async fn body_turn(&self) -> SemaphorePermit<'_> {
        let permit = self.bodies.acquire().await;
        permit.expect("nobody closes this semaphore")
    }

    /// `true` if something waits since before the turn that ends now.
    fn next_turn(&self) -> bool {
        let next = self.turn.fetch_add(1, Ordering::Relaxed) + 1;
        // The place of the turn before the last, which the turn after this one will use.
        self.waiting[(next + 1) % AGES].load(Ordering::Relaxed) > 0
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl AsRef<[u8]> for Waiting {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.activity.waiting[self.turn % AGES].fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_whole_turn_is_noticed_and_what_was_read_is_not() {
        let activity = Activity::side_by_side();
        let read = activity.hold(Bytes::from_static(b"read"));
        assert!(!activity.next_turn());
        drop(read);
        let waits = activity.hold(Bytes::from_static(b"waits"));
        assert!(!activity.next_turn(), "a part of a turn only");
        let copy = waits.clone();
        drop(waits);
        assert!(activity.next_turn(), "a copy of it waits");
        drop(copy);
        assert!((0..10).all(|_| !activity.next_turn()));
        assert!(activity.hold(Bytes::new()).is_empty());
        assert!(
            (0..10).all(|_| !activity.next_turn()),
            "nothing is nothing to read"
        );
    }

    #[tokio::test]
    async fn a_connection_is_quiet_when_nothing_is_under_way() {
        let activity = Activity::side_by_side();
        let time = Duration::from_millis(20);
        let busy = activity.begin();
        let quiet = tokio::time::timeout(time * 5, activity.quiet(time));
        assert!(quiet.await.is_err(), "a request is under way");
        drop(busy);
        let quiet = tokio::time::timeout(Duration::from_secs(20), activity.quiet(time));
        assert!(quiet.await.is_ok());
    }
}
