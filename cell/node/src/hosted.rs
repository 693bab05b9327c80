//! Which shards are open here. One task keeps that as the routing table says: it opens what the table gives this
//! node, in the table's epoch, closes what it took away, and opens again what ended by itself.
//!
//! The table may be old: the fence in the store, not the table, keeps a stale owner from writing. A table that knows
//! another start of this node, which ours does not follow, ends the process: another disk holds what was given to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cell_law::{Law, Withheld};
use cell_shard::{CopiesError, OpenError, Ownership, Shard, ShardLimits};
use cell_store::Store;
use parking_lot::RwLock;
use platform_model::{Epoch, NodeId, RoutingTable, ShardId, Start};
use platform_runtime::clock::Clock;
use platform_runtime::{CancellationToken, TaskGroup};
use platform_wire::report::HeldCopy;
use tokio::sync::watch;

/// How often shards that ended or could not be opened are looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// A handle on the open shards; clones share them.
#[derive(Clone)]
pub struct Hosted {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn Store>,
    node: NodeId,
    /// Which start of the node this process is.
    start: Start,
    /// Cancelled when this process must not go on under its name.
    superseded: CancellationToken,
    clock: Clock,
    /// The committers run here; it is shut down last.
    tasks: TaskGroup,
    law: Law,
    open: RwLock<BTreeMap<ShardId, Shard>>,
    /// Copies on this node's disk, open or not; none until the disk was looked at.
    held: RwLock<Option<BTreeMap<ShardId, Epoch>>>,
    /// What the law keeps from being opened, and why: said once.
    withheld: RwLock<BTreeMap<ShardId, Withheld>>,
}

