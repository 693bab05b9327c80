//! What watchers of the routing table are sent. A change is turned into one frame, whoever watches; each watcher has
//! a place in one bounded queue, and one that falls behind it is sent a snapshot.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use control_plane_raft::RaftNode;
use control_plane_state::State;
use futures::Stream;
use parking_lot::Mutex;
use platform_model::{Generation, RoutingTable};
use platform_runtime::{CancellationToken, TaskGroup};
use platform_wire::pb::watch_frame::Body;
use platform_wire::{FRAME_VERSION, Refusal, RefusalCode, pb};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tonic::Status;

/// Frames that a watcher may be behind before it is sent a snapshot.
const LAG_MAX: usize = 64;
/// How often a watcher is told that it has everything.
const CURRENT_EVERY: Duration = Duration::from_secs(1);

/// Clone: a shared handle.
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

struct Shared {
    sent: Mutex<Sent>,
    frames: broadcast::Sender<Arc<pb::WatchFrame>>,
    seats: Arc<Semaphore>,
    ended: CancellationToken,
}

/// Where all watchers stand, or will once they have read what is queued.
struct Sent {
    table: Arc<RoutingTable>,
    /// The table as a frame, made when the first watcher needs it.
    snapshot: Option<Arc<pb::WatchFrame>>,
    /// Whether the leader was heard of late.
    heard: bool,
    /// Where the ledger ends: told with every frame, so that whoever watches is a witness. Nothing until something
    /// was applied.
    ledger: Option<pb::LedgerHead>,
}

/// One watcher.
struct Watcher {
    hub: Hub,
    ready: VecDeque<Arc<pb::WatchFrame>>,
    frames: broadcast::Receiver<Arc<pb::WatchFrame>>,
    _seat: OwnedSemaphorePermit,
}

