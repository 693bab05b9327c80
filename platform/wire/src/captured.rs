//! Frames as this version writes them. A build that cannot read them cannot run beside this one: a change here is a
//! change of the protocol.

mod admin;
mod directory;
mod keys;
mod raft;
mod replication;
mod report;

use std::fmt::{Debug, Write};

use platform_model::{
    CopyRoute, CopyState, Epoch, ErasedCopy, Generation, ReplicaId, ReplicaSet, RoutingTable, SetPhase,
    TableDelta,
};
use prost::Message;

use crate::pb;
use crate::pb::watch_frame::Body;
use crate::refusal::{Refusal, RefusalCode};

/// A delta that registers a node and gives it a shard.
const DELTA: &str = "\
    080112403031323334353637383961626364656630313233343536373839616263646566303132333435363738396162\
    636465663031323334353637383961626364656618022a5608011002224e2a250a0e65752d63656e7472616c2d312f30\
    120b3132372e302e302e313a371a0608031007180832250a1165752f65752d63656e7472616c2f303037120e65752d63\
    656e7472616c2d312f3018012a00";
/// A delta that gives a shard a set of copies: one is handed over to, one is copied, one is to be erased.
const SET: &str = "\
    080112403031323334353637383961626364656630313233343536373839616263646566303132333435363738396162\
    636465663031323334353637383961626364656618022aff010801100222f6012a250a0e65752d63656e7472616c2d31\
    2f30120b3132372e302e302e313a371a0608031007180832cc010a1165752f65752d63656e7472616c2f303037120e65\
    752d63656e7472616c2d312f30180122a40108091210000000100000000000000000000000001a240a0e65752d63656e\
    7472616c2d322f3012100000000000000000000000000000000218041a240a0e65752d63656e7472616c2d322f311210\
    00000000000000000000000000000003180220c0cf2432160a1000000000000000000000000000000002100518463801\
    42240a0e65752d63656e7472616c2d312f3112100000000000000000000000000000000418452a00";
/// A table with one country.
const SNAPSHOT: &str = "\
    080112403031323334353637383961626364656630313233343536373839616263646566303132333435363738396162\
    6364656630313233343536373839616263646566180122500a4030313233343536373839616263646566303132333435\
    3637383961626364656630313233343536373839616263646566303132333435363738396162636465661001220a0a08\
    0a02444512026575";
/// That a watcher has all, with the end of the ledger.
const CURRENT: &str = "\
    080112403031323334353637383961626364656630313233343536373839616263646566303132333435363738396162\
    6364656630313233343536373839616263646566180332003a2408071220abababababababababababababababababab\
    abababababababababababababab";
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
    let start = platform_model::Start {
        incarnation: platform_model::Incarnation(3),
        copy: 7,
        process: 8,
    };
    new.nodes.insert(
        id.clone(),
        platform_model::Node {
            address: "127.0.0.1:7".into(),
            start,
        },
    );
    let route = platform_model::ShardRoute {
        node: id,
        epoch: platform_model::Epoch(1),
        set: std::sync::Arc::new(platform_model::ReplicaSet::unnamed()),
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
        ledger: None,
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

/// The head of every request: its version and its world.
const HEAD: &str = "\
    080112403031323334353637383961626364656630313233343536373839616263646566303132333435363738396162\
    6364656630313233343536373839616263646566";

/// A message is written as captured, and what was captured is read as this message.
fn capture<M: Message + Default + PartialEq + Debug>(message: &M, captured: &str) {
    assert_eq!(hex(&message.encode_to_vec()), captured);
    let read = M::decode(bytes(captured).as_slice());
    assert_eq!(read.as_ref(), Ok(message));
}

/// A request; `captured` is what follows its head.
fn request<M: Message + Default + PartialEq + Debug>(message: &M, captured: &str) {
    capture(message, &format!("{HEAD}{captured}"));
}

/// An answer; `captured` is what follows its version.
fn reply<M: Message + Default + PartialEq + Debug>(message: &M, captured: &str) {
    capture(message, &format!("0801{captured}"));
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

/// What a controller sends that knows of more copies than one; one that did not sent no set, and is still read.
#[test]
fn captured_frames_carry_the_copies_of_a_shard() {
    let (old, mut new) = tables();
    let node = |text: &str| text.parse().expect("a node");
    let standby = |ordinal, replica, state| CopyRoute {
        node: node(&format!("eu-central-2/{ordinal}")),
        replica: ReplicaId(replica),
        state,
    };
    let set = ReplicaSet {
        generation: Generation(9),
        primary: ReplicaId(1 << 100),
        standbys: vec![
            standby(0, 2, CopyState::InSync),
            standby(1, 3, CopyState::Copying),
        ],
        lease_micros: 600_000,
        phase: SetPhase::Handover {
            target: ReplicaId(2),
            epoch: Epoch(5),
            order: 70,
        },
        unborn: true,
        erased: vec![ErasedCopy {
            node: node("eu-central-1/1"),
            replica: ReplicaId(4),
            order: 69,
        }],
    };
    let route = new.shards.values_mut().next().expect("one");
    route.set = std::sync::Arc::new(set);
    let delta = old.delta_to(&new);
    let frame = frame(2, Body::Delta((&delta).into()));
    assert_eq!(hex(&frame.encode_to_vec()), SET);
    let read = pb::WatchFrame::decode(bytes(SET).as_slice()).expect("decodes");
    let Some(Body::Delta(read)) = read.body else {
        panic!("no delta: {read:?}")
    };
    assert_eq!(TableDelta::try_from(read), Ok(delta));
}

/// What a controller sends that keeps a ledger; one that kept none sent no such field, and is still read.
#[test]
fn captured_frames_carry_the_end_of_the_ledger() {
    let ledger = pb::LedgerHead {
        sequence: 7,
        hash: vec![0xab; 32],
    };
    let current = pb::WatchFrame {
        ledger: Some(ledger.clone()),
        ..frame(3, Body::Current(pb::Current {}))
    };
    assert_eq!(hex(&current.encode_to_vec()), CURRENT);
    let read = pb::WatchFrame::decode(bytes(CURRENT).as_slice()).expect("decodes");
    assert_eq!(read.ledger, Some(ledger));
    let before = pb::WatchFrame::decode(bytes(DELTA).as_slice()).expect("decodes");
    assert_eq!(before.ledger, None);
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
