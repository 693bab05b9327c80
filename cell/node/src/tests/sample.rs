//! Tables with a law, for tests: `eu` may be in its two regions, `us` in its one.

use platform_model::matrix::{Sink, SinkKind, plain};
use platform_model::{LawInForce, RoutingTable, WorldId};
use sha2::{Digest, Sha256};

pub const CATALOGUE: &str = "a catalogue";

pub fn table() -> RoutingTable {
    let mut table = RoutingTable::empty(WorldId::new(&"a".repeat(64)).expect("an id"));
    table.law = Some(law(&["eu-central", "eu-west"]));
    table
}

/// A law under which `eu` may not be in that region any more.
pub fn law_without(region: &str) -> LawInForce {
    let rest: Vec<&str> = ["eu-central", "eu-west"]
        .into_iter()
        .filter(|own| *own != region)
        .collect();
    law(&rest)
}

fn law(eu: &[&str]) -> LawInForce {
    let areas = [("eu", "DE", eu), ("us", "US", &["us-east"][..])];
    let sink = |kind, region: &str| Sink {
        kind,
        region: region.parse().expect("a region"),
    };
    let sinks = [
        ("nats-eu".to_owned(), sink(SinkKind::Stream, eu[0])),
        ("nats-us".to_owned(), sink(SinkKind::Stream, "us-east")),
        ("backup-eu".to_owned(), sink(SinkKind::Backup, eu[0])),
    ];
    plain::in_force_with_sinks(&areas, Sha256::digest(CATALOGUE).into(), true, sinks.into())
}
