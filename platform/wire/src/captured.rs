//! Frames as this version writes them. A build that cannot read them cannot run beside this one: a change here is a
//! change of the protocol.

use std::fmt::Write;

use platform_model::{RoutingTable, TableDelta};
use prost::Message;

use crate::pb;
use crate::pb::watch_frame::Body;
use crate::refusal::{Refusal, RefusalCode};

/// A delta that registers a node and gives it a shard.
const DELTA: &str = "\
    080112403031323334353637383961626364656630313233343536373839616263646566303132333435363738396162\
    636465663031323334353637383961626364656618022a500801100222482a1f0a0e65752d63656e7472616c2d312f30\
    120b3132372e302e302e313a37180332250a1165752f65752d63656e7472616c2f303037120e65752d63656e7472616c\
    2d312f3018012a00";
/// A table with one country.
const SNAPSHOT: &str = "\
    080112403031323334353637383961626364656630313233343536373839616263646566303132333435363738396162\
    6364656630313233343536373839616263646566180122500a4030313233343536373839616263646566303132333435\
    3637383961626364656630313233343536373839616263646566303132333435363738396162636465661001220a0a08\
    0a02444512026575";
/// `moved`, with node and epoch.
const MOVED: &str =
    "080112056d6f7665641a1073657276656420656c73657768657265320e65752d63656e7472616c2d312f303804";

fn world() -> String {
    "0123456789abcdef".repeat(4)
}

fn tables() -> (RoutingTable, RoutingTable) {
    let mut old = RoutingTable::empty(world().parse().expect("an id"));
    old.generation = old.generation.next();
    old.countries.insert(
        "DE".parse().expect("a country"),
        "eu".parse().expect("a jurisdiction"),
    );
    let mut new = old.clone();
    new.generation = old.generation.next();
    let id: platform_model::NodeId = "eu-central-1/0".parse().expect("a node");
    let incarnation = platform_model::Incarnation(3);
    new.nodes.insert(
        id.clone(),
        platform_model::Node {
            address: "127.0.0.1:7".into(),
            incarnation,
        },
    );
    let route = platform_model::ShardRoute {
        node: id,
        epoch: platform_model::Epoch(1),
    };
    new.shards
        .insert("eu/eu-central/007".parse().expect("a shard"), route);
    (old, new)
}

fn frame(generation: u64, body: Body) -> pb::WatchFrame {
    pb::WatchFrame {
        version: 1,
        world: world(),
        generation,
        body: Some(body),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes everything");
        text
    })
}

fn bytes(hex: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    (0..hex.len()).step_by(2).map(pair).collect()
}

#[test]
fn captured_frames_are_read_and_written_the_same() {
    let (old, new) = tables();
    let snapshot = frame(1, Body::Snapshot((&old).into()));
    let delta = frame(2, Body::Delta((&old.delta_to(&new)).into()));
    assert_eq!(hex(&snapshot.encode_to_vec()), SNAPSHOT);
    assert_eq!(hex(&delta.encode_to_vec()), DELTA);
    let read = pb::WatchFrame::decode(bytes(DELTA).as_slice()).expect("decodes");
    let Some(Body::Delta(read)) = read.body else {
        panic!("no delta: {read:?}")
    };
    assert_eq!(TableDelta::try_from(read), Ok(old.delta_to(&new)));
}

#[test]
fn captured_refusals_are_read_and_written_the_same() {
    let node = "eu-central-1/0".parse().expect("a node");
    let moved = Refusal::new(RefusalCode::Moved, "served elsewhere").moved_to(node, platform_model::Epoch(4));
    let status = tonic::Status::from(moved.clone());
    assert_eq!(hex(status.details()), MOVED);
    let captured = tonic::Status::with_details(tonic::Code::FailedPrecondition, "", bytes(MOVED).into());
    assert_eq!(Refusal::from_status(&captured), Some(moved));
}
