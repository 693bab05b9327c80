//! One held shard: its line with the requests that wait in it, and the turns that they are given.
//!
//! It says nothing of why a shard is held nor when it is served again: `prober.rs` opens it. A request that goes away
//! leaves the line; one that was given a turn and goes away passes the turn on.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use platform_model::ShardId;
use tokio::sync::{Notify, oneshot};

use super::Why;
use super::bounds::{Bounds, Counts, Full, Room};
use super::line::Line;
use crate::upstream::Cell;

/// One shard whose requests wait.
#[derive(Debug)]
pub struct Held {
    pub shard: ShardId,
    /// Of the node's connections the one for all replays of this shard: they arrive in order.
    pub lane: usize,
    inner: Mutex<Inner>,
    /// Something of it changed that the prober wants to know.
    pub(super) stirred: Notify,
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Inner {
    line: Line<oneshot::Sender<Turn>>,
    /// What the last one was told that came back from the shard's node.
    why: Why,
    /// Closed since; monotonic.
    since: Duration,
    /// When someone last wanted to join; monotonic.
    asked: Duration,
    /// Its hold is over: nobody joins any more.
    gone: bool,
}

/// What the prober does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Asks whether the shard is served.
    Closed,
    /// Lets more go.
    Open,
    /// Nobody waits.
    Idle,
}

/// The right to send one request that was held; good for its line until it is told how that went.
#[derive(Debug)]
pub struct Turn {
    held: Arc<Held>,
    opening: u64,
    sent: bool,
    told: bool,
}

/// A place in the line; given up when dropped.
#[derive(Debug)]
pub struct Waiting {
    held: Arc<Held>,
    number: u64,
    turn: oneshot::Receiver<Turn>,
    _room: Room,
}

impl Held {
    pub(super) fn new(shard: ShardId, why: Why, lane: usize, now: Duration) -> Self {
        Self {
            shard,
            lane,
            inner: Mutex::new(Inner {
                line: Line::default(),
                why,
                since: now,
                asked: now,
                gone: false,
            }),
            stirred: Notify::new(),
            counts: Arc::default(),
        }
    }

    /// Why its requests wait.
    pub fn why(&self) -> Why {
        self.inner.lock().why
    }

    /// # Errors
    /// [`Full`] past a bound.
    pub(super) fn room(
        &self,
        bytes: usize,
        bounds: Bounds,
        all: &Arc<Counts>,
        cell: &Arc<Cell>,
    ) -> Result<Room, Full> {
        Room::take(bytes, bounds, [&self.counts, all], cell)
    }

    /// How long it has been closed, for one more that asks. `None`: it is open.
    pub(super) fn closed_for(&self, now: Duration) -> Option<Duration> {
        let mut inner = self.inner.lock();
        inner.asked = now;
        let closed = inner.line.is_closed();
        closed.then(|| now.saturating_sub(inner.since))
    }

    /// The last place in the line.
    ///
    /// # Errors
    /// The room comes back if the hold is over.
    pub(super) fn join(self: &Arc<Self>, room: Room) -> Result<Waiting, Room> {
        let (give, turn) = oneshot::channel();
        let number = {
            let mut inner = self.inner.lock();
            if inner.gone {
                return Err(room);
            }
            inner.line.join(give)
        };
        self.pump();
        Ok(Waiting {
            held: Arc::clone(self),
            number,
            turn,
            _room: room,
        })
    }

    pub(super) fn open(self: &Arc<Self>) {
        self.inner.lock().line.open();
        self.pump();
    }

    pub(super) fn widen(self: &Arc<Self>) {
        self.inner.lock().line.widen();
        self.pump();
    }

    pub(super) fn stage(&self) -> Stage {
        let inner = self.inner.lock();
        match (inner.line.is_empty(), inner.line.is_closed()) {
            (true, _) => Stage::Idle,
            (false, true) => Stage::Closed,
            (false, false) => Stage::Open,
        }
    }

    /// Ends the hold if nobody waits and, while it is closed, nobody asked since `asked_before`. What is sent from
    /// then on goes its way by itself.
    pub(super) fn end(&self, asked_before: Duration) -> bool {
        let mut inner = self.inner.lock();
        let quiet = !inner.line.is_closed() || inner.asked < asked_before;
        inner.gone = inner.line.is_empty() && quiet;
        inner.gone
    }

    /// Gives turns to all who may go. Nothing is sent under the lock: a turn that nobody takes locks it again.
    fn pump(self: &Arc<Self>) {
        loop {
            let Some((give, opening)) = self.inner.lock().line.let_go() else {
                return;
            };
            let turn = Turn {
                held: Arc::clone(self),
                opening,
                sent: false,
                told: false,
            };
            drop(give.send(turn));
        }
    }

    fn leave(&self, number: u64) {
        if self.inner.lock().line.leave(number).is_some() {
            self.stirred.notify_one();
        }
    }
}

impl Waiting {
    /// Waits for the turn. Cancel-safe: whoever stops waiting leaves the line.
    pub async fn turn(&mut self) -> Turn {
        match (&mut self.turn).await {
            Ok(turn) => turn,
            // The line is never dropped before its waiters: they hold it.
            Err(_) => std::future::pending().await,
        }
    }

    pub fn cell(&self) -> &Arc<Cell> {
        self._room.cell()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.held.leave(self.number);
    }
}

impl Turn {
    pub fn lane(&self) -> usize {
        self.held.lane
    }

    /// The request is on the connection: the next may follow.
    pub fn sent(&mut self) {
        if !std::mem::replace(&mut self.sent, true) {
            self.held.inner.lock().line.sent(self.opening);
            self.held.pump();
        }
    }

    /// The shard answered.
    pub fn answered(mut self) {
        self.tell(true);
    }

    /// The shard is not served after all: everyone else waits on.
    pub fn refused(mut self, why: Why, now: Duration) {
        self.told = true;
        {
            let mut inner = self.held.inner.lock();
            let was_open = !inner.line.is_closed();
            inner.line.close(self.opening);
            if was_open && inner.line.is_closed() {
                (inner.why, inner.since) = (why, now);
            }
        }
        self.held.stirred.notify_one();
    }

    fn tell(&mut self, good: bool) {
        self.told = true;
        {
            let mut inner = self.held.inner.lock();
            inner.line.sent(self.opening);
            inner.line.over(self.opening, good);
        }
        self.held.pump();
        self.held.stirred.notify_one();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.told {
            self.tell(false);
        }
    }
}
