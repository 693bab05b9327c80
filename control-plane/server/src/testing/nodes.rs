//! Simulated nodes: what a node tells of its copies, made up from the table alone. No data, no disks; a copy becomes
//! whole, joins, prepares, confirms and is erased as the table says, as fast as it reports.

use std::collections::{BTreeMap, BTreeSet};

use platform_model::{
    CopyState, Epoch, Incarnation, NodeId, Position, ReplicaId, ReplicaSet, RoutingTable, SetPhase, ShardId,
    ShardRoute, Term,
};
use platform_wire::replicas::{CopyReport, ReplicasReply, ReplicasReport, Told, ToldChange, UnusableWhy};

/// Reports that a copy takes to become whole.
const COPY_REPORTS: u64 = 3;
/// Entries that a primary writes between two reports.
const WRITES: u64 = 10;

/// What every shard takes on a disk.
pub const SHARD_BYTES: u64 = 1 << 30;

/// All nodes of a test, and what lies between them.
#[derive(Debug, Default)]
pub struct Nodes {
    /// Since when a node is down, in milliseconds.
    down: BTreeMap<NodeId, u64>,
    /// They say that they are about to stop.
    pub leaving: BTreeSet<NodeId>,
    /// Primaries there do not get their writes committed.
    pub stalled: BTreeSet<NodeId>,
    /// Handovers to copies there are not confirmed.
    pub deaf: BTreeSet<NodeId>,
    /// Nodes on which no copy becomes whole.
    pub stuck: BTreeSet<NodeId>,
    /// Copies whose data differs: found when they are compared.
    pub differ: BTreeSet<ReplicaId>,
    /// Copies that are not what the configuration says.
    pub unusable: BTreeSet<ReplicaId>,
    /// Nodes that have come back with an empty disk: they report, and hold nothing of what they are said to hold.
    pub empty: BTreeSet<NodeId>,
    /// What disks still take; those of the others tell nothing.
    pub free_bytes: BTreeMap<NodeId, u64>,
    head: BTreeMap<ShardId, u64>,
    last: BTreeMap<ReplicaId, u64>,
    copied: BTreeMap<ReplicaId, u64>,
    /// When a copy heard its primary serve last.
    heard: BTreeMap<ReplicaId, u64>,
    verify: BTreeSet<ShardId>,
    /// Who was asked for the table that it goes by.
    asked: BTreeSet<NodeId>,
    /// Every copy that was erased, once for each order carried out.
    pub erased: Vec<(NodeId, ReplicaId)>,
}

impl Nodes {
    /// From now on nobody hears of the node.
    pub fn kill(&mut self, node: &NodeId, now_ms: u64) {
        self.down.insert(node.clone(), now_ms);
    }

    pub fn revive(&mut self, node: &NodeId) {
        self.down.remove(node);
    }

    pub fn is_up(&self, node: &NodeId) -> bool {
        !self.down.contains_key(node)
    }

    /// What the node, which is up, tells now.
    pub fn report(&mut self, node: &NodeId, table: &RoutingTable, now_ms: u64) -> ReplicasReport {
        let mut report = ReplicasReport {
            node: node.clone(),
            incarnation: Incarnation(1),
            leaving: self.leaving.contains(node),
            free_bytes: self.free_bytes.get(node).copied(),
            copies: Vec::new(),
            told: Vec::new(),
            table: table.generation,
            configured: self.asked.contains(node).then(|| table.into()),
        };
        for (shard, route) in &table.shards {
            self.erase(node, shard, &route.set, &mut report);
            if self.empty.contains(node) {
                tell_amnesia(node, shard, route, &mut report);
            } else if route.node == *node {
                self.lead(shard, route, &mut report);
            } else if let Some(copy) = route.set.standbys.iter().find(|copy| copy.node == *node) {
                self.follow(shard, route, (copy.replica, copy.state), now_ms, &mut report);
            }
        }
        report
    }

