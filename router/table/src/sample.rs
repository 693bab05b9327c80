//! A small world for this crate's tests.

use platform_model::{
    Cell, CellState, Epoch, Generation, Home, HomeId, Incarnation, Node, NodeId, RegionId, RoutingTable,
    ShardId, ShardRoute, WorldId,
};

pub fn region(name: &str) -> RegionId {
    name.parse().expect("a region")
}

/// Three homes with 8 root shards each, one node a cell, all at epoch 1.
pub fn world() -> RoutingTable {
    let mut table = RoutingTable::empty(WorldId::new(&"a".repeat(64)).expect("an id"));
    table.generation = Generation(1);
    table.common_host = "meridian.test".into();
    for (country, jurisdiction) in [("DE", "eu"), ("IE", "eu"), ("US", "us"), ("CA", "ca")] {
        table.countries.insert(
            country.parse().expect("a country"),
            jurisdiction.parse().expect("a place"),
        );
    }
    for home in ["eu/eu-central", "eu/eu-west", "us/us-east"] {
        let home: HomeId = home.parse().expect("a home");
        let node: NodeId = format!("{}-1/0", home.region).parse().expect("a node");
        let host = format!("{}.meridian.test", home.host_label());
        table.cells.insert(
            node.cell.clone(),
            Cell {
                region: home.region.clone(),
                state: CellState::Open,
            },
        );
        table.nodes.insert(
            node.clone(),
            Node {
                address: "127.0.0.1:1".into(),
                incarnation: Incarnation(1),
            },
        );
        for index in 0..8 {
            let route = ShardRoute {
                node: node.clone(),
                epoch: Epoch(1),
            };
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
                shard_count: 8,
                host,
                token_keys: Vec::new(),
            },
        );
    }
    table
}
