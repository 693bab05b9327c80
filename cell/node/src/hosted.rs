//! Which copies of shards are open here, and which of them serve. One task keeps that as the routing table says: it opens
//! what the table gives this node, whatever its part, hands each copy every new configuration, closes what the table
//! took away, and opens again what failed.
//!
//! The table may be old: what a copy promised its peers, not the table, keeps a stale primary from serving. A table that
//! knows another start of this node, which ours does not follow, ends the process: another disk holds what was given
//! to it.

mod keep;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cell_law::{Law, Part, Withheld};
use cell_shard::Shard;
use cell_shard::{Control, Copy, CopyStatus, LogKept, Peers, Standing};
use cell_store::Store;
use parking_lot::RwLock;
use platform_model::{Epoch, NodeId, RoutingTable, ShardId, ShardRoute, SharedStore, Start, WorldId};
use platform_runtime::clock::Clock;
use platform_runtime::{CancellationToken, TaskGroup};
use platform_wire::report::HeldCopy;
use tokio::sync::{Notify, watch};

/// How often it is looked whether everything is handed over.
const HANDED_OVER_LOOK: Duration = Duration::from_millis(10);

/// A handle on the open copies; clones share them.
#[derive(Clone)]
pub struct Hosted {
    shared: Arc<Shared>,
}

/// What copies are opened with.
pub struct Lending {
    pub store: Arc<dyn Store>,
    /// Which store that is, if other nodes of the cell share it: then each copy is taken by what was committed.
    pub shared: Option<SharedStore>,
    pub law: Law,
    pub clock: Clock,
    /// To whom copies speak.
    pub peers: Arc<dyn Peers>,
    pub control: Arc<dyn Control>,
    pub world: WorldId,
    /// Where entries are kept that a copy has to give up.
    pub cut_off: Option<PathBuf>,
    /// How much every shard keeps of its log.
    pub log_kept: LogKept,
    /// Whether the logs of shards are kept behind their backups.
    pub log_kept_elsewhere: bool,
    /// Whether what people are told is laid out for a broker too.
    pub bridged: bool,
}

struct Shared {
    lent: Lending,
    node: NodeId,
    /// Which start of the node this process is.
    start: Start,
    /// Cancelled when this process must not go on under its name.
    superseded: CancellationToken,
    /// Copies run here; it is shut down last.
    tasks: TaskGroup,
    open: RwLock<BTreeMap<ShardId, Open>>,
    /// Copies that are being opened or closed.
    busy: RwLock<BTreeSet<ShardId>>,
    /// One of them is not any more, or a copy failed.
    settled: Notify,
    /// Set once this process is about to stop: what it leads is handed over.
    leaving: CancellationToken,
    /// Set once everything is being closed: nothing is opened any more.
    closing: CancellationToken,
    /// Copies on this node's disk, open or not; none until the disk was looked at.
    held: RwLock<Option<BTreeMap<ShardId, Epoch>>>,
    /// What the law keeps from being opened, and why: said once.
    withheld: RwLock<BTreeMap<ShardId, Withheld>>,
}

struct Open {
    copy: Copy,
    /// What it was told last.
    route: ShardRoute,
}

impl Hosted {
    pub fn new((node, start): (NodeId, Start), lent: Lending, tasks: TaskGroup) -> Self {
        Self {
            shared: Arc::new(Shared {
                lent,
                node,
                start,
                superseded: CancellationToken::new(),
                tasks,
                open: RwLock::default(),
                busy: RwLock::default(),
                settled: Notify::new(),
                leaving: CancellationToken::new(),
                closing: CancellationToken::new(),
                held: RwLock::default(),
                withheld: RwLock::default(),
            }),
        }
    }

    pub fn node(&self) -> &NodeId {
        &self.shared.node
    }

    /// The store that this node shares with others, if it does.
    pub fn shared_store(&self) -> Option<&SharedStore> {
        self.shared.lent.shared.as_ref()
    }

    /// The copy of the shard, if one is open here, whatever its part.
    pub fn copy(&self, shard: &ShardId) -> Option<Copy> {
        self.shared.open.read().get(shard).map(|open| open.copy.clone())
    }

    /// The shard, if it is served here.
    pub fn get(&self, shard: &ShardId) -> Option<Shard> {
        self.copy(shard)?.shard()
    }

    /// Every shard that is served here.
    pub fn served(&self) -> Vec<Shard> {
        let open = self.shared.open.read();
        open.values().filter_map(|open| open.copy.shard()).collect()
    }

    /// How the copy of the shard here stands towards requests; none if there is none.
    pub fn standing(&self, shard: &ShardId) -> Option<Standing> {
        Some(self.copy(shard)?.standing())
    }

    /// The same as it changes; none if there is no copy here yet.
    pub fn standings(&self, shard: &ShardId) -> Option<watch::Receiver<Standing>> {
        Some(self.copy(shard)?.standings())
    }

    /// Copies that are open here.
    pub fn count(&self) -> usize {
        self.shared.open.read().len()
    }

    /// Copies here that are the primaries of their shards, whether they serve yet or not.
    pub fn led(&self) -> usize {
        let open = self.shared.open.read();
        let leads = |standing: Standing| !matches!(standing, Standing::Elsewhere { .. });
        open.values().filter(|open| leads(open.copy.standing())).count()
    }

