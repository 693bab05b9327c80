//! Requests of shards that nobody serves for a moment wait here: the only queue of the world.
//!
//! A shard is held from the first request that its door refused (`moving`) or that its primary did not answer, until
//! its line is empty again. While it is held its requests join the line ([`held`]) within bounds ([`bounds`]) and their
//! deadline; one task asks whether the shard is served ([`prober`]) and then lets them go, in order and slowly at first
//! ([`line`]). Each request is held at most once. What is sent again, and what is not, is decided in `forward`.

pub mod bounds;
pub mod held;
pub mod line;
pub mod prober;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use platform_model::{Code, Problem, ShardId};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;

use self::bounds::{Bounds, Counts, Full, Room};
use self::held::{Held, Turn, Waiting};
use crate::snapshot::Known;
use crate::upstream::Cell;

/// Times and bounds of holding.
#[derive(Debug, Clone, Copy)]
pub struct HoldLimits {
    /// Longest that one request waits.
    pub within: Duration,
    /// A shard that is held for longer takes nobody new.
    pub shard_within: Duration,
    /// Longest wait for an answer before more of a line are let go.
    pub pace: Duration,
    pub bounds: Bounds,
}

/// Why a request waits: what its app is told if it waited in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The shard changes its node, or will be served here in a moment.
    Moving,
    /// Its primary does not answer.
    Away,
}

impl Why {
    pub fn code(self) -> Code {
        match self {
            Self::Moving => Code::Moving,
            Self::Away => Code::Unavailable,
        }
    }
}

/// Why a request is not held, or not any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotHeld {
    Full(Full),
    /// The shard has been held for too long already.
    TooLong,
    /// It waited as long as a request may.
    InVain,
}

impl NotHeld {
    /// What the app is told: the same code, past a bound and in vain, since the same helps.
    pub fn problem(self, why: Why, retry_after_s: u32) -> Problem {
        let detail = match self {
            Self::Full(Full::Shard) => "too many requests wait for this shard",
            Self::Full(Full::Cell) => "too many requests wait for shards of this cell",
            Self::Full(Full::All) => "too many requests wait",
            Self::TooLong => "nobody has served this shard for long",
            Self::InVain => "nobody served this shard in time",
        };
        Problem::new(why.code())
            .detail(detail)
            .retry_after_s(retry_after_s)
    }
}

/// All held shards: at most as many as the table names.
pub struct Holds {
    limits: HoldLimits,
    known: Arc<Known>,
    clock: Clock,
    tasks: TaskGroup,
    all: Arc<Counts>,
    shards: Mutex<HashMap<ShardId, Arc<Held>>>,
    /// Their number: while it is 0 no request locks anything.
    held: AtomicUsize,
    begun: AtomicUsize,
}

impl Holds {
    pub fn new(limits: HoldLimits, known: Arc<Known>, clock: Clock, tasks: TaskGroup) -> Arc<Self> {
        Arc::new(Self {
            limits,
            known,
            clock,
            tasks,
            all: Arc::default(),
            shards: Mutex::default(),
            held: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
        })
    }

    /// The hold of a shard, if it is held.
    pub fn find(&self, shard: &ShardId) -> Option<Arc<Held>> {
        if self.held.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.shards.lock().get(shard).cloned()
    }

    /// The hold of a shard: it is held from now on, if it was not.
    pub fn begin(self: &Arc<Self>, shard: &ShardId, why: Why) -> Arc<Held> {
        let mut shards = self.shards.lock();
        if let Some(held) = shards.get(shard) {
            return Arc::clone(held);
        }
        let lane = self.begun.fetch_add(1, Ordering::Relaxed);
        let held = Arc::new(Held::new(shard.clone(), why, lane, self.clock.monotonic()));
        shards.insert(shard.clone(), Arc::clone(&held));
        self.held.store(shards.len(), Ordering::Release);
        drop(shards);
        tracing::info!(%shard, "requests of the shard wait");
        prober::keep(Arc::clone(self), Arc::clone(&held));
        held
    }

    /// Room for a request of `bytes` that was to go to `cell`.
    ///
    /// # Errors
    /// [`NotHeld`] past a bound.
    pub fn room(&self, held: &Held, bytes: usize, cell: &Arc<Cell>) -> Result<Room, NotHeld> {
        let closed_for = held.closed_for(self.clock.monotonic());
        if closed_for.is_some_and(|closed_for| closed_for > self.limits.shard_within) {
            cell.meters.hold_refused_long.increment(1);
            return Err(NotHeld::TooLong);
        }
        held.room(bytes, self.limits.bounds, &self.all, cell)
            .map_err(NotHeld::Full)
    }

    /// Waits in the line of a shard. Cancel-safe: whoever stops waiting gives its place and its room back.
    ///
    /// # Errors
    /// [`NotHeld::InVain`].
    pub async fn wait(self: &Arc<Self>, shard: &ShardId, why: Why, room: Room) -> Result<Turn, NotHeld> {
        let began = self.clock.monotonic();
        let mut waiting = self.join(shard, why, room);
        let turn = tokio::time::timeout(self.limits.within, waiting.turn()).await;
        let meters = &waiting.cell().meters;
        let waited = self.clock.monotonic().saturating_sub(began);
        meters.held_seconds.record(waited.as_secs_f64());
        match turn {
            Ok(turn) => {
                meters.hold_replays.increment(1);
                Ok(turn)
            }
            Err(_) => {
                meters.hold_in_vain.increment(1);
                Err(NotHeld::InVain)
            }
        }
    }

    /// Ends: a hold may be over between being found and being joined; then the next one is.
    fn join(self: &Arc<Self>, shard: &ShardId, why: Why, mut room: Room) -> Waiting {
        loop {
            match self.begin(shard, why).join(room) {
                Ok(waiting) => return waiting,
                Err(back) => room = back,
            }
        }
    }

    /// Forgets a hold that is over.
    fn end(&self, held: &Arc<Held>) -> bool {
        let asked_before = self.clock.monotonic().saturating_sub(self.limits.shard_within);
        let mut shards = self.shards.lock();
        if !held.end(asked_before) {
            return false;
        }
        shards.remove(&held.shard);
        self.held.store(shards.len(), Ordering::Release);
        tracing::info!(shard = %held.shard, "no request of the shard waits any more");
        true
    }
}
