//! A leader of the controllers, as the copies of one node see it: it hears what they tell, decides as it must, and
//! confirms what it knows.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cell_shard::{Change, FrameKind, LogKept, Peers, Told};
use cell_store::Store;
use platform_model::{
    Epoch, ErasedCopy, Generation, NodeId, ReplicaId, ReplicaSet, RoutingTable, SetPhase, ShardId, ShardRoute,
};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use tokio::sync::watch;

use crate::hosted::{Hosted, Lending};
use crate::telling::Telling;

/// The name of a shard's one copy in these tests.
pub const REPLICA: ReplicaId = ReplicaId(7);

/// A shard that was never served, to be formed on `node`.
pub fn unborn(node: &str, epoch: u64) -> ShardRoute {
    let set = ReplicaSet {
        unborn: true,
        ..ReplicaSet::single(REPLICA)
    };
    ShardRoute {
        node: node.parse().expect("a node"),
        epoch: Epoch(epoch),
        set: Arc::new(set),
    }
}

struct Nobody;

impl Peers for Nobody {
    fn send(&self, _: &NodeId, _: &ShardId, _: FrameKind, _: Bytes) {}
}

/// What copies are opened with, where there are no peers.
pub fn lending(store: Arc<dyn Store>, telling: &Telling) -> Lending {
    Lending {
        store,
        shared: None,
        law: super::hosted::lawful(),
        clock: Clock::system(),
        peers: Arc::new(Nobody),
        control: Arc::new(telling.clone()),
        world: super::sample::table().world,
        cut_off: None,
        log_kept: LogKept::default(),
        log_kept_elsewhere: false,
        bridged: false,
    }
}

#[derive(Clone)]
pub struct Leader {
    table: watch::Sender<Arc<RoutingTable>>,
}

impl Leader {
    /// Leads by this table until the group ends.
    pub fn begin(
        table: &watch::Sender<Arc<RoutingTable>>,
        hosted: &Hosted,
        telling: &Telling,
        tasks: &TaskGroup,
    ) -> Self {
        let leader = Self { table: table.clone() };
        let (one, hosted, telling) = (leader.clone(), hosted.clone(), telling.clone());
        let token = tasks.token();
        tasks.spawn("leader", async move {
            let leads = async {
                loop {
                    one.hear(&hosted, &telling);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            token.run_until_cancelled(leads).await;
        });
        leader
    }

    fn hear(&self, hosted: &Hosted, telling: &Telling) {
        let (asked, table) = (Clock::system().monotonic(), self.table.borrow().clone());
        let sent = telling.take(&table, 100);
        for (shard, told) in &sent.told {
            self.decide(shard, told);
        }
        telling.answered(&sent);
        for (shard, route) in &self.table.borrow().shards {
            if let Some(copy) = hosted.copy(shard) {
                copy.confirmed(asked, route.set.generation);
            }
        }
    }

    fn decide(&self, shard: &ShardId, told: &Told) {
        match told {
            Told::Proposed(proposal) if proposal.change == Change::Born => {
                self.change(shard, |route, set| {
                    if set.generation == proposal.generation && route.epoch == proposal.epoch {
                        set.unborn = false;
                    }
                });
            }
            Told::Prepared { epoch, .. } => self.change(shard, |route, set| {
                route.epoch = *epoch;
                set.phase = SetPhase::Steady;
            }),
            Told::Erased { replica, .. } => {
                self.change(shard, |_, set| set.erased.retain(|copy| copy.replica != *replica));
            }
            _ => {}
        }
    }

    /// A decision about one shard.
    pub fn change(&self, shard: &ShardId, decision: impl FnOnce(&mut ShardRoute, &mut ReplicaSet)) {
        self.table.send_modify(|table| {
            let mut next = table.as_ref().clone();
            let Some(mut route) = next.shards.get(shard).cloned() else {
                return;
            };
            let mut set = route.set.as_ref().clone();
            decision(&mut route, &mut set);
            if set == *route.set {
                return;
            }
            set.generation = Generation(set.generation.0 + 1);
            route.set = Arc::new(set);
            next.shards.insert(shard.clone(), route);
            *table = Arc::new(next);
        });
    }

    /// Begins to choose a primary of that epoch.
    pub fn promote(&self, shard: &ShardId, epoch: u64) {
        let phase = SetPhase::Promoting {
            epoch: Epoch(epoch),
            order: epoch,
        };
        self.change(shard, |_, set| set.phase = phase);
    }

    /// Takes the shard from its node, and has the copy there erased.
    pub fn take_away(&self, shard: &ShardId, to: &str, order: u64) {
        self.change(shard, |route, set| {
            set.erased.push(ErasedCopy {
                node: route.node.clone(),
                replica: set.primary,
                order,
            });
            route.node = to.parse().expect("a node");
            route.epoch = Epoch(route.epoch.0 + 1);
            set.primary = ReplicaId(set.primary.0 + 1);
        });
    }
}
