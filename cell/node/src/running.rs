//! A node that serves, and how it ends. Order: what it leads is handed over, peers are told, no new requests, the running ones, what peers say,
//! everything that reports and follows, the copies, the store. Of a node whose store has stopped the copies end first: what
//! it keeps only keeps the others from taking over.

use std::sync::Arc;
use std::time::Duration;

use cell_shard::Control;
use platform_model::thresholds::LEAVE_MS;
use platform_runtime::clock::Clock;
use platform_runtime::data_dir::Lock;
use platform_runtime::{CancellationToken, TaskGroup};
use platform_wire::follow::Followed;
use tokio::sync::Semaphore;

use crate::engine::Engine;
use crate::hosted::Hosted;
use crate::telling::Telling;
use crate::wire::Wire;

/// For everything but requests to end.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// For peers to be told that this node is about to end.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);
/// How often the store is asked whether it has failed.
const STORE_LOOK: Duration = Duration::from_millis(50);
/// For the copies of a store that has stopped to end: what they ask of it fails at once.
const GIVE_UP_WITHIN: Duration = Duration::from_secs(1);
/// For requests and everything else to end once these have: whoever waits has been answered by then.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);

/// Why a node must not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("the store has stopped: {0}")]
    Store(String),
    #[error("the controllers know a later start of this node, or other data than this")]
    Superseded,
}

/// A node that serves.
pub struct Running {
    /// Where routers and other nodes reach it.
    pub address: String,
    pub hosted: Hosted,
    pub(crate) telling: Telling,
    pub followed: Followed,
    pub(crate) store: Engine,
    pub(crate) clock: Clock,
    /// For requests of apps, and how many there may be at once.
    pub(crate) room: (Arc<Semaphore>, usize),
    /// Cancelled when nothing is heard from peers any more.
    pub(crate) hearing: CancellationToken,
    pub(crate) drain_within: Duration,
    pub(crate) serving: TaskGroup,
    pub(crate) tasks: TaskGroup,
    pub(crate) shards: TaskGroup,
    pub(crate) _wire: Wire,
    pub(crate) _lock: Lock,
}

impl Running {
    /// Returns when the node must not go on, with the reason: its store failed, or a later start of it is known.
    pub async fn failed(&self) -> Failure {
        let store_failed = async {
            loop {
                if let Some(why) = self.store.stop_reason() {
                    return Failure::Store(why);
                }
                self.clock.sleep(STORE_LOOK).await;
            }
        };
        tokio::select! {
            why = store_failed => why,
            () = self.hosted.superseded() => Failure::Superseded,
        }
    }

    /// The process was asked to stop: what it leads is handed over while it still serves, within a bound.
    pub async fn hand_over(&self) {
        let within = Duration::from_millis(LEAVE_MS);
        self.hosted.begin_to_leave();
        self.telling.stir();
        let handed = tokio::time::timeout(within, self.hosted.handed_over()).await;
        if handed.is_err() {
            tracing::warn!("not everything that is led here was handed over in time");
        }
    }

    /// Hears peers until the last request has its answer: a write waits for what they say.
    async fn hear_out(&self) {
        let (room, all) = &self.room;
        let all = u32::try_from(*all).unwrap_or(u32::MAX);
        let answered = tokio::time::timeout(self.drain_within, room.acquire_many(all));
        let _none_left = answered.await;
        self.hearing.cancel();
    }

    /// Ends, in order unless the store has stopped. `false` if something did not end in time and was dropped.
    pub async fn stop(self, failed: Option<&Failure>) -> bool {
        match failed {
            Some(Failure::Store(_)) => self.give_up().await,
            Some(Failure::Superseded) | None => self.drain().await,
        }
    }

    /// Nothing here will be acknowledged any more: the others take over once they hear neither the copies nor reports
    /// of this node, so both end at once, and no request is waited for that another node could answer.
    async fn give_up(self) -> bool {
        tracing::warn!("everything here is given up");
        self.hosted.leave_at_once();
        let closed = tokio::time::timeout(GIVE_UP_WITHIN, self.hosted.close_all())
            .await
            .is_ok();
        self.hearing.cancel();
        let ended = self.tasks.shutdown(ANSWERED_WITHIN).await;
        let shards = self.shards.shutdown(GIVE_UP_WITHIN).await;
        let store = tokio::time::timeout(GIVE_UP_WITHIN, self.store.close()).await;
        closed && ended && shards && store.is_ok()
    }

    async fn drain(self) -> bool {
        tracing::info!("draining");
        if tokio::time::timeout(LEAVE_WITHIN, self.hosted.leave_all())
            .await
            .is_err()
        {
            tracing::info!("not every peer has been told");
        }
        let (served, ()) = tokio::join!(self.serving.shutdown(self.drain_within), self.hear_out());
        let told = self.tasks.shutdown(STOP_WITHIN).await;
        let closing = async {
            self.hosted.close_all().await;
            let ended = self.shards.shutdown(STOP_WITHIN).await;
            self.store.close().await;
            ended
        };
        // A store that hangs must not keep the process: what is durable is found at the next start.
        let closed = tokio::time::timeout(STOP_WITHIN * 2, closing).await;
        served && told && closed.unwrap_or(false)
    }
}