    /// Whether nothing here knows more than the table: every copy that it gives this node is open, so that reports tell of it, or
    /// kept from it by the law; and no other on the disk was written in a later epoch than the table has.
    pub fn may_tell(&self, table: &RoutingTable) -> bool {
        let (open, held) = (self.shared.open.read(), self.shared.held.read());
        let Some(held) = held.as_ref() else {
            return false;
        };
        let withheld = self.shared.withheld.read();
        let is_there = |shard| open.contains_key(shard) || withheld.contains_key(shard);
        let known = |shard| table.shards.get(shard).map(|route| route.epoch);
        let mut closed = held.iter().filter(|(shard, _)| !open.contains_key(*shard));
        self.wanted(table)
            .all(|(shard, _, part)| part == Part::Erase || is_there(shard))
            && closed.all(|(shard, written)| known(shard).is_some_and(|known| *written <= known))
    }

    /// How every copy here stands.
    pub fn reports(&self) -> Vec<(ShardId, CopyStatus)> {
        let open = self.shared.open.read();
        open.iter()
            .filter_map(|(shard, open)| Some((shard.clone(), open.copy.report()?)))
            .collect()
    }

    /// Has every copy that serves look at what its shard takes on disk.
    pub async fn measure(&self) {
        let open: Vec<Copy> = {
            let open = self.shared.open.read();
            let served = open.values().filter(|open| open.copy.shard().is_some());
            served.map(|open| open.copy.clone()).collect()
        };
        for copy in open {
            copy.measure().await;
        }
    }

    /// Every copy on this node's disk, open or not, judged by the law that the table carries.
    pub fn copies(&self, table: &RoutingTable) -> Vec<HeldCopy> {
        let open = self.shared.open.read();
        let held = self.shared.held.read();
        let held = held.iter().flatten().map(|(shard, epoch)| (shard, *epoch));
        let now = open.iter().map(|(shard, open)| (shard, open.route.epoch));
        let all: BTreeMap<&ShardId, Epoch> = held.chain(now).collect();
        all.into_iter()
            .map(|(shard, epoch)| {
                // What the table gives to others is judged as what it was last.
                let part = table.shards.get(shard).and_then(|route| self.part(route));
                let part = part.unwrap_or(Part::Primary);
                self.shared.lent.law.judge(table, shard, part, epoch)
            })
            .collect()
    }

    /// Shards that the table gives this node to serve and that it does not serve yet, and copies that are not open yet.
    pub fn missing(&self, table: &RoutingTable) -> usize {
        let is_there = |shard: &ShardId, part| match part {
            Part::Primary => self.get(shard).is_some(),
            Part::Standby => self.copy(shard).is_some(),
            Part::Erase => true,
        };
        self.wanted(table)
            .filter(|(shard, _, part)| !is_there(shard, *part))
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

    /// Whether this process is about to stop.
    pub fn is_leaving(&self) -> bool {
        self.shared.leaving.is_cancelled()
    }

    /// This process is about to stop: reports say so from now on.
    pub fn begin_to_leave(&self) {
        self.shared.leaving.cancel();
    }

    /// Waits until nothing is led here that another could lead, as a standby in sync or from the same store. Cancel-safe.
    pub async fn handed_over(&self) {
        let shared = self.shared_store().is_some();
        loop {
            let led = |open: &Open| {
                let stands = open.copy.standing();
                let here = matches!(stands, Standing::Serving | Standing::Moving | Standing::Opening);
                open.copy.leads_others() || (shared && here)
            };
            if !self.shared.open.read().values().any(led) {
                return;
            }
            self.shared.lent.clock.sleep(HANDED_OVER_LOOK).await;
        }
    }

    /// Asks, for every copy here, to be left out before this process ends: nobody then waits for it in vain.
    pub async fn leave_all(&self) {
        let open: Vec<Copy> = {
            let open = self.shared.open.read();
            open.values().map(|open| open.copy.clone()).collect()
        };
        futures::future::join_all(open.iter().map(Copy::leave)).await;
    }

    /// The same where nobody can wait for the answers: said once.
    pub fn leave_at_once(&self) {
        for open in self.shared.open.read().values() {
            open.copy.leave_at_once();
        }
    }

    /// Closes every copy: waiting transactions are answered first.
    pub async fn close_all(&self) {
        self.shared.closing.cancel();
        let open = std::mem::take(&mut *self.shared.open.write());
        futures::future::join_all(open.values().map(|open| open.copy.close())).await;
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

    /// What the table gives this node, and for which part.
    fn wanted<'a>(
        &'a self,
        table: &'a RoutingTable,
    ) -> impl Iterator<Item = (&'a ShardId, &'a ShardRoute, Part)> {
        let table = self.may_serve(table).then_some(table);
        let all = table.into_iter().flat_map(|table| &table.shards);
        all.filter_map(|(shard, route)| Some((shard, route, self.part(route)?)))
    }

    fn part(&self, route: &ShardRoute) -> Option<Part> {
        let me = &self.shared.node;
        if route.node == *me {
            Some(Part::Primary)
        } else if route.set.standbys.iter().any(|copy| copy.node == *me) {
            Some(Part::Standby)
        } else if route.set.erased.iter().any(|copy| copy.node == *me) {
            Some(Part::Erase)
        } else {
            None
        }
    }
}
