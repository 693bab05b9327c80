//! What processes of the platform tell each other, and the copies that they keep of it.

use std::fmt::Debug;
use std::fs;
use std::path::Path;

use platform_model::matrix::{Matrix, plain};
use platform_model::{
    CellId, CopyRoute, CopyState, CountryCode, Epoch, ErasedCopy, Generation, Jurisdiction, LawInForce,
    ReplicaId, ReplicaSet, RoutingTable, SetPhase, ShardId, ShardRoute, TableDelta, TokenKey, WorldId,
};
use platform_runtime::tls::Signed;
use platform_wire::admin::{WorldSpec, WorldStatus};
use platform_wire::follow::copy::{self, TableCopy};
use platform_wire::heads::{HeadView, Heads, SeenHead};
use platform_wire::law::{LawHistory, LawRecord, LawView, SignedResidency};
use platform_wire::ledger::{LedgerHead, Overview, Page, SealedSegment};
use platform_wire::replication;
use platform_wire::report::HeldCopy;
use platform_wire::spec::{AuthoritySpec, CellSpec, HomeSpec};
use platform_wire::{Refusal, RefusalCode, pb};
use prost::Message;

/// Bytes that are a message of ours mean the same once they were sent on.
fn sent_on<Wire, Ours>(bytes: &[u8])
where
    Wire: Message + Default + TryInto<Ours> + for<'a> From<&'a Ours>,
    Ours: Debug + PartialEq,
{
    if let Some(ours) = read::<Wire, Ours>(bytes) {
        let again = read::<Wire, Ours>(&Wire::from(&ours).encode_to_vec());
        assert_eq!(again.as_ref(), Some(&ours));
    }
}

fn read<Wire: Message + Default + TryInto<Ours>, Ours>(bytes: &[u8]) -> Option<Ours> {
    Wire::decode(bytes).ok()?.try_into().ok()
}

fn world() -> WorldId {
    WorldId::new(&"5f".repeat(32)).expect("64 hex digits")
}

/// A law under which each stays at home; `strict`: no router abroad may see a request.
pub fn law_in_force(strict: bool) -> LawInForce {
    let areas: [(&str, &str, &[&str]); 2] = [("eu", "DE", &["eu-central"]), ("us", "US", &["us-east"])];
    plain::in_force(&areas, [1; 32], strict)
}

/// A table with a record of each kind.
pub fn sample_table() -> RoutingTable {
    let mut table = RoutingTable::empty(world());
    table.generation = Generation(3);
    table.common_host = "meridian.example".into();
    let (country, eu): (CountryCode, Jurisdiction) =
        ("DE".parse().expect("two letters"), "eu".parse().expect("a name"));
    table.countries.insert(country, eu.clone());
    let cell: CellId = "eu-central-1".parse().expect("a cell");
    table.cells.insert(
        cell,
        platform_model::Cell {
            region: "eu-central".parse().expect("a region"),
            state: platform_model::CellState::Open,
        },
    );
    let node: platform_model::NodeId = "eu-central-1/0".parse().expect("a node");
    table.nodes.insert(
        node.clone(),
        platform_model::Node {
            address: "127.0.0.1:7200".into(),
            start: platform_model::Start {
                incarnation: platform_model::Incarnation(1),
                copy: 7,
                process: 8,
            },
        },
    );
    let home: platform_model::HomeId = "eu/eu-central".parse().expect("a home");
    table.homes.insert(
        home.clone(),
        platform_model::Home {
            shard_count: 2,
            host: "eu-central.eu.meridian.example".into(),
            token_keys: vec![TokenKey {
                kid: "k".into(),
                public: [3; 32],
            }],
        },
    );
    for index in 0..2 {
        let shard = ShardId::Root {
            home: home.clone(),
            index,
        };
        let set = std::sync::Arc::new(sample_set(&node, index));
        let (node, epoch) = (node.clone(), Epoch(1));
        table.shards.insert(shard, ShardRoute { node, epoch, set });
    }
    table
}

/// A set of copies in the middle of a handover, or of a promotion.
fn sample_set(node: &platform_model::NodeId, index: u16) -> ReplicaSet {
    let (epoch, order) = (Epoch(2), 9);
    let target = ReplicaId(8);
    let phase = match index {
        0 => SetPhase::Promoting { epoch, order },
        _ => SetPhase::Handover { target, epoch, order },
    };
    let standby = CopyRoute {
        node: node.clone(),
        replica: target,
        state: CopyState::InSync,
    };
    let erased = ErasedCopy {
        node: node.clone(),
        replica: ReplicaId(9),
        order,
    };
    ReplicaSet {
        standbys: vec![standby],
        phase,
        erased: vec![erased],
        ..ReplicaSet::single(ReplicaId(7))
    }
}

pub fn table(bytes: &[u8]) {
    sent_on::<pb::Table, RoutingTable>(bytes);
}

pub fn table_seeds() -> Vec<Vec<u8>> {
    vec![pb::Table::from(&sample_table()).encode_to_vec()]
}

