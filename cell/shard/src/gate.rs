//! The gate that every answer passes: none leaves before each sync write that it observed is committed and each async one
//! durable; an async write also not while no lease is held, or the standbys are too far behind. Also where the end of a
//! term is announced.
//!
//! Committed is the highest position that is durable here and acknowledged by the whole effective set. With one copy that
//! set is empty, so durable is committed.

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use platform_model::Position;
use platform_runtime::{CancellationToken, Clock};
use tokio::sync::watch;

/// No lease is needed: nobody could be promoted against this one.
pub(crate) const ALWAYS: u64 = u64::MAX;

/// Why a term ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// On purpose; everything that waited was answered.
    Closed,
    /// Another owner has set the fence.
    Fenced,
    /// The outcome of a commit could not be learnt, or the engine has stopped for good.
    Unavailable,
}

impl End {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Fenced => "fenced",
            Self::Unavailable => "unavailable",
        }
    }
}

/// How far a term is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    pub committed: Position,
    /// Async writes up to here may be answered, if the lease holds: they are durable and the standbys not far behind.
    pub answered: Position,
    /// Until when the lease holds, in microseconds of the clock that counts suspend; 0: it does not.
    pub leased_until: u64,
    /// No writes: the shard is handed over.
    pub moving: bool,
}

#[derive(Debug)]
pub(crate) struct Gate {
    /// Reads the lease's time; none where there is no lease.
    clock: Option<Clock>,
    committed: AtomicU64,
    answered: AtomicU64,
    leased_until: AtomicU64,
    moving: AtomicBool,
    /// Sync writes that are not committed yet, oldest first.
    sync: Mutex<VecDeque<u64>>,
    moved: watch::Sender<u64>,
    end: OnceLock<End>,
    ended: CancellationToken,
}

impl Gate {
    /// Of a shard that has one copy for ever: what is durable is committed.
    pub(crate) fn alone(committed: Position) -> Self {
        Self {
            clock: None,
            committed: AtomicU64::new(committed.0),
            answered: AtomicU64::new(committed.0),
            leased_until: AtomicU64::new(ALWAYS),
            moving: AtomicBool::new(false),
            sync: Mutex::default(),
            moved: watch::Sender::new(committed.0),
            end: OnceLock::new(),
            ended: CancellationToken::new(),
        }
    }

    /// Of a shard that may have standbys: closed until something is published.
    pub(crate) fn replicated(committed: Position, clock: Clock) -> Self {
        Self {
            clock: Some(clock),
            leased_until: AtomicU64::new(0),
            ..Self::alone(committed)
        }
    }

    pub(crate) fn committed(&self) -> Position {
        Position(self.committed.load(Ordering::Acquire))
    }

    /// Whoever was answered was shown nothing past this.
    pub(crate) fn answered(&self) -> Position {
        self.committed()
            .max(Position(self.answered.load(Ordering::Acquire)))
    }

    /// Everything up to `position` is durable here, and nobody else need have it.
    pub(crate) fn durable(&self, position: Position) {
        self.committed.fetch_max(position.0, Ordering::AcqRel);
        self.answered.fetch_max(position.0, Ordering::AcqRel);
        self.moved.send_replace(position.0);
    }

    /// A write that its client waits for until it is committed is about to become visible.
    pub(crate) fn note_sync(&self, position: Position) {
        self.sync.lock().push_back(position.0);
    }

