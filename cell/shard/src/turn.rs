//! When a run of a transaction may begin, and turns: one that has lost often goes before those that would make it lose
//! again.
//!
//! Optimistic transactions starve: one that takes longer than the others of its scope, or comes back from its pause
//! later, loses to each of them, and to give up after so many runs would tell a person with four uploads under way that
//! too many changed the same thing. So who has lost a few times takes the scope's turn: until its outcome is known, no
//! other transaction of the scope begins a run. Those that had begun may win once more each, then it is alone. It is a
//! courtesy and no lock: nothing is correct because of it, and each wait for it is bounded.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use platform_runtime::random;
use tokio::sync::{Mutex as Queue, OwnedMutexGuard};
use tokio::time::timeout;

use crate::request::Scope;
use crate::shard::Shard;

/// The longest that a transaction waits for the turn of another one; then it goes on as if there were none.
const WAIT_MAX: Duration = Duration::from_millis(250);

impl Shard {
    /// Waits until a run may begin: a pause after a loss, and the turns of others; who lost often takes one, and keeps
    /// it. A read makes nobody lose, so it waits for no turn.
    pub(crate) async fn may_begin<'a>(
        &'a self,
        scope: Scope,
        writable: bool,
        attempt: u32,
        held: Option<Turn<'a>>,
    ) -> Option<Turn<'a>> {
        if held.is_some() {
            return held;
        }
        if attempt >= self.shared.limits.turn_after {
            return self.shared.turns.take(scope).await;
        }
        if let Some(losses) = attempt.checked_sub(1) {
            tokio::time::sleep(self.pause(losses)).await;
        }
        if writable {
            self.shared.turns.pass(scope).await;
        }
        None
    }

    /// Full jitter: anything up to a bound that doubles with each loss.
    fn pause(&self, attempt: u32) -> Duration {
        let limits = &self.shared.limits;
        let bound = limits
            .backoff_first
            .saturating_mul(1 << attempt.min(16))
            .min(limits.backoff_max);
        Duration::from_micros(random::below(
            u64::try_from(bound.as_micros()).unwrap_or(u64::MAX),
        ))
    }
}

/// The turns of a shard that are taken or waited for. Scopes without one cost a look at a counter.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    wanted: AtomicUsize,
    scopes: Mutex<HashMap<Scope, Wanted>>,
}

#[derive(Debug, Default)]
struct Wanted {
    /// First come, first served.
    queue: Arc<Queue<()>>,
    by: usize,
}

impl Turns {
    /// Lets those of this scope go first whose turn it is.
    pub(crate) async fn pass(&self, scope: Scope) {
        if self.wanted.load(Ordering::Relaxed) == 0 {
            return;
        }
        if let Some(queue) = self.queue(scope) {
            let _ = timeout(WAIT_MAX, queue.lock()).await;
        }
    }

    /// Takes the scope's turn behind those that wanted it before; none when that takes too long.
    pub(crate) async fn take(&self, scope: Scope) -> Option<Turn<'_>> {
        let (want, queue) = self.want(scope);
        let guard = timeout(WAIT_MAX, queue.lock_owned()).await.ok()?;
        Some(Turn {
            _guard: guard,
            _want: want,
        })
    }

    fn queue(&self, scope: Scope) -> Option<Arc<Queue<()>>> {
        self.scopes
            .lock()
            .get(&scope)
            .map(|wanted| Arc::clone(&wanted.queue))
    }

    fn want(&self, scope: Scope) -> (Want<'_>, Arc<Queue<()>>) {
        let mut scopes = self.scopes.lock();
        let wanted = scopes.entry(scope).or_default();
        wanted.by += 1;
        self.wanted.fetch_add(1, Ordering::Relaxed);
        (Want { turns: self, scope }, Arc::clone(&wanted.queue))
    }
}

/// The scope's turn, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    // Dropped first: who waits is let in by the one whose name is still there.
    _guard: OwnedMutexGuard<()>,
    _want: Want<'a>,
}

/// That somebody holds or wants a turn of this scope.
#[derive(Debug)]
struct Want<'a> {
    turns: &'a Turns,
    scope: Scope,
}

impl Drop for Want<'_> {
    fn drop(&mut self) {
        let mut scopes = self.turns.scopes.lock();
        self.turns.wanted.fetch_sub(1, Ordering::Relaxed);
        if let Entry::Occupied(mut wanted) = scopes.entry(self.scope) {
            wanted.get_mut().by -= 1;
            if wanted.get().by == 0 {
                wanted.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Scope = Scope::Shared("one");
    const OTHER: Scope = Scope::Shared("other");

    #[tokio::test(start_paused = true)]
    async fn others_of_the_scope_wait_for_a_turn_and_no_longer_than_they_must() {
        let turns = Turns::default();
        turns.pass(ONE).await;
        let turn = turns.take(ONE).await.expect("nobody has it");
        let soon = Duration::from_millis(1);
        timeout(soon, turns.pass(OTHER)).await.expect("another scope");
        let early = timeout(WAIT_MAX - soon, turns.pass(ONE)).await;
        assert!(early.is_err(), "it did not wait");
        turns.pass(ONE).await;
        assert!(turns.take(ONE).await.is_none(), "two have the turn");
        let ends = async {
            tokio::time::sleep(soon).await;
            drop(turn);
        };
        let (passed, ()) = tokio::join!(timeout(soon * 2, turns.pass(ONE)), ends);
        passed.expect("it waited for more than the turn");
        assert!(turns.scopes.lock().is_empty(), "nothing stays behind");
        assert_eq!(turns.wanted.load(Ordering::Relaxed), 0);
    }
}
