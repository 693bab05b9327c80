//! The routing table of the tests' world.

use platform_model::matrix::plain;
use platform_model::{
    Cell, CellState, Epoch, Generation, Home, HomeId, Incarnation, Node, NodeId, RoutingTable, ShardId,
    ShardRoute, Start, WorldId,
};
use platform_token::SigningKey;

use super::stand_in::StandIn;
use super::world::COMMON;

const SHARDS: u16 = 4;

/// `eu/eu-central` and `us/us-east`, all at epoch 3, both under one key.
pub fn table(world: WorldId, key: &SigningKey, nodes: &[&StandIn]) -> RoutingTable {
    let mut table = RoutingTable::empty(world);
    table.generation = Generation(5);
    table.common_host = COMMON.into();
    table
        .countries
        .insert("DE".parse().expect("a country"), "eu".parse().expect("a place"));
    table
        .countries
        .insert("US".parse().expect("a country"), "us".parse().expect("a place"));
    // A law under which each stays at home and every router may see requests.
    let areas: [(&str, &str, &[&str]); 2] = [
        ("eu", "DE", &["eu-central", "eu-west"]),
        ("us", "US", &["us-east"]),
    ];
    table.law = Some(plain::in_force(&areas, [1; 32], false));
    for (node, home) in nodes.iter().zip(["eu/eu-central", "us/us-east"]) {
        let home: HomeId = home.parse().expect("a home");
        let host = format!("{}.{COMMON}", home.host_label());
        name(&mut table, node);
        for index in 0..SHARDS {
            let route = ShardRoute::single(node.id.clone(), Epoch(3), platform_model::ReplicaId(7));
            table.shards.insert(
                ShardId::Root {
                    home: home.clone(),
                    index,
                },
                route,
            );
        }
        table.homes.insert(
            home,
            Home {
                shard_count: SHARDS,
                host,
                token_keys: vec![key.public()],
            },
        );
    }
    table
}

/// A node and its cell.
pub fn name(table: &mut RoutingTable, node: &StandIn) {
    let cell = Cell {
        region: region_of(&node.id).parse().expect("a region"),
        state: CellState::Open,
    };
    table.cells.insert(node.id.cell.clone(), cell);
    let entry = Node {
        address: node.address.to_string(),
        start: Start {
            incarnation: Incarnation(1),
            copy: 7,
            process: 8,
        },
    };
    table.nodes.insert(node.id.clone(), entry);
}

/// `eu-central` of `eu-central-2/0`.
pub fn region_of(node: &NodeId) -> String {
    let (region, _) = node.cell.as_str().rsplit_once('-').expect("a number");
    region.to_owned()
}
