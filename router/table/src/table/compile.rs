//! From the plain table to the dense one.

use std::collections::{BTreeMap, HashMap};

use platform_model::{
    CellState, CountryCode, Epoch, Jurisdiction, NodeId, RegionId, RoutingTable, SetPhase, ShardId,
};
use xxhash_rust::xxh3::xxh3_64;

use super::{EMPTY, HomeEntry, HomeSlot, NOWHERE, NodeEntry, NodeIndex, PackedPlace, Table, door};
use crate::distance::nearest_first;
use crate::hash::{home_hash, host_hash, low_bits, node_key};

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
        leaderless: route.is_some_and(|route| matches!(route.set.phase, SetPhase::Promoting { .. })),
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
            door: door::of_home(table, id, own_region),
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

fn index(number: usize) -> u32 {
    u32::try_from(number).expect("a table has fewer than 2^32 entries")
}
