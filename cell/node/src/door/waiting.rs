//! A router that holds requests of a shard asks whether it is served here. It waits for the answer until the shard is, or
//! until this node knows who else serves it: in number and time it waits within bounds, past which it is answered as
//! things stand and asks again. Nothing of an app waits here: the router has it.

use std::sync::Arc;
use std::time::Duration;

use cell_shard::Standing;
use http::request::Parts;
use platform_model::{Code, PROBE_PATH, Problem, RoutingTable, ShardId, header};
use platform_runtime::clock::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::{Door, Entered, optional};

/// Routers that wait at once: each asks once for each shard that it holds.
pub const WAITING_MAX: usize = 256;
/// Longest wait; well below what a router takes for a sign that nobody is here.
pub const WAIT_WITHIN: Duration = Duration::from_millis(500);
/// What nobody tells of is looked at this often.
const LOOK: Duration = Duration::from_millis(25);

/// Seats for those who wait; clones share them.
#[derive(Clone)]
pub struct WaitingRoom {
    seats: Arc<Semaphore>,
}

impl Default for WaitingRoom {
    fn default() -> Self {
        Self::of(WAITING_MAX)
    }
}

impl WaitingRoom {
    pub fn of(seats: usize) -> Self {
        Self {
            seats: Arc::new(Semaphore::new(seats)),
        }
    }

    fn sit(&self) -> Option<OwnedSemaphorePermit> {
        let seat = Arc::clone(&self.seats).try_acquire_owned().ok();
        if seat.is_none() {
            metrics::counter!("celld_probes_not_kept_total").increment(1);
        }
        seat
    }
}

/// What may change the answer.
struct Changes {
    standing: Option<watch::Receiver<Standing>>,
    table: watch::Receiver<Arc<RoutingTable>>,
}

impl Door {
    /// [`Door::admit`]; a router that asks about a shard is answered once that is known. Cancel-safe.
    pub(super) async fn admit_or_wait(&self, head: &Parts) -> Result<Entered, Problem> {
        let asks = head.uri.path() == PROBE_PATH;
        let shard = optional::<ShardId>(&head.headers, header::SHARD);
        let (true, Ok(Some(shard))) = (asks, shard) else {
            return self.admit(head);
        };
        let mut seat = None;
        let until = self.clock.monotonic() + WAIT_WITHIN;
        loop {
            // Before it is judged: what changes meanwhile counts.
            let changes = self.changes(&shard);
            let judged = self.admit(head);
            let left = until.saturating_sub(self.clock.monotonic());
            let waits = matches!(&judged, Err(problem) if problem.code == Code::Moving);
            if !waits || left.is_zero() {
                return judged;
            }
            if seat.is_none() {
                seat = self.waiting.sit();
            }
            if seat.is_none() {
                return judged;
            }
            changes.wait(&self.clock, left.min(LOOK)).await;
        }
    }

    fn changes(&self, shard: &ShardId) -> Changes {
        let mut table = self.followed.table.clone();
        table.mark_unchanged();
        Changes {
            standing: self.hosted.standings(shard),
            table,
        }
    }
}

impl Changes {
    async fn wait(mut self, clock: &Clock, within: Duration) {
        let stands = async {
            let told = match &mut self.standing {
                Some(standing) => standing.changed().await.is_ok(),
                None => false,
            };
            if !told {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = stands => {}
            changed = self.table.changed() => if changed.is_err() {
                // Nobody sends any more: the process ends.
                clock.sleep(within).await;
            },
            () = clock.sleep(within) => {}
        }
    }
}