    /// What primaries on the node, which is up, ask for at once, between two reports: without the copies.
    pub fn words(&self, node: &NodeId, table: &RoutingTable) -> Option<ReplicasReport> {
        let leads = |route: &ShardRoute| route.node == *node && !self.empty.contains(node);
        let led = table.shards.iter().filter(|(_, route)| leads(route));
        let asks = led.filter_map(|(shard, route)| {
            let told = Told::Proposal {
                generation: route.set.generation,
                epoch: route.epoch,
                by: route.set.primary,
                change: self.change(route)?,
            };
            Some((shard.clone(), told))
        });
        let told: Vec<_> = asks.collect();
        (!told.is_empty()).then(|| ReplicasReport {
            node: node.clone(),
            incarnation: Incarnation(1),
            leaving: self.leaving.contains(node),
            free_bytes: self.free_bytes.get(node).copied(),
            copies: Vec::new(),
            told,
            table: table.generation,
            configured: None,
        })
    }

    /// Takes the answer to a report of a node.
    pub fn hear(&mut self, node: &NodeId, reply: &ReplicasReply) {
        self.verify.extend(reply.verify.iter().cloned());
        if reply.tell {
            self.asked.insert(node.clone());
        } else {
            self.asked.remove(node);
        }
    }

    fn lead(&mut self, shard: &ShardId, route: &ShardRoute, report: &mut ReplicasReport) {
        let replica = route.set.primary;
        let stalled = self.stalled.contains(&route.node);
        let head = self.head.entry(shard.clone()).or_insert(1);
        if !stalled {
            *head += WRITES;
        }
        let committed = *head;
        let last = if stalled { committed + WRITES } else { committed };
        self.last.insert(replica, last);
        let copy = CopyReport {
            leads: true,
            serves: true,
            last: Position(last),
            committed: Position(committed),
            commits_per_second: 40,
            p99_micros: 5_000,
            stalled_micros: if stalled { 9_000_000 } else { 0 },
            ..blank(shard, route, replica, "serving")
        };
        report.copies.push(copy);
        if let SetPhase::Promoting { epoch, .. } = route.set.phase {
            report
                .told
                .push((shard.clone(), self.prepared(route, epoch, replica)));
        }
        if let Some(change) = self.change(route) {
            let told = Told::Proposal {
                generation: route.set.generation,
                epoch: route.epoch,
                by: replica,
                change,
            };
            report.told.push((shard.clone(), told));
        }
        if self.verify.remove(shard) {
            self.compare(shard, route, report);
        }
    }

    fn follow(
        &mut self,
        shard: &ShardId,
        route: &ShardRoute,
        (replica, state): (ReplicaId, CopyState),
        now_ms: u64,
        report: &mut ReplicasReport,
    ) {
        if self.is_up(&route.node) && !self.empty.contains(&route.node) {
            self.heard.insert(replica, now_ms);
        }
        let silent_ms = now_ms - *self.heard.entry(replica).or_insert(now_ms);
        let head = self.head.get(shard).copied().unwrap_or(1);
        let last = if state == CopyState::InSync {
            head
        } else {
            head / 2
        };
        self.last.insert(replica, last);
        let copied = self.copied.entry(replica).or_default();
        let stuck = self.stuck.contains(&report.node);
        if state == CopyState::Copying && !stuck {
            *copied += 1;
        }
        let copy = CopyReport {
            last: Position(last),
            committed: Position(last),
            silent_micros: silent_ms * 1_000,
            copied_bytes: *copied * 1_000,
            copy_bytes_per_second: 4_000,
            copy_left_bytes: COPY_REPORTS.saturating_sub(*copied) * 1_000,
            ..blank(shard, route, replica, "following")
        };
        report.copies.push(copy);
        if self.unusable.contains(&replica) {
            let why = UnusableWhy::Amnesia;
            report.told.push((shard.clone(), Told::Unusable { replica, why }));
            return;
        }
        match route.set.phase {
            SetPhase::Promoting { epoch, .. } if state >= CopyState::CatchingUp => {
                report
                    .told
                    .push((shard.clone(), self.prepared(route, epoch, replica)));
            }
            SetPhase::Handover { target, epoch, .. }
                if target == replica
                    && !self.deaf.contains(&report.node)
                    && !self.empty.contains(&route.node) =>
            {
                let confirmed = Told::Confirmed {
                    generation: route.set.generation,
                    epoch,
                    replica,
                    position: Position(last),
                };
                report.told.push((shard.clone(), confirmed));
            }
            _ => {}
        }
    }