    /// Takes over how far the term is; wakes those whose time may have come.
    pub(crate) fn publish(&self, now: Progress) {
        let leased = self.is_leased();
        self.leased_until.store(now.leased_until, Ordering::Release);
        let moved = self.committed.fetch_max(now.committed.0, Ordering::AcqRel) < now.committed.0;
        let answered = self.answered.fetch_max(now.answered.0, Ordering::AcqRel) < now.answered.0;
        let turned = self.moving.swap(now.moving, Ordering::AcqRel) != now.moving;
        if moved {
            let mut sync = self.sync.lock();
            while sync.front().is_some_and(|position| *position <= now.committed.0) {
                sync.pop_front();
            }
        }
        if moved || answered || turned || (!leased && self.is_leased()) {
            self.moved.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Whether what a snapshot shows that was opened before may be answered.
    pub(crate) fn is_leased(&self) -> bool {
        match (self.leased_until.load(Ordering::Acquire), &self.clock) {
            (ALWAYS, _) => true,
            (until, Some(clock)) => micros(clock) < until,
            (_, None) => false,
        }
    }

    pub(crate) fn is_moving(&self) -> bool {
        self.moving.load(Ordering::Acquire)
    }

    /// What must be committed before something that observed the state at `position` is answered: the newest sync write
    /// up to there that is not.
    fn needs(&self, position: Position) -> Position {
        if self.clock.is_none() {
            return position;
        }
        let sync = self.sync.lock();
        let newest = sync.iter().rev().find(|other| **other <= position.0);
        Position(newest.copied().unwrap_or(0))
    }

    /// Waits until everything up to `position` is committed. Cancel-safe.
    ///
    /// # Errors
    /// The end of the term, if that comes first: then nobody here can tell any more.
    pub(crate) async fn pass(&self, position: Position) -> Result<(), End> {
        self.until(|| self.committed() >= position).await
    }

    /// Waits until what observed the state at `position` may be answered. Cancel-safe.
    ///
    /// # Errors
    /// As [`Gate::pass`].
    pub(crate) async fn observed(&self, position: Position) -> Result<(), End> {
        let needs = self.needs(position);
        self.until(|| self.committed() >= needs).await
    }

    /// Waits until an async write at `position`, which observed the state at `seen`, may be answered. Cancel-safe.
    ///
    /// # Errors
    /// As [`Gate::pass`].
    pub(crate) async fn pass_async(&self, position: Position, seen: Position) -> Result<(), End> {
        let needs = if self.clock.is_some() {
            self.needs(seen)
        } else {
            position
        };
        self.until(|| {
            // What every standby has is safe whoever leads.
            let committed = self.committed();
            committed >= position
                || (self.answered.load(Ordering::Acquire) >= position.0
                    && committed >= needs
                    && self.is_leased())
        })
        .await
    }

    /// Waits until the lease holds. Cancel-safe.
    ///
    /// # Errors
    /// As [`Gate::pass`].
    pub(crate) async fn leased(&self) -> Result<(), End> {
        self.until(|| self.is_leased()).await
    }

    pub(crate) async fn until(&self, ready: impl Fn() -> bool) -> Result<(), End> {
        if ready() {
            return Ok(());
        }
        let mut moved = self.moved.subscribe();
        tokio::select! {
            biased;
            _ = moved.wait_for(|_| ready()) => Ok(()),
            () = self.ended.cancelled() => Err(self.end().unwrap_or(End::Unavailable)),
        }
    }

    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    pub(crate) fn end(&self) -> Option<End> {
        self.end.get().copied()
    }

    /// Ends the term; the first reason stays.
    pub(crate) fn finish(&self, end: End) {
        // A second reason changes nothing.
        let _ = self.end.set(end);
        self.ended.cancel();
    }
}

/// The time by which leases are counted.
pub(crate) fn micros(clock: &Clock) -> u64 {
    u64::try_from(clock.monotonic().as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn progress(committed: u64, answered: u64, leased_until: u64) -> Progress {
        Progress {
            committed: Position(committed),
            answered: Position(answered),
            leased_until,
            moving: false,
        }
    }

    #[tokio::test]
    async fn an_answer_waits_for_the_sync_writes_that_it_observed_and_for_no_other() {
        let (clock, _hand) = Clock::manual(0);
        let gate = Gate::replicated(Position(4), clock);
        gate.note_sync(Position(6));
        gate.publish(progress(4, 7, ALWAYS));
        gate.observed(Position(5)).await.expect("an async write");
        assert!(
            futures_pending(gate.observed(Position(7))).await,
            "the sync write at 6 is not committed"
        );
        assert!(futures_pending(gate.pass_async(Position(7), Position(6))).await);
        gate.pass_async(Position(7), Position(5))
            .await
            .expect("it saw nothing of it");
        gate.publish(progress(6, 7, ALWAYS));
        gate.observed(Position(7)).await.expect("committed");
    }

    #[tokio::test]
    async fn without_a_lease_nothing_async_and_no_read_passes() {
        let (clock, hand) = Clock::manual(0);
        let gate = Gate::replicated(Position(0), clock);
        assert!(futures_pending(gate.leased()).await, "nothing is published yet");
        gate.publish(progress(1, 1, 1_000));
        gate.leased().await.expect("it holds");
        hand.advance(Duration::from_micros(1_000));
        assert!(futures_pending(gate.leased()).await, "it has run out");
        gate.publish(progress(1, 2, 1_000));
        assert!(futures_pending(gate.pass_async(Position(2), Position(0))).await);
        gate.pass_async(Position(1), Position(0))
            .await
            .expect("what is committed is committed");
        gate.publish(progress(1, 2, 9_000));
        gate.pass_async(Position(2), Position(0))
            .await
            .expect("it is held again");
        gate.leased().await.expect("it is held again");
    }

    async fn futures_pending(future: impl Future<Output = Result<(), End>>) -> bool {
        let mut future = std::pin::pin!(future);
        for _ in 0..8 {
            let once = std::future::poll_fn(|context| {
                std::task::Poll::Ready(future.as_mut().poll(context).is_ready())
            });
            if once.await {
                return false;
            }
            tokio::task::yield_now().await;
        }
        true
    }
}