/// A delta, sent on and laid over a table: never a panic, whatever it says.
pub fn delta(bytes: &[u8]) {
    sent_on::<pb::Delta, TableDelta>(bytes);
    sent_on::<pb::TokenKey, TokenKey>(bytes);
    if let Some(delta) = read::<pb::Delta, TableDelta>(bytes) {
        let mut table = sample_table();
        let before = table.generation;
        if table.apply(delta).is_ok() {
            assert!(table.generation > before, "a delta that goes back was taken");
        } else {
            assert_eq!(table, sample_table(), "a refused delta changed the table");
        }
    }
}

pub fn delta_seeds() -> Vec<Vec<u8>> {
    let (empty, full) = (RoutingTable::empty(world()), sample_table());
    let mut later = full.clone();
    later.generation = Generation(4);
    later.shards.pop_last();
    let between = |a: &RoutingTable, b: &RoutingTable| pb::Delta::from(&a.delta_to(b)).encode_to_vec();
    vec![between(&empty, &full), between(&full, &later)]
}

/// What is said of the law, and of the copies that it rules.
pub fn law(bytes: &[u8]) {
    sent_on::<pb::Law, LawInForce>(bytes);
    sent_on::<pb::HeldCopy, HeldCopy>(bytes);
    if let Some(signed) = read::<pb::Signed, Signed>(bytes) {
        let again = read::<pb::Signed, Signed>(&pb::Signed::from(signed.clone()).encode_to_vec());
        assert_eq!(again, Some(signed));
    }
    if let Some(record) = read::<pb::LawRecord, LawRecord>(bytes) {
        assert_eq!(
            Matrix::from_bytes(&record.matrix.to_bytes()).ok(),
            Some(record.matrix)
        );
    }
    let _ = read::<pb::LawReply, LawView>(bytes);
    let _ = read::<pb::LawHistory, LawHistory>(bytes);
    if let Some(signed) = read::<pb::ResidencyReply, SignedResidency>(bytes) {
        let _ = signed.read();
    }
}

pub fn law_seeds() -> Vec<Vec<u8>> {
    let law = pb::Law::from(&law_in_force(false));
    let held = pb::HeldCopy {
        shard: "eu/eu-central/000".into(),
        epoch: 1,
        rules: vec!["eu-1".into()],
        ..pb::HeldCopy::default()
    };
    let reply = pb::LawReply {
        generation: 3,
        in_force: Some(law.clone()),
        ..pb::LawReply::default()
    };
    vec![law.encode_to_vec(), held.encode_to_vec(), reply.encode_to_vec()]
}

pub fn spec(bytes: &[u8]) {
    sent_on::<pb::WorldSpec, WorldSpec>(bytes);
    sent_on::<pb::CellSpec, CellSpec>(bytes);
    sent_on::<pb::HomeSpec, HomeSpec>(bytes);
    sent_on::<pb::AuthoritySpec, AuthoritySpec>(bytes);
}

pub fn spec_seeds() -> Vec<Vec<u8>> {
    let spec = WorldSpec::dev("meridian.example");
    vec![
        pb::WorldSpec::from(&spec).encode_to_vec(),
        pb::HomeSpec::from(&spec.homes[0]).encode_to_vec(),
        pb::AuthoritySpec::from(&spec.authorities[0]).encode_to_vec(),
    ]
}

pub fn status(bytes: &[u8]) {
    let _ = read::<pb::StatusReply, WorldStatus>(bytes);
}

pub fn status_seeds() -> Vec<Vec<u8>> {
    let reply = pb::StatusReply {
        table: Some(pb::Table::from(&sample_table())),
        controller: "127.0.0.1:7100".into(),
        controller_id: 1,
        initialized: true,
        recovering: Some(pb::Recovering {
            shards: 3,
            waits_for: vec!["eu-central-1/0".into()],
            law_is_behind: true,
            not_adopted: vec!["a rule".into()],
        }),
        ..pb::StatusReply::default()
    };
    vec![reply.encode_to_vec()]
}

/// A segment that is taken is sent on as it came.
pub fn ledger(bytes: &[u8]) {
    if let Some(head) = read::<pb::LedgerHead, LedgerHead>(bytes) {
        let again = read::<pb::LedgerHead, LedgerHead>(&pb::LedgerHead::from(head).encode_to_vec());
        assert_eq!(again, Some(head));
    }
    if let Some(sealed) = read::<pb::SealedSegment, SealedSegment>(bytes) {
        let wire = pb::SealedSegment::from(sealed).encode_to_vec();
        assert_eq!(read::<pb::SealedSegment, SealedSegment>(&wire), Some(sealed));
    }
    let _ = read::<pb::LedgerOverview, Overview>(bytes);
    if let Some(page) = read::<pb::LedgerPage, Page>(bytes) {
        assert_ne!(page.damaged, Some(0));
    }
}

