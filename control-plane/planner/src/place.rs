//! Where a copy goes: the nodes that may take it, and the best of them; or why there is none.

use std::collections::{BTreeMap, BTreeSet};

use control_plane_ledger::Digest;
use control_plane_state::State;
use control_plane_state::limits::COPIES_PER_NODE_MAX;
use control_plane_state::refusal::rule_of;
use control_plane_state::shard_config::{STANDBYS_MAX, ShardConfig};
use platform_model::matrix::Denied;
use platform_model::{CellId, CellState, NodeId, RegionId, ShardId, Survival};

use crate::goal::Seat;
use crate::law;
use crate::observed::Observed;
use crate::plant::{Planted, planted};

/// Why a shard cannot have the copy that it needs. Ordered: of several reasons the last is told, the one that a person
/// can help most easily.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Infeasible {
    #[error("the law forbids a copy in {region}: rule `{rule}` ({article}): {why}")]
    Law {
        region: RegionId,
        /// Empty: no rule permits it.
        rule: String,
        article: String,
        why: String,
    },
    #[error("no law is in force: nothing may be kept anywhere")]
    NoLaw,
    #[error("there is no other cell in {0}")]
    NoOtherCell(RegionId),
    #[error("there is no other region with a cell")]
    NoOtherRegion,
    #[error("{0} takes nothing new: it is cordoned")]
    Cordoned(CellId),
    #[error("{0} has no node that is heard and holds no copy of the shard")]
    NoNode(CellId),
    #[error("every node of {cell} holds {max} copies already")]
    NoRoom { cell: CellId, max: usize },
    #[error("no node of {0} has room on its disk")]
    DiskFull(CellId),
    #[error("the shard has {max} standbys already")]
    TooManyStandbys { max: usize },
}

/// How many copies each node holds, with those that a plan adds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loads(BTreeMap<NodeId, usize>);

impl Loads {
    pub(crate) fn of(state: &State) -> Self {
        let mut loads = BTreeMap::new();
        let configs = state.shards.values().filter_map(|record| record.config.as_ref());
        for copy in configs.flat_map(ShardConfig::copies) {
            *loads.entry(copy.node.clone()).or_default() += 1;
        }
        Self(loads)
    }

    pub(crate) fn on(&self, node: &NodeId) -> usize {
        self.0.get(node).copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, node: &NodeId) {
        *self.0.entry(node.clone()).or_default() += 1;
    }
}

/// What a copy is for, and where it must not go.
pub(crate) struct Wanted<'a> {
    pub shard: &'a ShardId,
    pub config: &'a ShardConfig,
    pub goal: Survival,
}

/// The best node for one more standby.
///
/// # Errors
/// Why there is none.
pub(crate) fn best(
    state: &State,
    observed: &Observed,
    loads: &Loads,
    wanted: &Wanted<'_>,
) -> Result<NodeId, Infeasible> {
    if wanted.config.standbys.len() >= STANDBYS_MAX {
        return Err(Infeasible::TooManyStandbys { max: STANDBYS_MAX });
    }
    let Some(primary) = Seat::of(state, &wanted.config.primary.node) else {
        return Err(Infeasible::NoNode(wanted.config.primary.node.cell.clone()));
    };
    let cells = state.cells.iter().filter(|(id, record)| {
        let other = Seat {
            cell: id,
            region: &record.region,
        };
        primary.wants(wanted.goal, other)
    });
    let mut faults = BTreeSet::new();
    let mut best: Option<(Rank, NodeId)> = None;
    for (cell, _) in cells {
        match in_cell(state, observed, loads, (wanted.shard, wanted.config), cell) {
            Ok(node) => {
                let rank = Rank::of(wanted, loads, &node);
                if best.as_ref().is_none_or(|(known, _)| rank < *known) {
                    best = Some((rank, node));
                }
            }
            Err(fault) => {
                faults.insert(fault);
            }
        }
    }
    match best {
        Some((_, node)) => Ok(node),
        None => Err(faults
            .pop_last()
            .unwrap_or_else(|| nowhere(state, wanted, primary))),
    }
}

/// No cell is there that could be asked: the law, if it forbids what regions there are, or the lack of them.
fn nowhere(state: &State, wanted: &Wanted<'_>, primary: Seat<'_>) -> Infeasible {
    if wanted.goal != Survival::Region {
        return Infeasible::NoOtherCell(primary.region.clone());
    }
    let regions = state
        .law
        .matrix()
        .map(|matrix| matrix.regions())
        .unwrap_or_default();
    let mut lawful = regions.iter().filter(|region| *region != primary.region);
    let first = lawful.next();
    let forbidden = first.and_then(|region| {
        let denied = law::may_stand_by(state, wanted.shard, region).err()??;
        Some(by_law(region, &denied))
    });
    let permitted = regions
        .iter()
        .any(|region| region != primary.region && law::may_stand_by(state, wanted.shard, region).is_ok());
    forbidden
        .filter(|_| !permitted)
        .unwrap_or(Infeasible::NoOtherRegion)
}

