//! Tests of [`super`]: what goes out comes in the same, and nothing else comes in.

use platform_model::WorldId;

use super::*;

fn start(incarnation: u64) -> platform_model::Start {
    platform_model::Start {
        incarnation: platform_model::Incarnation(incarnation),
        copy: 7,
        process: 8,
    }
}

fn table() -> RoutingTable {
    let world = WorldId::new(&"a".repeat(64)).expect("an id");
    let mut table = RoutingTable {
        generation: Generation(3),
        ..RoutingTable::empty(world)
    };
    table.common_host = "example.test".into();
    table.countries.insert(
        "DE".parse().expect("a country"),
        "eu".parse().expect("a jurisdiction"),
    );
    let token_keys = vec![TokenKey {
        kid: "k1".into(),
        public: [7; 32],
    }];
    let home = Home {
        shard_count: 8,
        host: "eu-central.eu.example.test".into(),
        token_keys,
    };
    table.homes.insert("eu/eu-central".parse().expect("a home"), home);
    table.authorities.insert("eu".parse().expect("a jurisdiction"), 1);
    let key = format!("spiffe://aaaaaaaaaaaaaaaa/region/eu/router/1#{}", "0".repeat(64));
    table.revocations.insert(key.parse().expect("an identity"), 99);
    let window = platform_model::BreakGlass {
        by: "spiffe://aaaaaaaaaaaaaaaa/region/eu/operator/sre/kim".into(),
        home: "eu/eu-central".parse().expect("a home"),
        subject: "018f3f2e-0000-7000-8000-000000000001".parse().expect("an id"),
        purpose: "support".into(),
        until_ms: 7,
    };
    table.break_glass.insert(3, window);
    let cell = Cell {
        region: "eu-central".parse().expect("a region"),
        state: CellState::Cordoned,
    };
    table.cells.insert("eu-central-1".parse().expect("a cell"), cell);
    let node = Node {
        address: "127.0.0.1:1".into(),
        start: start(2),
    };
    table
        .nodes
        .insert("eu-central-1/0".parse().expect("a node"), node);
    let route = ShardRoute {
        node: "eu-central-1/0".parse().expect("a node"),
        epoch: Epoch(4),
    };
    table
        .shards
        .insert("eu/eu-central/000".parse().expect("a shard"), route);
    table
}

#[test]
fn a_table_comes_in_as_it_went_out() {
    assert_eq!(RoutingTable::try_from(pb::Table::from(&table())), Ok(table()));
}

#[test]
fn a_delta_comes_in_as_it_went_out() {
    let mut next = table();
    next.generation = Generation(4);
    next.countries.clear();
    next.revocations.clear();
    next.break_glass.clear();
    next.nodes.values_mut().for_each(|n| n.start = start(3));
    for (from, to) in [
        (table(), next.clone()),
        (RoutingTable::empty(next.world.clone()), next),
    ] {
        let delta = from.delta_to(&to);
        let read = TableDelta::try_from(pb::Delta::from(&delta)).expect("our own delta");
        assert_eq!(read, delta);
        let mut table = from;
        table.apply(read).expect("begins there");
        assert_eq!(table, to);
    }
}

type Breaks = fn(&mut pb::Records);

#[test]
fn each_broken_field_is_refused_by_name() {
    let broken: [(&str, Breaks); 6] = [
        ("stands twice", |r| r.shards.push(r.shards[0].clone())),
        ("shard count 0", |r| r.homes[0].shard_count = 0),
        ("shard count 65536", |r| r.authorities[0].shard_count = 65_536),
        ("state 9", |r| r.cells[0].state = 9),
        ("31 bytes", |r| r.homes[0].token_keys[0].public.truncate(31)),
        ("is not a node", |r| r.shards[0].node.clear()),
    ];
    for (expected, breaks) in broken {
        let mut wire = pb::Table::from(&table());
        breaks(wire.records.as_mut().expect("set above"));
        let error = RoutingTable::try_from(wire).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = RoutingTable::try_from(pb::Table {
        records: None,
        ..pb::Table::from(&table())
    });
    assert_eq!(error, Err(InvalidTable::Missing { field: "records" }));
}

#[test]
fn a_delta_that_leads_backward_is_refused() {
    let mut wire = pb::Delta::from(&table().delta_to(&RoutingTable {
        generation: Generation(9),
        ..table()
    }));
    wire.to = wire.from;
    assert!(matches!(
        TableDelta::try_from(wire),
        Err(InvalidTable::Backward { .. })
    ));
}
