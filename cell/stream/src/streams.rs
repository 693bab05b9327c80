//! The sending end: a queue for each peer and lane, and a task for each that has had something to say of late.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use platform_model::{NodeId, ShardId, WorldId};
use platform_runtime::tls::Identity;
use platform_runtime::{CancellationToken, Clock, TaskGroup};
use platform_wire::replication::FRAME_BYTES_MAX;
use tokio::sync::Notify;

use crate::known::Known;
use crate::lane::Lane;
use crate::link::Link;
use crate::meter::{self, Lost};
use crate::queue::Queue;

/// A handle; clones share the streams.
#[derive(Clone)]
pub struct Streams {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub identity: Identity,
    pub world: WorldId,
    pub known: Arc<dyn Known>,
    pub clock: Clock,
    pub ending: CancellationToken,
    links: Mutex<Links>,
    /// There is a queue that no task sends from yet.
    unlinked: Notify,
}

#[derive(Default)]
struct Links {
    queues: BTreeMap<(NodeId, Lane), Arc<Queue>>,
    /// Those of them that wait for a task.
    unlinked: Vec<(NodeId, Lane)>,
}

impl Streams {
    /// Streams that run in `tasks`, and end with it.
    pub fn new(identity: Identity, known: Arc<dyn Known>, clock: Clock, tasks: &TaskGroup) -> Self {
        let shared = Arc::new(Shared {
            world: identity.world().clone(),
            identity,
            known,
            clock,
            ending: tasks.token(),
            links: Mutex::default(),
            unlinked: Notify::new(),
        });
        let (links, group) = (Arc::clone(&shared), tasks.clone());
        tasks.spawn("replication-links", async move { links.link_all(&group).await });
        Self { shared }
    }

    /// Sends a frame to a node, or drops it: then it is counted. Never waits, and may be called from any thread.
    pub fn send(&self, to: &NodeId, shard: &ShardId, lane: Lane, frame: Bytes) {
        if let Err(why) = self.shared.send(to, shard, lane, frame) {
            meter::lost(lane, why, 1);
        }
    }
}

impl Shared {
    pub(crate) fn send(&self, to: &NodeId, shard: &ShardId, lane: Lane, frame: Bytes) -> Result<(), Lost> {
        if frame.len() > FRAME_BYTES_MAX {
            tracing::error!(%shard, bytes = frame.len(), "a frame is longer than frames may be");
            return Err(Lost::TooLong);
        }
        // What is in the frame goes to nobody but a copy of the same shard.
        if !self.known.holds(to, shard) {
            return Err(Lost::NotInSet);
        }
        let mut links = self.links.lock();
        let key = (to.clone(), lane);
        let queue = match links.queues.get(&key) {
            Some(queue) => queue,
            None => {
                links.unlinked.push(key.clone());
                self.unlinked.notify_one();
                links
                    .queues
                    .entry(key)
                    .or_insert_with(|| Arc::new(Queue::new(lane.bounds())))
            }
        };
        // Under the lock, so that a link that is about to be forgotten sees it.
        Ok(queue.push(shard, frame)?)
    }

    /// Begins a task for each queue that has none: `send` may be called where nothing can be spawned.
    async fn link_all(self: &Arc<Self>, tasks: &TaskGroup) {
        loop {
            tokio::select! {
                () = self.unlinked.notified() => {}
                () = self.ending.cancelled() => return,
            }
            for link in self.not_linked_yet() {
                tasks.spawn("replication-link", link.run());
            }
        }
    }

    fn not_linked_yet(self: &Arc<Self>) -> Vec<Link> {
        let mut links = self.links.lock();
        let keys = std::mem::take(&mut links.unlinked);
        let link = |(peer, lane): (NodeId, Lane)| {
            let queue = links.queues.get(&(peer.clone(), lane))?;
            Some(Link {
                peer,
                lane,
                queue: Arc::clone(queue),
                shared: Arc::clone(self),
            })
        };
        keys.into_iter().filter_map(link).collect()
    }

    /// Forgets a queue that is empty; false if it is not.
    pub fn forget(&self, peer: &NodeId, lane: Lane) -> bool {
        let mut links = self.links.lock();
        let key = (peer.clone(), lane);
        let empty = links.queues.get(&key).is_none_or(|queue| queue.is_empty());
        if empty {
            links.queues.remove(&key);
        }
        empty
    }
}
