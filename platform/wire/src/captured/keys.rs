//! What nodes ask the one that serves a home's key shard.

use super::{reply, request, world};
use crate::pb;

/// Home and epoch.
const TARGET: &str = "1a110a0d65752f65752d63656e7472616c1003";

#[test]
fn questions_for_keys_and_their_answers_are_read_and_written_the_same() {
    let target = Some(pb::KeysTarget {
        home: "eu/eu-central".into(),
        epoch: 3,
    });
    let user = pb::UserKeyRequest {
        version: 1,
        world: world(),
        target: target.clone(),
        user: vec![9; 16],
        fresh: Some(vec![1, 2]),
    };
    request(&user, &format!("{TARGET}2210{}2a020102", "09".repeat(16)));
    let token = pb::TokenKeyRequest {
        version: 1,
        world: world(),
        target,
        id: "k1".into(),
        wrapped: vec![3, 4],
    };
    request(&token, &format!("{TARGET}22026b312a020304"));
    let row = Some(vec![5]);
    reply(&pb::UserKeyReply { version: 1, row }, "120105");
    reply(
        &pb::UserKeyReply {
            version: 1,
            row: None,
        },
        "",
    );
    let token = pb::TokenKeyReply {
        version: 1,
        id: "k1".into(),
        wrapped: vec![6],
    };
    reply(&token, "12026b311a0106");
}
