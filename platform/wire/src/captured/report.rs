//! What nodes tell the controllers, and what those pass on to each other.

use platform_model::{Incarnation, Start, TokenKey};

use super::{reply, request, world};
use crate::pb;

#[test]
fn reports_are_read_and_written_the_same() {
    let start = Start {
        incarnation: Incarnation(3),
        copy: 7,
        process: 8,
    };
    let register = pb::RegisterNodeRequest {
        version: 1,
        world: world(),
        node: "eu-central-1/0".into(),
        address: "127.0.0.1:7".into(),
        start: Some((&start).into()),
        store: None,
    };
    request(
        &register,
        "1a0e65752d63656e7472616c2d312f30220b3132372e302e302e313a372a06080310071808",
    );
    let key = TokenKey {
        kid: "k1".into(),
        public: [9; 32],
    };
    let publish = pb::PublishTokenKeyRequest {
        version: 1,
        world: world(),
        home: "eu/eu-central".into(),
        key: Some((&key).into()),
    };
    request(
        &publish,
        "\
            1a0d65752f65752d63656e7472616c22260a026b31122009090909090909090909090909090909090909090909090909\
            09090909090909",
    );
    let heartbeat = pb::HeartbeatRequest {
        copies: Vec::new(),
        version: 1,
        world: world(),
        node: "eu-central-1/0".into(),
        incarnation: 3,
        table_generation: 5,
        shards_open: 2,
    };
    request(&heartbeat, "1a0e65752d63656e7472616c2d312f30200328053002");
    let told = pb::ReportReply {
        version: 1,
        generation: 5,
    };
    reply(&told, "1005");
    reply(&pb::HeartbeatReply { version: 1 }, "");
}

#[test]
fn what_a_controller_forwards_is_read_and_written_the_same() {
    let propose = pb::ProposeRequest {
        version: 1,
        world: world(),
        envelope: vec![1, 2, 3],
    };
    request(&propose, "1a03010203");
    let outcome = pb::ProposeReply {
        version: 1,
        outcome: vec![4, 5],
    };
    reply(&outcome, "12020405");
}