/// Why a shard is not open.
#[derive(Debug, thiserror::Error)]
enum NotOpen {
    #[error("the law keeps it from being opened here")]
    Law(#[from] Withheld),
    #[error(transparent)]
    Shard(#[from] OpenError),
}

impl Hosted {
    pub fn new(
        store: Arc<dyn Store>,
        (node, start): (NodeId, Start),
        law: Law,
        clock: Clock,
        tasks: TaskGroup,
    ) -> Self {
        let open = RwLock::default();
        Self {
            shared: Arc::new(Shared {
                store,
                node,
                start,
                superseded: CancellationToken::new(),
                clock,
                tasks,
                law,
                open,
                held: RwLock::default(),
                withheld: RwLock::default(),
            }),
        }
    }

    pub fn node(&self) -> &NodeId {
        &self.shared.node
    }

    /// The shard, if it is open here and serves.
    pub fn get(&self, shard: &ShardId) -> Option<Shard> {
        let open = self.shared.open.read();
        open.get(shard)
            .filter(|shard| shard.status().ended.is_none())
            .cloned()
    }

    /// Shards that are open here.
    pub fn count(&self) -> usize {
        self.shared.open.read().len()
    }

    /// Every copy on this node's disk, open or not, judged by the law that the table carries.
    pub fn copies(&self, table: &RoutingTable) -> Vec<HeldCopy> {
        let open = self.shared.open.read();
        let held = self.shared.held.read();
        let held = held.iter().flatten().map(|(shard, epoch)| (shard, *epoch));
        let now = open.iter().map(|(shard, opened)| (shard, opened.epoch()));
        let all: BTreeMap<&ShardId, Epoch> = held.chain(now).collect();
        all.into_iter()
            .map(|(shard, epoch)| self.shared.law.judge(table, shard, epoch))
            .collect()
    }

    /// Looks once at what lies on the disk.
    async fn look(&self) -> Result<(), CopiesError> {
        if self.shared.held.read().is_none() {
            let found = cell_shard::copies(&*self.shared.store).await?;
            *self.shared.held.write() = Some(found.into_iter().collect());
        }
        Ok(())
    }

    fn holds(&self, shard: &ShardId) -> bool {
        let held = self.shared.held.read();
        held.as_ref().is_some_and(|held| held.contains_key(shard))
    }

    /// Shards that the table gives this node and that are not open yet.
    pub fn missing(&self, table: &RoutingTable) -> usize {
        self.wanted(table)
            .filter(|(shard, _)| self.get(shard).is_none())
            .count()
    }

    /// Which start of the node this process is.
    pub fn start(&self) -> Start {
        self.shared.start
    }

    /// Ends the process: its name, or what was given to it, is another's.
    pub fn give_way(&self, why: &dyn std::fmt::Display) {
        if !self.shared.superseded.is_cancelled() {
            tracing::error!(%why, start = %self.shared.start, "this process must end");
            self.shared.superseded.cancel();
        }
    }

    /// Waits until this process must end.
    pub async fn superseded(&self) {
        self.shared.superseded.cancelled().await;
    }

    /// Whether what the table gives this node was given to this start of it.
    fn may_serve(&self, table: &RoutingTable) -> bool {
        let known = table.nodes.get(&self.shared.node);
        let ours = known.is_none_or(|known| self.shared.start.may_follow(&known.start));
        if let (false, Some(known)) = (ours, known) {
            self.give_way(&format!(
                "the controllers know {}, which this start does not follow",
                known.start
            ));
        }
        ours && !self.shared.superseded.is_cancelled()
    }

    fn wanted<'a>(&'a self, table: &'a RoutingTable) -> impl Iterator<Item = (&'a ShardId, Epoch)> {
        let table = self.may_serve(table).then_some(table);
        let mine = table
            .into_iter()
            .flat_map(|table| &table.shards)
            .filter(|(_, route)| route.node == self.shared.node);
        mine.map(|(shard, route)| (shard, route.epoch))
    }

    /// Keeps the open shards as the table says, until the group ends.
    pub fn keep(&self, mut table: watch::Receiver<Arc<RoutingTable>>, tasks: &TaskGroup) {
        let (hosted, token) = (self.clone(), tasks.token());
        tasks.spawn("shards", async move {
            loop {
                let now = Arc::clone(&table.borrow_and_update());
                let settled = tokio::select! {
                    () = token.cancelled() => return,
                    settled = hosted.reconcile(&now) => settled,
                };
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a node holds a few thousand shards at most"
                )]
                metrics::gauge!("celld_shards_open").set(hosted.count() as f64);
                let changed = async {
                    if settled {
                        hosted.until_one_ends(&mut table).await;
                    } else {
                        hosted.shared.clock.sleep(LOOK_AGAIN).await;
                    }
                };
                tokio::select! { () = token.cancelled() => return, () = changed => {} }
            }
        });
    }

    /// Waits for a new table, or looks after a moment whether a shard has ended by itself.
    async fn until_one_ends(&self, table: &mut watch::Receiver<Arc<RoutingTable>>) {
        loop {
            tokio::select! {
                changed = table.changed() => match changed {
                    Ok(()) => return,
                    // Nobody sends any more: the process ends.
                    Err(_) => std::future::pending().await,
                },
                () = self.shared.clock.sleep(LOOK_AGAIN) => {
                    if self.shared.open.read().values().any(|shard| shard.status().ended.is_some()) {
                        return;
                    }
                }
            }
        }
    }

    /// Closes and opens. False when something could not be opened and is to be tried again.
    async fn reconcile(&self, table: &RoutingTable) -> bool {
        if let Err(error) = self.look().await {
            tracing::warn!(%error, "the copies on this disk are not known yet");
            return false;
        }
        let wanted: BTreeMap<&ShardId, Epoch> = self.wanted(table).collect();
        for shard in self.surplus(&wanted) {
            shard.close().await;
        }
        let mut settled = true;
        for (shard, epoch) in wanted {
            if self.shared.open.read().contains_key(shard) {
                continue;
            }
            match self.open_lawful(table, shard, epoch).await {
                Ok(opened) => {
                    tracing::info!(%shard, %epoch, "shard serves");
                    self.took(shard, opened);
                }
                Err(NotOpen::Law(why)) => {
                    settled = false;
                    self.note_withheld(shard, why);
                }
                Err(NotOpen::Shard(error)) => {
                    settled = false;
                    metrics::counter!("celld_shard_open_failures_total").increment(1);
                    tracing::warn!(%shard, %epoch, %error, "shard cannot be opened");
                }
            }
        }
        settled
    }

    /// Takes out what is not wanted, wanted in another epoch, or ended.
    fn surplus(&self, wanted: &BTreeMap<&ShardId, Epoch>) -> Vec<Shard> {
        let mut open = self.shared.open.write();
        let goes = |id: &ShardId, shard: &Shard| {
            wanted.get(id) != Some(&shard.epoch()) || shard.status().ended.is_some()
        };
        let gone: Vec<ShardId> = open
            .iter()
            .filter(|(id, shard)| goes(id, shard))
            .map(|(id, _)| id.clone())
            .collect();
        gone.iter().filter_map(|id| open.remove(id)).collect()
    }

    async fn open_lawful(
        &self,
        table: &RoutingTable,
        shard: &ShardId,
        epoch: Epoch,
    ) -> Result<Shard, NotOpen> {
        self.shared.law.may_open(table, shard, self.holds(shard))?;
        Ok(self.open(shard, epoch).await?)
    }

    fn took(&self, shard: &ShardId, opened: Shard) {
        let epoch = opened.epoch();
        self.shared.open.write().insert(shard.clone(), opened);
        self.shared
            .held
            .write()
            .get_or_insert_default()
            .insert(shard.clone(), epoch);
        self.shared.withheld.write().remove(shard);
    }

    /// Says a reason once, however often it is met.
    fn note_withheld(&self, shard: &ShardId, why: Withheld) {
        let mut withheld = self.shared.withheld.write();
        let news = withheld
            .get(shard)
            .is_none_or(|known| std::mem::discriminant(known) != std::mem::discriminant(&why));
        if news {
            metrics::counter!("celld_law_refusals_total").increment(1);
            tracing::warn!(target: "audit", %shard, %why, "the law keeps a shard from being opened here");
        }
        withheld.insert(shard.clone(), why);
    }

    async fn open(&self, shard: &ShardId, epoch: Epoch) -> Result<Shard, OpenError> {
        let shared = &self.shared;
        let ownership = Ownership {
            shard: shard.clone(),
            node: shared.node.clone(),
            epoch,
        };
        let store = Arc::clone(&shared.store);
        Shard::open(
            store,
            ownership,
            shared.clock.clone(),
            &shared.tasks,
            ShardLimits::of(shard),
        )
        .await
    }

    /// Closes every shard: waiting transactions are answered first.
    pub async fn close_all(&self) {
        let open = std::mem::take(&mut *self.shared.open.write());
        for shard in open.values() {
            shard.close().await;
        }
    }
}
