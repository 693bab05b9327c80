//! The routing table compiled into dense arrays.
//!
//! A look-up reads one line of `homes` (found by hash) and one entry of `places`: two cache misses, whatever the
//! number of cells and shards. Immutable: a new generation is a new table, swapped in whole by the router.

mod compile;
mod door;

use std::collections::{BTreeMap, HashMap, HashSet};

use platform_model::shard::root_index;
use platform_model::{CountryCode, Epoch, Generation, HomeId, LawInForce, NodeId, RegionId, ShardId, UserId};

use crate::decision::Place;
use crate::hash::{home_hash, host_hash, low_bits};
use door::DoorLaw;

/// A node's place in [`Table::node`]; good for one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeIndex(pub u32);

/// A root shard's place in the table; good for one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardIndex(pub u32);

/// A shard that the table names no node for, or a node that the table does not know.
const NOWHERE: u32 = u32::MAX;

/// One home in the hash table: a cache line of its own.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct HomeSlot {
    /// xxh3 (128 bits) of `jurisdiction/region`; 0 in an empty slot.
    name: u128,
    /// xxh3 (64 bits) of the host name in lower case.
    host: u64,
    first_shard: u32,
    home: u32,
    shard_count: u16,
    door: DoorLaw,
}

const EMPTY: HomeSlot = HomeSlot {
    name: 0,
    host: 0,
    first_shard: 0,
    home: 0,
    shard_count: 0,
    door: DoorLaw {
        processes: false,
        takes: false,
    },
};

/// Node and epoch of one root shard, and its name for [`crate::Overrides`].
#[derive(Debug, Clone, Copy)]
struct PackedPlace {
    epoch: Epoch,
    /// xxh3 (64 bits) of the shard's name.
    key: u64,
    node: u32,
    /// Its next primary is being chosen: `node` is the old one.
    leaderless: bool,
}

/// What the table says of a home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeEntry {
    pub id: HomeId,
    /// As given to apps.
    pub host: String,
}

/// What the table says of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEntry {
    pub id: NodeId,
    /// `host:port`.
    pub address: String,
    /// `None` if the table does not know the cell.
    pub region: Option<RegionId>,
    /// The cell takes new people.
    pub open: bool,
}

/// The compiled table.
#[derive(Debug)]
pub struct Table {
    generation: Generation,
    common_host: String,
    common_hash: u64,
    slots: Box<[HomeSlot]>,
    places: Box<[PackedPlace]>,
    shards: Box<[ShardId]>,
    homes: Box<[HomeEntry]>,
    nodes: Box<[NodeEntry]>,
    node_index: HashMap<NodeId, NodeIndex>,
    /// Nodes by the hash of their name.
    node_keys: HashMap<u64, NodeIndex>,
    /// Hashes of all homes' host names, to tell another home's host from an unknown one.
    hosts: HashSet<u64>,
    /// Homes that may take people of a country, nearest first.
    countries: BTreeMap<CountryCode, Box<[u32]>>,
    /// All homes, nearest first.
    nearest: Box<[u32]>,
    law: Option<LawInForce>,
    own_region: RegionId,
}

impl Table {
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The host name where every app begins.
    pub fn common_host(&self) -> &str {
        &self.common_host
    }

    /// Whether the table knows no home at all: nothing can be decided yet.
    pub fn is_empty(&self) -> bool {
        self.homes.is_empty()
    }

