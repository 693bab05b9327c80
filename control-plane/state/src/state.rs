//! What is known. Records that people or plans change have a generation each; the routing table is derived.

use std::collections::{BTreeMap, BTreeSet};

use platform_model::{
    Cell, CellId, CellState, CountryCode, Epoch, Generation, Home, HomeId, Jurisdiction, Node, NodeId,
    RegionId, RoutingTable, ShardId, ShardRoute, SharedStore, Start, Survival, TokenKey, WorldId,
};
use serde::{Deserialize, Serialize};

use crate::backup::Erasures;
use crate::law::LawBook;
use crate::ledger::Ledger;
use crate::operation::Operations;
use crate::recovery::Recovery;
use crate::shard_config::ShardConfig;
use crate::trust::Trust;

/// Version of the stored form of [`State`]; [`crate::stored`] reads those before it.
pub const STATE_VERSION: u16 = 7;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub world: WorldId,
    /// Set once, by the command that makes the world.
    pub made: Option<Made>,
    /// Of the last command; never goes back. Milliseconds since 1970.
    pub time_ms: u64,
    /// Of the routing table: grows with each change that routers or nodes see.
    pub table_generation: Generation,
    pub countries: BTreeMap<CountryCode, Jurisdiction>,
    pub homes: BTreeMap<HomeId, HomeRecord>,
    pub cells: BTreeMap<CellId, CellRecord>,
    pub nodes: BTreeMap<NodeId, NodeRecord>,
    pub authorities: BTreeMap<Jurisdiction, AuthorityRecord>,
    pub shards: BTreeMap<ShardId, ShardRecord>,
    /// The law, and who approved it.
    #[serde(default)]
    pub law: LawBook,
    /// Whether the controllers act by themselves.
    #[serde(default)]
    pub automation: Automation,
    /// Long work on shards.
    #[serde(default)]
    pub operations: Operations,
    /// People whose data was erased.
    #[serde(default)]
    pub erasures: Erasures,
    /// People who have moved away from a home, and what they had there was erased.
    #[serde(default)]
    pub departures: Erasures,
    /// How often the world was recovered, and what is not known since.
    #[serde(default)]
    pub recovery: Recovery,
    /// End of the record of decisions and refusals.
    pub ledger: Ledger,
    /// Who is believed.
    #[serde(default)]
    pub trust: Trust,
}

/// Whether the controllers act by themselves: what nobody has commanded waits while it is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Automation {
    pub generation: Generation,
    pub paused: Option<Paused>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    pub since_ms: u64,
    /// SPIFFE id of whoever paused it.
    pub by: String,
    pub reason: String,
}

impl Default for Automation {
    fn default() -> Self {
        Self {
            generation: Generation(1),
            paused: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    pub time_ms: u64,
    pub common_host: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeRecord {
    /// Fixed when the home is made.
    pub shard_count: u16,
    pub host: String,
    /// Newest last.
    pub token_keys: Vec<TokenKey>,
    /// Foreign jurisdictions whose data the home holds.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub admitted: BTreeSet<Jurisdiction>,
    /// What its shards are to survive.
    #[serde(default)]
    pub survival: SurvivalGoal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurvivalGoal {
    pub generation: Generation,
    pub goal: Survival,
}

impl Default for SurvivalGoal {
    fn default() -> Self {
        Self {
            generation: Generation(1),
            goal: Survival::None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellRecord {
    pub generation: Generation,
    pub region: RegionId,
    pub state: CellState,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    pub address: String,
    pub start: Start,
    /// The store that it shares with other nodes of its cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<SharedStore>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityRecord {
    /// Fixed when the authority is made.
    pub shard_count: u16,
}

/// A shard: where it is meant to be, and once it was placed, who holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRecord {
    /// That of the configuration, once there is one.
    pub generation: Generation,
    /// The cell that it is meant for; once it was placed, that of its primary.
    pub cell: CellId,
    pub config: Option<ShardConfig>,
    /// Who held it, oldest first; bounded, the newest stay.
    pub epochs: Vec<EpochEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochEntry {
    pub epoch: Epoch,
    pub node: NodeId,
    pub since_ms: u64,
}

impl State {
    /// What is known before the first command.
    pub fn new(world: WorldId) -> Self {
        Self {
            ledger: Ledger::new(&world),
            world,
            made: None,
            time_ms: 0,
            table_generation: Generation(0),
            countries: BTreeMap::new(),
            homes: BTreeMap::new(),
            cells: BTreeMap::new(),
            nodes: BTreeMap::new(),
            authorities: BTreeMap::new(),
            shards: BTreeMap::new(),
            law: LawBook::default(),
            trust: Trust::default(),
            automation: Automation::default(),
            operations: Operations::default(),
            erasures: Erasures::default(),
            departures: Erasures::default(),
            recovery: Recovery::default(),
        }
    }

    /// Whether two nodes are of one cell and on one store: then a shard is there once, and goes from one to the other
    /// without a copy.
    pub fn share_a_store(&self, one: &NodeId, other: &NodeId) -> bool {
        let store = |node: &NodeId| {
            self.nodes
                .get(node)
                .and_then(|record: &NodeRecord| record.store.as_ref())
        };
        one.cell == other.cell && store(one).is_some() && store(one) == store(other)
    }

    /// The whole routing table. Costs time in its size: what changes is told by [`crate::Effects::delta`].
    pub fn table(&self) -> RoutingTable {
        let made = self.made.as_ref();
        RoutingTable {
            world: self.world.clone(),
            generation: self.table_generation,
            common_host: made.map(|m| m.common_host.clone()).unwrap_or_default(),
            countries: self.countries.clone(),
            homes: self.homes.iter().map(|(id, r)| (id.clone(), r.route())).collect(),
            authorities: self
                .authorities
                .iter()
                .map(|(id, r)| (id.clone(), r.shard_count))
                .collect(),
            cells: self.cells.iter().map(|(id, r)| (id.clone(), r.route())).collect(),
            nodes: self.nodes.iter().map(|(id, r)| (id.clone(), r.route())).collect(),
            shards: self
                .shards
                .iter()
                .filter_map(|(id, r)| Some((id.clone(), r.route()?)))
                .collect(),
            law: self.law.route(),
            revocations: self
                .trust
                .revocations
                .iter()
                .map(|(id, r)| (id.clone(), r.until_ms))
                .collect(),
            break_glass: self
                .trust
                .break_glass
                .iter()
                .map(|(number, r)| (*number, r.route()))
                .collect(),
        }
    }
}

impl HomeRecord {
    pub(crate) fn route(&self) -> Home {
        Home {
            shard_count: self.shard_count,
            host: self.host.clone(),
            token_keys: self.token_keys.clone(),
        }
    }
}

impl CellRecord {
    pub(crate) fn route(&self) -> Cell {
        Cell {
            region: self.region.clone(),
            state: self.state,
        }
    }
}

impl NodeRecord {
    pub(crate) fn route(&self) -> Node {
        Node {
            address: self.address.clone(),
            start: self.start,
        }
    }
}

impl ShardRecord {
    /// Who serves it.
    pub fn primary(&self) -> Option<&NodeId> {
        self.config.as_ref().map(|config| &config.primary.node)
    }

    /// The epoch that is served; 0 until it has its first primary.
    pub fn epoch(&self) -> Epoch {
        self.config.as_ref().map_or(Epoch(0), |config| config.epoch)
    }

    pub(crate) fn route(&self) -> Option<ShardRoute> {
        self.config.as_ref().map(ShardConfig::route)
    }
}
