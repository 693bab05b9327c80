//! What lies in a backup store, what a controller says of who was erased, and blocks of an engine's tables.

use bytes::Bytes;
use cell_backup::log::segment::Segment;
use cell_backup::seal::BackupKey;
use cell_backup::{BackupName, Manifest};
use cell_layers::keys::Kek;
use cell_shard::Origin;
use platform_canary::{Canary, Searcher, forms};
use platform_model::{Epoch, Incarnation, Position, Term};
use platform_wire::backup::{ERASED_MAX, Erased};
use platform_wire::pb;
use prost::Message;

const NAME: &str = "eu_eu-central_003.e4.1711.5f2c9a01";

fn ours() -> (Manifest, Kek) {
    let manifest = Manifest {
        name: NAME.parse().expect("a name"),
        world: "a".repeat(64).parse().expect("a world"),
        shard: "eu/eu-central/003".parse().expect("a shard"),
        origin: Origin {
            position: Position(1_711),
            term: Term {
                epoch: Epoch(4),
                incarnation: Incarnation(2),
            },
            time_ms: 9,
            chain: u64::MAX,
        },
        parts: 2,
        rows: 3,
        bytes: 4,
        digest: [5; 32],
        state: Some(6),
    };
    (manifest, Kek::from_bytes([7; 32]))
}

/// A manifest opens as what was written, or not at all.
pub fn manifest(bytes: &[u8]) {
    let (ours, kek) = ours();
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok((found, _)) = Manifest::open(&ours.name, bytes.clone(), &kek) {
        assert_eq!(found, ours, "a forged manifest was opened");
    }
    let other: BackupName = "eu_eu-central_003.e4.1711.5f2c9a02".parse().expect("a name");
    assert!(Manifest::open(&other, bytes, &kek).is_err(), "under another name");
}

pub fn manifest_seeds() -> Vec<Vec<u8>> {
    let (manifest, kek) = ours();
    vec![manifest.seal(&BackupKey::generate(), &kek)]
}

fn our_segment() -> Segment {
    let (manifest, _) = ours();
    let last = Origin {
        position: Position(1_713),
        chain: 3,
        ..manifest.origin
    };
    Segment {
        world: manifest.world,
        shard: manifest.shard,
        after: manifest.origin,
        last,
        entries: vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")],
    }
}

/// A segment opens as what was written, in its own place, or not at all; and what opens is no entry that was not written.
pub fn segment(bytes: &[u8]) {
    let (base, kek) = ours();
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok(found) = Segment::open(bytes.clone(), &kek, &base, 3) {
        assert_eq!(found, our_segment(), "a forged segment was opened");
        assert!(
            found.behind(&base.origin, &base, 3).is_err(),
            "its entries are none"
        );
    }
    assert!(Segment::open(bytes, &kek, &base, 4).is_err(), "in another place");
}

pub fn segment_seeds() -> Vec<Vec<u8>> {
    let (base, kek) = ours();
    vec![our_segment().seal(&kek, base.name.as_str(), 3)]
}

/// A name is no path, and one name has one form.
pub fn name(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(name) = text.parse::<BackupName>() {
        assert_eq!(name.as_str(), text);
        assert!(
            !text.contains('/') && !text.contains("..") && text.len() <= 128,
            "{text}"
        );
        let _ = name.shard();
    }
}

pub fn name_seeds() -> Vec<Vec<u8>> {
    super::texts(&[NAME, "directory_eu_000.e1.7.00000000", "../x.y.z.a", "a.b.c.d"])
}

/// A list is whole ids, as many as there may be, and reads back as it was.
pub fn erased(bytes: &[u8]) {
    let Ok(wire) = pb::ReadErasedReply::decode(bytes) else {
        return;
    };
    if let Ok(erased) = Erased::try_from(wire.clone()) {
        assert!(erased.users.len() <= ERASED_MAX);
        let again = pb::ReadErasedReply::from(&erased);
        assert_eq!((again.users, again.digest), (wire.users, wire.digest));
    }
}

pub fn erased_seeds() -> Vec<Vec<u8>> {
    let reply = |users: usize| pb::ReadErasedReply {
        version: 1,
        users: vec![7; users],
        digest: vec![9; 32],
    };
    vec![
        reply(32).encode_to_vec(),
        reply(31).encode_to_vec(),
        reply(0).encode_to_vec(),
    ]
}

/// Whatever a file holds, it is looked at whole or refused; what lies in it in the clear is found in any case.
pub fn blocks(bytes: &[u8]) {
    let searcher = Searcher::new(&[Canary::new("planted", forms::of_bytes(b"kestrel-4711-xyz"))]);
    let planted = bytes
        .windows(16)
        .any(|window| window.eq_ignore_ascii_case(b"kestrel-4711-xyz"));
    if let Ok(found) = searcher.bytes("a file", bytes) {
        assert!(
            !planted || !found.is_empty(),
            "a value in the clear was overlooked"
        );
    }
}

pub fn block_seeds() -> Vec<Vec<u8>> {
    let mut block = b"LSM\x03\x00".to_vec();
    block.extend([0; 16]);
    block.extend([9, 0, 0, 0, 9, 0, 0, 0, 1, 2, 3, 4]);
    block.extend(b"kestrel-4711-xyz");
    vec![block, b"LSM\x03LSM\x03".to_vec(), b"kestrel-4711-xyz".to_vec()]
}
