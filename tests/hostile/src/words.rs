//! Ids, places, and the words of the law: texts with one form each.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use platform_model::matrix::{Action, LawDate, Purpose, SinkKind};
use platform_model::{
    CellId, CountryCode, DataClass, EpochPosition, HomeId, IdempotencyKey, Jurisdiction, KeyDigest, NodeId,
    RegionId, ReplicaId, RequestId, RevokedIdentity, ShardId, Survival, UserId, WorldId,
};
use platform_wire::join::JoinToken;

use crate::texts;

/// What was read is written as it stood.
pub fn one_form<T>(text: &str)
where
    T: FromStr + Display + Debug + PartialEq,
{
    if let Ok(read) = text.parse::<T>() {
        assert_eq!(read.to_string(), text, "another form of {read:?} was taken");
    }
}

/// What was read is written in a form that reads the same.
pub fn reads_again<T>(text: &str)
where
    T: FromStr + Display + Debug + PartialEq,
{
    if let Ok(read) = text.parse::<T>() {
        let written = read.to_string();
        assert_eq!(
            written.parse::<T>().ok(),
            Some(read),
            "{written} does not read back"
        );
    }
}

pub fn ids(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    one_form::<WorldId>(text);
    one_form::<KeyDigest>(text);
    one_form::<RevokedIdentity>(text);
    one_form::<JoinToken>(text);
    one_form::<ReplicaId>(text);
    one_form::<Survival>(text);
    // A UUID has several spellings.
    reads_again::<UserId>(text);
    reads_again::<RequestId>(text);
    if let Ok(key) = text.parse::<IdempotencyKey>() {
        assert_eq!(key.as_uuid().get_version_num(), 7);
    }
    let source = cell_bridge_nats::Source {
        world: WorldId::new(&"0123456789abcdef".repeat(4)).expect("a world"),
        shard: "eu/eu-central/007".parse().expect("a shard"),
    };
    if let Some(event) = cell_bridge_nats::read_message_id(&source, text) {
        assert_eq!(cell_bridge_nats::message_id(&source, event), text);
    }
    // Numbers may have zeros before them; they are the same numbers.
    reads_again::<EpochPosition>(text);
}

pub fn id_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "5f0c2c3c5d8c1f0f2f9ddf1c3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d",
        "018f9b1e-7c5a-7b3e-9f00-0123456789ab",
        "{018f9b1e-7c5a-7b3e-9f00-0123456789ab}",
        "e12:345",
        "0123456789abcdef/eu/eu-central/007/12/3456/0/1",
        "e0:0",
        "0123456789abcdef0123456789abcdef",
        "region",
    ])
}

pub fn places(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    one_form::<CellId>(text);
    one_form::<Jurisdiction>(text);
    one_form::<RegionId>(text);
    one_form::<HomeId>(text);
    one_form::<NodeId>(text);
    // An index may be written with fewer zeros, a country in lower case.
    reads_again::<ShardId>(text);
    reads_again::<CountryCode>(text);
}

pub fn place_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "eu-central-1",
        "eu",
        "eu/eu-central",
        "eu-central-1/0",
        "eu/eu-central/007",
        "eu/eu-central/keys",
        "directory/eu/000",
        "DE",
    ])
}

pub fn law(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    one_form::<DataClass>(text);
    one_form::<Action>(text);
    one_form::<Purpose>(text);
    one_form::<LawDate>(text);
    one_form::<SinkKind>(text);
}

pub fn law_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "health",
        "store-primary",
        "operator-access",
        "2026-02-28",
        "2024-02-29",
        "siem",
    ])
}