/// The node of a cell that takes one more copy of a shard: heard, free of the shard, with the most room.
///
/// # Errors
/// Why there is none.
pub(crate) fn in_cell(
    state: &State,
    observed: &Observed,
    loads: &Loads,
    (shard, config): (&ShardId, &ShardConfig),
    cell: &CellId,
) -> Result<NodeId, Infeasible> {
    let record = state
        .cells
        .get(cell)
        .ok_or_else(|| Infeasible::NoNode(cell.clone()))?;
    match law::may_stand_by(state, shard, &record.region) {
        Ok(()) => {}
        Err(_) if planted(Planted::LawNotAsked) => {}
        Err(Some(denied)) => return Err(by_law(&record.region, &denied)),
        Err(None) => return Err(Infeasible::NoLaw),
    }
    if record.state == CellState::Cordoned && !planted(Planted::CordonIgnored) {
        return Err(Infeasible::Cordoned(cell.clone()));
    }
    // A store that nodes share has room for one copy of a shard, whatever is left of an older one.
    let named: Vec<&NodeId> = config.copies().map(|copy| &copy.node).collect();
    let erasing = config.erasing.values().map(|erasing| &erasing.node);
    let gone: Vec<&NodeId> = config.left.values().chain(erasing).collect();
    let shares = |node: &NodeId| {
        let mut taken = named.iter().chain(&gone);
        taken.any(|other| *other != node && state.share_a_store(other, node))
    };
    let holds = |node: &NodeId| named.contains(&node) || shares(node);
    let there = state.nodes.keys().filter(|node| node.cell == *cell);
    let heard = |node: &NodeId| !observed.silent.contains(node) || planted(Planted::SilentTaken);
    let free = there.filter(|node| heard(node) && !holds(node));
    let mut able = free.peekable();
    if able.peek().is_none() {
        return Err(Infeasible::NoNode(cell.clone()));
    }
    let mut room = able
        .filter(|node| loads.on(node) < COPIES_PER_NODE_MAX)
        .peekable();
    if room.peek().is_none() {
        return Err(Infeasible::NoRoom {
            cell: cell.clone(),
            max: COPIES_PER_NODE_MAX,
        });
    }
    let disk = room.filter(|node| observed.has_room(node, shard));
    let best = disk.min_by_key(|node| (loads.on(node), draw(shard, node)));
    best.cloned().ok_or_else(|| Infeasible::DiskFull(cell.clone()))
}

/// What makes one place better than another, in this order. The law and the room were asked before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// Whether a copy of the shard is in that cell already.
    crowded: bool,
    copies: usize,
    /// So that equal places share shards evenly, and every controller draws the same.
    lot: u64,
}

impl Rank {
    fn of(wanted: &Wanted<'_>, loads: &Loads, node: &NodeId) -> Self {
        Self {
            crowded: wanted.config.copies().any(|copy| copy.node.cell == node.cell),
            copies: loads.on(node),
            lot: draw(wanted.shard, node),
        }
    }
}

/// A number of the pair (rendezvous hashing): it changes with neither of the others.
fn draw(shard: &ShardId, node: &NodeId) -> u64 {
    let digest = Digest::of("meridian place", format!("{shard} {node}").as_bytes());
    let bytes = digest.as_bytes().iter().take(8);
    bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

pub(crate) fn by_law(region: &RegionId, denied: &Denied) -> Infeasible {
    let (rule, article) = rule_of(denied);
    Infeasible::Law {
        region: region.clone(),
        rule,
        article,
        why: denied.to_string(),
    }
}

impl Infeasible {
    /// A short word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Law { .. } => "law",
            Self::NoLaw => "no-law",
            Self::NoOtherCell(_) => "no-other-cell",
            Self::NoOtherRegion => "no-other-region",
            Self::Cordoned(_) => "cordoned",
            Self::NoNode(_) => "no-node",
            Self::NoRoom { .. } | Self::DiskFull(_) => "no-room",
            Self::TooManyStandbys { .. } => "too-many-standbys",
        }
    }
}

/// The node of `cell` that a shard would move to.
///
/// # Errors
/// [`NoTarget`].
pub fn move_target(
    state: &State,
    observed: &Observed,
    shard: &ShardId,
    cell: &CellId,
) -> Result<NodeId, NoTarget> {
    let record = state.shards.get(shard).and_then(|record| record.config.as_ref());
    let config = record.ok_or_else(|| NoTarget::Unserved(shard.clone()))?;
    if !state.cells.contains_key(cell) {
        return Err(NoTarget::UnknownCell(cell.clone()));
    }
    in_cell(state, observed, &Loads::of(state), (shard, config), cell).map_err(NoTarget::Infeasible)
}

/// Why a shard moves to no node of a cell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    #[error("nobody serves {0}")]
    Unserved(ShardId),
    #[error("there is no cell {0}")]
    UnknownCell(CellId),
    #[error(transparent)]
    Infeasible(Infeasible),
}
