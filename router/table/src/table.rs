//! The routing table compiled into dense arrays.
//!
//! A look-up reads one line of `homes` (found by hash) and one entry of `places`: two cache misses, whatever the
//! number of cells and shards. Immutable: a new generation is a new table, swapped in whole by the router.

use std::collections::{BTreeMap, HashMap, HashSet};

use platform_model::matrix::{Action, Denied};
use platform_model::shard::root_index;
use platform_model::{
    CellState, CountryCode, Epoch, Generation, HomeId, Jurisdiction, LawInForce, NodeId, RegionId,
    RoutingTable, ShardId, UserId,
};
use xxhash_rust::xxh3::xxh3_64;

use crate::decision::Place;
use crate::distance::nearest_first;
use crate::hash::{home_hash, host_hash, low_bits, node_key};

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

/// What the law says of a home to this router, looked up once for all requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DoorLaw {
    /// This router's region may process requests of the home's people. Without a law, what is served goes on.
    pub processes: bool,
    /// The home may take new people where it is.
    pub takes: bool,
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
    /// Compiles `table` for a router that stands in `own_region`. Costs O(n log n) of the table's size.
    pub fn compile(table: &RoutingTable, own_region: &RegionId) -> Self {
        let nodes: Box<[NodeEntry]> = table
            .nodes
            .iter()
            .map(|(id, n)| entry(table, id, &n.address))
            .collect();
        let node_index: HashMap<_, _> = nodes
            .iter()
            .enumerate()
            .map(|(i, node)| (node.id.clone(), NodeIndex(index(i))))
            .collect();
        let homes: Box<[HomeEntry]> = table
            .homes
            .iter()
            .map(|(id, home)| HomeEntry {
                id: id.clone(),
                host: home.host.clone(),
            })
            .collect();
        let (slots, shards) = lay_out(table, own_region);
        let places = shards
            .iter()
            .map(|shard| packed(table, &node_index, shard))
            .collect();
        let nearest = nearest_homes(&homes, own_region);
        let countries = homes_of_countries(table, &homes, &nearest);
        Self {
            generation: table.generation,
            common_host: table.common_host.clone(),
            common_hash: host_hash(&table.common_host).unwrap_or(0),
            hosts: homes.iter().filter_map(|home| host_hash(&home.host)).collect(),
            slots,
            places,
            shards,
            homes,
            node_keys: node_index
                .iter()
                .map(|(id, index)| (node_key(id), *index))
                .collect(),
            nodes,
            node_index,
            countries,
            nearest,
            law: table.law.clone(),
            own_region: own_region.clone(),
        }
    }

    /// The law in force.
    pub fn law(&self) -> Option<&LawInForce> {
        self.law.as_ref()
    }

    /// Why the law does not let this router process for a home.
    pub(crate) fn door_denied(&self, home: &HomeEntry) -> Option<Denied> {
        let law = self.law.as_ref()?;
        law.matrix
            .may_process(&home.id.jurisdiction, &self.own_region)
            .err()
    }

    /// Whether the law lets the primary of a shard be in `region`; without a law, only in its home's.
    pub(crate) fn may_serve_in(&self, shard: ShardIndex, region: &RegionId) -> bool {
        let shard = self.shard(shard);
        match (&self.law, shard.home()) {
            (Some(law), _) => law
                .matrix
                .keeps(Action::StorePrimary, shard.jurisdiction(), region),
            (None, home) => home.is_some_and(|home| home.region == *region),
        }
    }

    /// A planted fault: the law at the door is never asked.
    #[cfg(feature = "failpoints")]
    pub fn open_the_door(&mut self) {
        for slot in &mut self.slots {
            slot.door.processes = true;
        }
    }

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

fn entry(table: &RoutingTable, id: &NodeId, address: &str) -> NodeEntry {
    let cell = table.cells.get(&id.cell);
    NodeEntry {
        id: id.clone(),
        address: address.to_owned(),
        region: cell.map(|cell| cell.region.clone()),
        open: cell.is_some_and(|cell| cell.state == CellState::Open),
    }
}

fn packed(table: &RoutingTable, nodes: &HashMap<NodeId, NodeIndex>, shard: &ShardId) -> PackedPlace {
    let route = table.shards.get(shard);
    let node = route
        .and_then(|route| nodes.get(&route.node))
        .map_or(NOWHERE, |node| node.0);
    let key = xxh3_64(shard.to_string().as_bytes());
    PackedPlace {
        epoch: route.map_or(Epoch(0), |route| route.epoch),
        key,
        node,
    }
}

fn nearest_homes(homes: &[HomeEntry], own_region: &RegionId) -> Box<[u32]> {
    let mut nearest: Vec<u32> = (0..index(homes.len())).collect();
    nearest.sort_by(|a, b| {
        let (a, b) = (&homes[*a as usize].id, &homes[*b as usize].id);
        nearest_first(own_region, &a.region, &b.region).then_with(|| a.cmp(b))
    });
    nearest.into()
}

fn homes_of_countries(
    table: &RoutingTable,
    homes: &[HomeEntry],
    nearest: &[u32],
) -> BTreeMap<CountryCode, Box<[u32]>> {
    let of = |jurisdiction: &Jurisdiction| {
        nearest
            .iter()
            .copied()
            .filter(|home| homes[*home as usize].id.jurisdiction == *jurisdiction)
            .collect()
    };
    table
        .countries
        .iter()
        .map(|(country, jurisdiction)| (*country, of(jurisdiction)))
        .collect()
}

/// Gives each home a slot and its shards a run of indexes.
fn lay_out(table: &RoutingTable, own_region: &RegionId) -> (Box<[HomeSlot]>, Box<[ShardId]>) {
    let mut slots = vec![EMPTY; (table.homes.len() * 2 + 1).next_power_of_two()];
    let mask = slots.len() - 1;
    let mut shards = Vec::new();
    for ((id, home), number) in table.homes.iter().zip(0..) {
        let slot = HomeSlot {
            name: home_hash(id),
            host: host_hash(&home.host).unwrap_or(0),
            first_shard: index(shards.len()),
            home: number,
            shard_count: home.shard_count,
            door: door(table, id, own_region),
        };
        let mut at = low_bits(slot.name) & mask;
        while slots[at].name != 0 {
            at = (at + 1) & mask;
        }
        slots[at] = slot;
        shards.extend((0..home.shard_count).map(|index| ShardId::Root {
            home: id.clone(),
            index,
        }));
    }
    (slots.into(), shards.into())
}

fn door(table: &RoutingTable, home: &HomeId, own_region: &RegionId) -> DoorLaw {
    let Some(matrix) = table.matrix() else {
        return DoorLaw {
            processes: true,
            takes: false,
        };
    };
    DoorLaw {
        processes: matrix.may_process(&home.jurisdiction, own_region).is_ok(),
        takes: matrix.keeps(Action::StorePrimary, &home.jurisdiction, &home.region),
    }
}

fn index(number: usize) -> u32 {
    u32::try_from(number).expect("a table has fewer than 2^32 entries")
}
