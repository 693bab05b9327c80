//! A world for tests: three cells with a home each, two directories, everything where it should be.

use platform_model::matrix::Matrix;
use platform_model::{Cell, CellState, Epoch, Generation, Home, LawInForce, RoutingTable, ShardId};
use platform_wire::admin::{ShardRecord, WorldStatus};
use platform_wire::law::{Residency, SeenCopy, ShardCopy};

use crate::law::sample::law;

/// Shard and cell.
const SHARDS: [(&str, &str); 11] = [
    ("eu/eu-central/000", "eu-central-1"),
    ("eu/eu-central/001", "eu-central-1"),
    ("eu/eu-central/keys", "eu-central-1"),
    ("eu/eu-west/000", "eu-west-1"),
    ("eu/eu-west/001", "eu-west-1"),
    ("eu/eu-west/keys", "eu-west-1"),
    ("us/us-east/000", "us-east-1"),
    ("us/us-east/001", "us-east-1"),
    ("us/us-east/keys", "us-east-1"),
    ("directory/eu/000", "eu-central-1"),
    ("directory/us/000", "us-east-1"),
];

fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("well formed")
}

/// Under the shipped example, seen a moment ago.
pub fn residency() -> Residency {
    let matrix = law(1, "").compiled.matrix;
    Residency {
        world: "a".repeat(64),
        controller: "spiffe://aaaaaaaaaaaaaaaa/region/eu-central/controller/1".to_owned(),
        time_ms: 1_795_700_000_000,
        table_generation: Generation(9),
        copies: SHARDS.map(|(shard, cell)| copy(&matrix, shard, cell)).to_vec(),
        in_force: Some(LawInForce {
            revision: 1,
            matrix: matrix.into(),
            matrix_age_max_ms: 300_000,
        }),
        unintended: Vec::new(),
        ledger_sequence: 40,
        ledger_hash: vec![7; 32],
    }
}

fn copy(matrix: &Matrix, shard: &str, cell: &str) -> ShardCopy {
    let shard: ShardId = name(shard);
    let region = name(cell.strip_suffix("-1").expect("the first cell of a region"));
    let rules = matrix.may_serve(&shard, &region).expect("permitted");
    let rules: Vec<String> = rules.into_iter().map(str::to_owned).collect();
    let node = name(&format!("{cell}/0"));
    ShardCopy {
        role: "primary".to_owned(),
        cell: name(cell),
        region,
        epoch: Epoch(1),
        since_ms: 1_795_600_200_000,
        seen: Some(SeenCopy {
            node: name(&format!("{cell}/0")),
            age_ms: 120,
            epoch: Epoch(1),
            law_revision: 1,
            rules: rules.clone(),
            denied: None,
        }),
        node: Some(node),
        denied: None,
        earlier: Vec::new(),
        shard,
        rules,
    }
}

/// The same world as its controllers tell it; nothing is placed where no law is in force.
pub fn status() -> WorldStatus {
    let mut table = RoutingTable::empty(name(&"a".repeat(64)));
    for region in ["eu-central", "eu-west", "us-east"] {
        let cell = Cell {
            region: name(region),
            state: CellState::Open,
        };
        table.cells.insert(name(&format!("{region}-1")), cell);
        let jurisdiction = &region[..2];
        let home = Home {
            shard_count: 2,
            host: format!("{region}.test"),
            token_keys: Vec::new(),
        };
        table
            .homes
            .insert(name(&format!("{jurisdiction}/{region}")), home);
    }
    let shards = SHARDS.map(|(shard, cell)| ShardRecord {
        shard: name(shard),
        generation: Generation(2),
        epoch: Epoch(1),
        cell: name(cell),
        primary: Some(name(&format!("{cell}/0"))),
    });
    WorldStatus {
        controller: String::new(),
        controller_id: 1,
        initialized: true,
        world_made: true,
        leader: None,
        members: Vec::new(),
        table,
        reports: Vec::new(),
        shards: shards.to_vec(),
        cells: Vec::new(),
        insight: None,
        automation: None,
        copies: Vec::new(),
        recovering: None,
    }
}