pub fn ledger_seeds() -> Vec<Vec<u8>> {
    let head = pb::LedgerHead {
        sequence: 7,
        hash: vec![1; 32],
    };
    let entry = pb::RecordedEntry {
        canonical: vec![1, 2, 3],
        hash: vec![2; 32],
    };
    let page = pb::LedgerPage {
        entries: vec![entry],
        head: Some(head.clone()),
        held_from: 1,
        held_to: 7,
        ..pb::LedgerPage::default()
    };
    vec![head.encode_to_vec(), page.encode_to_vec()]
}

/// A status with these bytes as its details.
pub fn refusal(bytes: &[u8]) {
    let status = tonic::Status::with_details(tonic::Code::Aborted, "", bytes.to_vec().into());
    if let Some(refusal) = Refusal::from_status(&status) {
        assert!(RefusalCode::ALL.contains(&refusal.code));
        let again = Refusal::from_status(&tonic::Status::from(refusal.clone()));
        assert_eq!(again, Some(refusal));
    }
}

pub fn refusal_seeds() -> Vec<Vec<u8>> {
    let refusal = |code: &RefusalCode| {
        let node = "eu-central-1/0".parse().expect("a node");
        let refusal = Refusal::new(*code, "why")
            .hint("what helps")
            .moved_to(node, Epoch(3));
        tonic::Status::from(refusal.leader(Some("127.0.0.1:1".into())))
            .details()
            .to_vec()
    };
    RefusalCode::ALL.iter().map(refusal).collect()
}

/// A file with these bytes, for a reader that takes a path.
fn in_file(bytes: &[u8], look: impl FnOnce(&Path)) {
    if let Ok(dir) = tempfile::tempdir() {
        let path = dir.path().join("file");
        if fs::write(&path, bytes).is_ok() {
            look(&path);
        }
    }
}

/// The copy of the table on the disk of a router or node.
pub fn copy(bytes: &[u8]) {
    in_file(bytes, |path| {
        if let Ok(Some(read)) = copy::read(path, &world()) {
            assert_eq!(read.table.world, world());
            copy::write(path, &read).expect("there was room");
            let again = copy::read(path, &world()).ok().flatten();
            assert_eq!(
                again.map(|copy| (copy.unix_ms, copy.table)),
                Some((read.unix_ms, read.table))
            );
        }
    });
}

pub fn copy_seeds() -> Vec<Vec<u8>> {
    let mut seed = Vec::new();
    in_file(&[], |path| {
        let written = copy::write(
            path,
            &TableCopy {
                unix_ms: 5,
                table: sample_table(),
            },
        );
        written.expect("a temporary file");
        seed = fs::read(path).expect("just written");
    });
    vec![seed]
}

/// The heads of the ledger that a witness keeps, and what it says of them.
pub fn heads(bytes: &[u8]) {
    in_file(bytes, |path| {
        let heads = Heads::open(path, &world());
        for seen in heads.all() {
            heads.take(seen.head, seen.seen_ms);
        }
    });
    if let Ok(view) = serde_json::from_slice::<HeadView>(bytes)
        && let Ok(seen) = SeenHead::try_from(&view)
    {
        let hex: String = seen.head.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, view.hash.to_lowercase(), "another form of a hash was taken");
    }
}

pub fn heads_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    in_file(&[], |path| {
        fs::remove_file(path).expect("just written");
        let heads = Heads::open(path, &world());
        for sequence in 1..4 {
            let head = LedgerHead {
                sequence,
                hash: [u8::try_from(sequence).expect("small"); 32],
            };
            heads.take(head, 9);
        }
        let view = format!(
            "{{\"sequence\":1,\"hash\":\"{}\",\"seen_ms\":5}}",
            "0a".repeat(32)
        );
        seeds = vec![fs::read(path).unwrap_or_default(), view.into_bytes()];
    });
    seeds
}

/// What comes in of other nodes' copies: within its bounds, and the same once it was sent on; and a block of nothing.
pub fn replication(bytes: &[u8]) {
    if let Ok(message) = pb::ReplicationFrames::decode(bytes)
        && let Ok(parcels) = replication::read_frames(message, &world())
    {
        let short = |frame: &bytes::Bytes| frame.len() <= replication::FRAME_BYTES_MAX;
        assert!(parcels.len() <= replication::FRAMES_MAX && parcels.iter().all(|(_, frame)| short(frame)));
        let again = replication::read_frames(replication::message(&world(), parcels.clone()), &world());
        assert_eq!(again.expect("our own"), parcels);
    }
    let block = pb::ReplicationFrames {
        packed: bytes::Bytes::copy_from_slice(bytes),
        unpacked_bytes: 4_096,
        ..replication::message(&world(), Vec::new())
    };
    let _ = replication::read_frames(block, &world());
}

pub fn replication_seeds() -> Vec<Vec<u8>> {
    let parcel = |length: usize| {
        let shard: ShardId = "eu/eu-central/001".parse().expect("a shard");
        (shard, bytes::Bytes::from(vec![7; length]))
    };
    let few = replication::message(&world(), vec![parcel(3), parcel(0)]);
    let packed = replication::message(&world(), vec![parcel(3_000)]);
    vec![few.encode_to_vec(), packed.encode_to_vec()]
}