    /// Where the person's shard is served: the hot path.
    pub fn find(&self, home: &HomeId, user: UserId) -> Found<'_> {
        match self.slot(home_hash(home)) {
            Some(slot) => self.at(slot, root_index(user, slot.shard_count)),
            None => Found::UnknownHome,
        }
    }

    /// Where shard `shard` of `home` is served.
    pub fn find_shard(&self, home: &HomeId, shard: u16) -> Found<'_> {
        match self.slot(home_hash(home)) {
            Some(slot) if shard < slot.shard_count => self.at(slot, shard),
            _ => Found::UnknownHome,
        }
    }

    /// In order of their names.
    pub fn homes(&self) -> &[HomeEntry] {
        &self.homes
    }

    pub fn node(&self, node: NodeIndex) -> &NodeEntry {
        &self.nodes[node.0 as usize]
    }

    pub fn nodes(&self) -> impl Iterator<Item = (NodeIndex, &NodeEntry)> {
        self.nodes
            .iter()
            .zip(0..)
            .map(|(node, index)| (NodeIndex(index), node))
    }

    pub fn node_index(&self, id: &NodeId) -> Option<NodeIndex> {
        self.node_index.get(id).copied()
    }

    pub fn shard(&self, shard: ShardIndex) -> &ShardId {
        &self.shards[shard.0 as usize]
    }

    /// A shard of people by its name.
    pub fn shard_index(&self, shard: &ShardId) -> Option<ShardIndex> {
        let ShardId::Root { home, index } = shard else {
            return None;
        };
        match self.find_shard(home, *index) {
            Found::Home(found) => Some(found.shard),
            Found::UnknownHome => None,
        }
    }

    pub fn shards(&self) -> &[ShardId] {
        &self.shards
    }

    /// The table's own word on a shard, without what routers learn.
    pub fn place(&self, shard: ShardIndex) -> Option<Place> {
        let place = self.places.get(shard.0 as usize)?;
        (place.node != NOWHERE).then_some(Place {
            shard,
            node: NodeIndex(place.node),
            epoch: place.epoch,
        })
    }

    /// Whether the shard's next primary is being chosen: nobody serves it, as the table sees it.
    pub fn is_leaderless(&self, shard: ShardIndex) -> bool {
        self.places
            .get(shard.0 as usize)
            .is_some_and(|place| place.leaderless)
    }

    /// The shard's name as a number that is the same in every table.
    pub(crate) fn shard_key(&self, shard: ShardIndex) -> u64 {
        self.places[shard.0 as usize].key
    }

    pub(crate) fn node_of_key(&self, key: u64) -> Option<NodeIndex> {
        self.node_keys.get(&key).copied()
    }

    /// Homes that may take people of the country, nearest first; `None` if no jurisdiction claims it.
    pub(crate) fn homes_of_country(&self, country: CountryCode) -> Option<impl Iterator<Item = &HomeEntry>> {
        Some(
            self.countries
                .get(&country)?
                .iter()
                .map(|home| &self.homes[*home as usize]),
        )
    }

    /// All homes, nearest first.
    pub(crate) fn homes_nearest_first(&self) -> impl Iterator<Item = &HomeEntry> {
        self.nearest.iter().map(|home| &self.homes[*home as usize])
    }

    /// Whether `host` is a name of this world: the common one or any home's.
    pub(crate) fn knows_host(&self, host: &str) -> bool {
        host_hash(host).is_some_and(|hash| hash == self.common_hash || self.hosts.contains(&hash))
    }

    /// Whether `host` may serve people of the home in `found`: its own name, or the common one. No further miss.
    pub(crate) fn host_serves(&self, host: &str, home_host: u64) -> bool {
        host_hash(host).is_some_and(|hash| hash == home_host || hash == self.common_hash)
    }

    fn slot(&self, name: u128) -> Option<&HomeSlot> {
        let mask = self.slots.len() - 1;
        let mut at = low_bits(name) & mask;
        // Ends: the table is at most half full, so an empty slot always follows.
        loop {
            let slot = &self.slots[at];
            if slot.name == name {
                return Some(slot);
            }
            if slot.name == 0 {
                return None;
            }
            at = (at + 1) & mask;
        }
    }

    fn at(&self, slot: &HomeSlot, shard: u16) -> Found<'_> {
        let shard = ShardIndex(slot.first_shard + u32::from(shard));
        let place = self.place(shard);
        Found::Home(FoundHome {
            table: self,
            home: slot.home,
            host: slot.host,
            door: slot.door,
            shard,
            place,
        })
    }
}

/// Outcome of a look-up.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    Home(FoundHome<'a>),
    UnknownHome,
}

impl Found<'_> {
    /// The table's word on where the shard is served.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Home(found) => found.place,
            Self::UnknownHome => None,
        }
    }
}

/// A shard of a known home.
#[derive(Debug, Clone, Copy)]
pub struct FoundHome<'a> {
    table: &'a Table,
    home: u32,
    pub(crate) host: u64,
    pub(crate) door: DoorLaw,
    pub shard: ShardIndex,
    /// `None`: the table names no node for the shard.
    pub place: Option<Place>,
}

impl<'a> FoundHome<'a> {
    pub fn home(&self) -> &'a HomeEntry {
        &self.table.homes[self.home as usize]
    }
}
