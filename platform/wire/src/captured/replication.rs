//! What carries the frames of copies. The frames are cell/shard's to pin.

use super::{reply, request, world};
use crate::pb::{ReplicationFrame, ReplicationFrames, ReplicationReply};

#[test]
fn frames_between_copies_are_read_and_written_the_same() {
    let plain = ReplicationFrames {
        version: 1,
        world: world(),
        frames: vec![ReplicationFrame {
            shard: "eu/eu-central/007".into(),
            frame: vec![1, 2, 3].into(),
        }],
        packed: Vec::new().into(),
        unpacked_bytes: 0,
    };
    request(&plain, "1a180a1165752f65752d63656e7472616c2f3030371203010203");
    let packed = ReplicationFrames {
        frames: Vec::new(),
        packed: vec![4, 5].into(),
        unpacked_bytes: 300,
        ..plain
    };
    request(&packed, "2202040528ac02");
    reply(&ReplicationReply { version: 1 }, "");
}
