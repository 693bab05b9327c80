//! What nodes ask of each other.

use platform_model::UserId;
use uuid::Uuid;

use super::{reply, request, world};
use crate::directory::ClaimEntry;
use crate::pb;

fn target() -> pb::DirectoryTarget {
    pb::DirectoryTarget {
        shard: "directory/eu/003".into(),
        epoch: 4,
    }
}

fn entry() -> ClaimEntry {
    ClaimEntry {
        user: UserId::from_uuid(Uuid::from_u128(1)),
        claim_id: Uuid::from_u128(2),
        home: "eu/eu-central".parse().expect("a home"),
        version: 0,
    }
}

#[test]
fn questions_to_a_directory_are_read_and_written_the_same() {
    let claim = pb::ClaimRequest {
        version: 1,
        world: world(),
        target: Some(target()),
        digest: vec![5; 32],
        entry: Some((&entry()).into()),
    };
    request(
        &claim,
        "\
            1a140a106469726563746f72792f65752f30303310042220050505050505050505050505050505050505050505050505\
            05050505050505052a330a10000000000000000000000000000000011210000000000000000000000000000000021a0d\
            65752f65752d63656e7472616c",
    );
    let release = pb::ReleaseRequest {
        version: 1,
        world: world(),
        target: Some(target()),
        digest: vec![5; 32],
        claim_id: entry().claim_id.as_bytes().to_vec(),
        home: String::new(),
    };
    request(
        &release,
        "\
            1a140a106469726563746f72792f65752f30303310042220050505050505050505050505050505050505050505050505\
            05050505050505052a1000000000000000000000000000000002",
    );
    let lookup = pb::LookupRequest {
        version: 1,
        world: world(),
        target: Some(target()),
        digest: vec![5; 32],
    };
    request(
        &lookup,
        "\
            1a140a106469726563746f72792f65752f30303310042220050505050505050505050505050505050505050505050505\
            0505050505050505",
    );
}

#[test]
fn answers_of_a_directory_are_read_and_written_the_same() {
    reply(
        &pb::ClaimReply {
            version: 1,
            held: true,
        },
        "1001",
    );
    reply(&pb::ReleaseReply { version: 1 }, "");
    reply(&crate::directory::lookup_reply(None), "");
    reply(
        &crate::directory::lookup_reply(Some(&entry())),
        "\
            12330a10000000000000000000000000000000011210000000000000000000000000000000021a0d65752f65752d6365\
            6e7472616c",
    );
}
