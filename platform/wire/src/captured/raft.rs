//! What controllers send each other. The payloads are control-plane/raft's to pin.

use super::{capture, reply, request, world};
use crate::raft::{RaftCall, RaftReply, RaftVerb, SnapshotChunk};

fn call(verb: RaftVerb) -> RaftCall {
    RaftCall {
        version: 1,
        world: world(),
        from: 1,
        to: 2,
        verb: verb.into(),
        payload: vec![1, 2, 3],
    }
}

#[test]
fn calls_between_controllers_are_read_and_written_the_same() {
    request(&call(RaftVerb::PreVote), "1801200228033203010203");
    let answer = RaftReply {
        version: 1,
        payload: vec![4, 5],
    };
    reply(&answer, "12020405");
    let chunk = SnapshotChunk {
        head: Some(call(RaftVerb::Snapshot)),
        total_bytes: 9,
        checksum_xxh3: 77,
        bytes: vec![6, 7],
    };
    capture(
        &chunk,
        "\
            0a4f08011240303132333435363738396162636465663031323334353637383961626364656630313233343536373839\
            6162636465663031323334353637383961626364656618012002280532030102031009184d22020607",
    );
}