    fn prepared(&self, route: &ShardRoute, epoch: Epoch, replica: ReplicaId) -> Told {
        Told::Prepared {
            epoch,
            replica,
            last_epoch: route.epoch,
            last_position: Position(self.last.get(&replica).copied().unwrap_or(1)),
        }
    }

    /// What the primary proposes next.
    fn change(&self, route: &ShardRoute) -> Option<ToldChange> {
        if route.set.unborn {
            return Some(ToldChange::Born);
        }
        if route.set.phase != SetPhase::Steady {
            return None;
        }
        let changes = route.set.standbys.iter().filter_map(|copy| {
            let replica = copy.replica;
            let (up, whole) = (self.is_up(&copy.node), self.is_whole(replica));
            let fit = !self.unusable.contains(&replica) && !self.empty.contains(&copy.node);
            match copy.state {
                CopyState::InSync if !up || !fit => Some(ToldChange::Drop(replica)),
                CopyState::Copying if up && fit && whole => Some(ToldChange::Complete(replica)),
                CopyState::CatchingUp if up && fit => Some(ToldChange::Add(replica)),
                _ => None,
            }
        });
        // Who is lost first: one that may not come back is asked for again and again.
        changes.min_by_key(|change| !matches!(change, ToldChange::Drop(_)))
    }

    fn is_whole(&self, replica: ReplicaId) -> bool {
        self.copied
            .get(&replica)
            .is_some_and(|copied| *copied >= COPY_REPORTS)
    }

    fn compare(&self, shard: &ShardId, route: &ShardRoute, report: &mut ReplicasReport) {
        let in_sync = route
            .set
            .standbys
            .iter()
            .filter(|copy| copy.state == CopyState::InSync);
        for replica in in_sync.map(|copy| copy.replica) {
            let told = if self.differ.contains(&replica) {
                Told::Mismatch {
                    replica,
                    chunk: 2,
                    position: Position(5),
                }
            } else {
                Told::Certified {
                    replica,
                    term: term(route.epoch),
                    chunks: 4,
                    of: 4,
                }
            };
            report.told.push((shard.clone(), told));
        }
    }

    fn erase(&mut self, node: &NodeId, shard: &ShardId, set: &ReplicaSet, report: &mut ReplicasReport) {
        for copy in set.erased.iter().filter(|copy| copy.node == *node) {
            let replica = copy.replica;
            let fresh = !self.erased.contains(&(node.clone(), replica));
            if fresh {
                self.erased.push((node.clone(), replica));
            }
            let told = Told::Erased {
                replica,
                order: copy.order,
                bytes: 3_000,
                keys: 30,
            };
            report.told.push((shard.clone(), told));
        }
    }
}

fn tell_amnesia(node: &NodeId, shard: &ShardId, route: &ShardRoute, report: &mut ReplicasReport) {
    let standbys = route.set.standbys.iter();
    let named = standbys.map(|copy| (&copy.node, copy.replica));
    let named = named.chain([(&route.node, route.set.primary)]);
    for (_, replica) in named.filter(|(other, _)| *other == node) {
        let why = UnusableWhy::Amnesia;
        report.told.push((shard.clone(), Told::Unusable { replica, why }));
    }
}

fn term(epoch: Epoch) -> Term {
    Term {
        epoch,
        incarnation: Incarnation(1),
    }
}

fn blank(shard: &ShardId, route: &ShardRoute, replica: ReplicaId, state: &str) -> CopyReport {
    CopyReport {
        shard: shard.clone(),
        replica,
        generation: route.set.generation,
        term: term(route.epoch),
        last: Position(0),
        chain: 0,
        committed: Position(0),
        leads: false,
        serves: false,
        silent_micros: 0,
        state: state.to_owned(),
        copied_bytes: 0,
        copy_bytes_per_second: 0,
        copy_left_bytes: 0,
        commits_per_second: 0,
        p99_micros: 0,
        stalled_micros: 0,
        bytes: SHARD_BYTES,
    }
}
