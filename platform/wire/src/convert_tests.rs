//! Tests of [`super`]: what goes out comes in the same, and nothing else comes in.

use platform_model::{CopyRoute, CopyState, ErasedCopy, ReplicaId, ReplicaSet, SetPhase, WorldId};

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
    let route = ShardRoute::single(
        "eu-central-1/0".parse().expect("a node"),
        Epoch(4),
        platform_model::ReplicaId(7),
    );
    table
        .shards
        .insert("eu/eu-central/000".parse().expect("a shard"), route);
    table
        .shards
        .insert("eu/eu-central/001".parse().expect("a shard"), replicated());
    table
}

/// A shard in the middle of a promotion, with standbys in every state.
fn replicated() -> ShardRoute {
    let states = [
        CopyState::Damaged,
        CopyState::Copying,
        CopyState::CatchingUp,
        CopyState::InSync,
    ];
    let standby = |(n, state)| CopyRoute {
        node: format!("eu-west-1/{n}").parse().expect("a node"),
        replica: ReplicaId(u128::MAX - u128::from(n)),
        state,
    };
    let erased = ErasedCopy {
        node: "eu-west-1/9".parse().expect("a node"),
        replica: ReplicaId(99),
        order: 4,
    };
    let set = ReplicaSet {
        standbys: (0..4u8).zip(states).map(standby).collect(),
        phase: SetPhase::Promoting {
            epoch: Epoch(6),
            order: 77,
        },
        unborn: true,
        erased: vec![erased],
        ..ReplicaSet::single(ReplicaId(1))
    };
    ShardRoute {
        node: "eu-central-1/0".parse().expect("a node"),
        epoch: Epoch(5),
        set: Arc::new(set),
    }
}

#[test]
fn a_route_of_a_build_that_knew_one_copy_has_a_set_without_a_name() {
    let mut wire = pb::Table::from(&table());
    let records = wire.records.as_mut().expect("set above");
    records.shards[1].set = None;
    let read = RoutingTable::try_from(wire).expect("reads");
    let sets: Vec<bool> = read.shards.values().map(|route| route.set.is_unnamed()).collect();
    assert_eq!(sets, [false, true]);
    let again = pb::Table::from(&read);
    assert_eq!(again.records.expect("set above").shards[1].set, None);
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

fn set(records: &mut pb::Records) -> &mut pb::ReplicaSet {
    records.shards[1].set.as_mut().expect("set above")
}

#[test]
fn a_handover_has_a_standby_for_its_target() {
    let mut wire = pb::Table::from(&table());
    let set = set(wire.records.as_mut().expect("set above"));
    set.promoting = None;
    set.handover = Some(pb::Handover {
        target: set.standbys[3].replica.clone(),
        epoch: 6,
        order: 1,
    });
    assert!(RoutingTable::try_from(wire.clone()).is_ok());
    let set = &mut wire.records.as_mut().expect("set above").shards[1].set;
    set.iter_mut().for_each(|set| set.standbys.truncate(3));
    let error = RoutingTable::try_from(wire)
        .expect_err("a target that is none")
        .to_string();
    assert!(error.contains("no standby"), "{error}");
}

#[test]
fn each_broken_field_is_refused_by_name() {
    let broken: [(&str, Breaks); 12] = [
        ("stands twice", |r| r.shards.push(r.shards[0].clone())),
        ("shard count 0", |r| r.homes[0].shard_count = 0),
        ("shard count 65536", |r| r.authorities[0].shard_count = 65_536),
        ("state 9", |r| r.cells[0].state = 9),
        ("31 bytes", |r| r.homes[0].token_keys[0].public.truncate(31)),
        ("is not a node", |r| r.shards[0].node.clear()),
        ("15 bytes", |r| set(r).primary.truncate(15)),
        ("16 bytes, not 16, or is none", |r| set(r).primary.fill(0)),
        ("stands twice", |r| {
            let set = set(r);
            set.standbys[1].replica.clone_from(&set.primary)
        }),
        ("state 9 of copy", |r| set(r).standbys[0].state = 9),
        ("more than a shard may have", |r| {
            let set = set(r);
            set.erased = vec![set.erased[0].clone(); 65]
        }),
        ("two changes of primary", |r| {
            set(r).handover = Some(pb::Handover::default())
        }),
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