impl Hub {
    /// A hub for `watchers_max` watchers at once; follows nothing yet.
    pub fn new(table: RoutingTable, watchers_max: usize, ended: CancellationToken) -> Self {
        let sent = Sent {
            table: Arc::new(table),
            snapshot: None,
            heard: false,
            ledger: None,
        };
        let shared = Shared {
            sent: Mutex::new(sent),
            frames: broadcast::channel(LAG_MAX).0,
            seats: Arc::new(Semaphore::new(watchers_max)),
            ended,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Follows what Raft applies here, until the group ends.
    pub fn follow(&self, raft: &RaftNode, tasks: &TaskGroup) {
        let (hub, mut state) = (self.clone(), raft.state());
        tasks.spawn("table-hub", async move {
            loop {
                hub.publish(&Arc::clone(&state.borrow_and_update()));
                tokio::select! {
                    () = hub.shared.ended.cancelled() => break,
                    changed = state.changed() => if changed.is_err() { break },
                }
            }
        });
        let (hub, raft) = (self.clone(), raft.clone());
        tasks.spawn("table-current", async move {
            let mut tick = tokio::time::interval(CURRENT_EVERY);
            loop {
                tokio::select! { () = hub.shared.ended.cancelled() => break, _ = tick.tick() => {} }
                hub.attest(raft.hears_leader().await);
            }
        });
    }

    /// Tells every watcher what is new in `state`.
    pub fn publish(&self, state: &State) {
        let mut sent = self.shared.sent.lock();
        sent.ledger = ledger_head(state);
        // After a recovery whoever holds a table goes on by it, until nothing in this one may be older.
        if state.table_generation <= sent.table.generation || !state.is_recovered() {
            return;
        }
        let table = state.table();
        let delta = sent.table.delta_to(&table);
        let frame = frame(&table, &sent.ledger, Body::Delta((&delta).into()));
        metrics::gauge!("controld_table_generation").set(table.generation.0 as f64);
        sent.table = Arc::new(table);
        sent.snapshot = None;
        // Nobody watching is no error.
        let _ = self.shared.frames.send(Arc::new(frame));
    }

    /// Says whether the leader was heard; if so, every watcher is told that it has everything.
    pub fn attest(&self, heard: bool) {
        let mut sent = self.shared.sent.lock();
        sent.heard = heard;
        if heard {
            let _ = self.shared.frames.send(Arc::new(sent.current()));
        }
        metrics::gauge!("controld_watchers").set(self.shared.frames.receiver_count() as f64);
    }

    /// Begins a watch for someone who holds generation `have`.
    ///
    /// # Errors
    /// `overloaded` when there is no seat; `unavailable` when the watcher knows more than this controller.
    pub fn watch(
        &self,
        have: Generation,
    ) -> Result<impl Stream<Item = Result<pb::WatchFrame, Status>> + Send + use<>, Refusal> {
        let seat = Arc::clone(&self.shared.seats).try_acquire_owned().map_err(|_| {
            Refusal::new(RefusalCode::Overloaded, "too many watch the table here")
                .hint("watch another controller")
        })?;
        let (ready, frames) = self.begin(have)?;
        let watcher = Watcher {
            hub: self.clone(),
            ready,
            frames,
            _seat: seat,
        };
        Ok(futures::stream::unfold(watcher, async |mut watcher| {
            let frame = watcher.next().await?;
            Some((Ok(frame.as_ref().clone()), watcher))
        }))
    }

    #[expect(clippy::type_complexity, reason = "the two halves of a watch's beginning")]
    fn begin(
        &self,
        have: Generation,
    ) -> Result<
        (
            VecDeque<Arc<pb::WatchFrame>>,
            broadcast::Receiver<Arc<pb::WatchFrame>>,
        ),
        Refusal,
    > {
        let mut sent = self.shared.sent.lock();
        let ours = sent.table.generation;
        if have > ours {
            let message = format!("this controller is at {ours}, behind {have}");
            return Err(Refusal::new(RefusalCode::Unavailable, message).hint("watch another controller"));
        }
        let mut ready = VecDeque::new();
        if have < ours {
            ready.push_back(sent.snapshot());
        }
        if sent.heard {
            ready.push_back(Arc::new(sent.current()));
        }
        // Under the lock, so that no frame falls between the snapshot and the queue.
        Ok((ready, self.shared.frames.subscribe()))
    }
}

impl Sent {
    fn snapshot(&mut self) -> Arc<pb::WatchFrame> {
        let (table, ledger) = (&self.table, &self.ledger);
        let made = || Arc::new(frame(table, ledger, Body::Snapshot(table.as_ref().into())));
        Arc::clone(self.snapshot.get_or_insert_with(made))
    }

    fn current(&self) -> pb::WatchFrame {
        frame(&self.table, &self.ledger, Body::Current(pb::Current {}))
    }
}

impl Watcher {
    /// The next frame; `None` when the controller stops.
    async fn next(&mut self) -> Option<Arc<pb::WatchFrame>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(frame);
            }
            let ended = self.hub.shared.ended.clone();
            let received = tokio::select! {
                () = ended.cancelled() => return None,
                received = self.frames.recv() => received,
            };
            match received {
                Ok(frame) => return Some(frame),
                Err(RecvError::Closed) => return None,
                Err(RecvError::Lagged(_)) => {
                    metrics::counter!("controld_watch_lagged_total").increment(1);
                    (self.ready, self.frames) = self.hub.begin(Generation(0)).ok()?;
                }
            }
        }
    }
}

/// The end of the ledger, once it has an entry.
fn ledger_head(state: &State) -> Option<pb::LedgerHead> {
    let head = state.ledger.head();
    let told = pb::LedgerHead {
        sequence: head.sequence,
        hash: head.hash.as_bytes().to_vec(),
    };
    (head.sequence > 0).then_some(told)
}

fn frame(table: &RoutingTable, ledger: &Option<pb::LedgerHead>, body: Body) -> pb::WatchFrame {
    pb::WatchFrame {
        version: FRAME_VERSION,
        world: table.world.to_string(),
        generation: table.generation.0,
        body: Some(body),
        ledger: ledger.clone(),
    }
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
