//! How the requests of the protocol stand in the frames of `platform/wire`: JSON in `RaftCall::payload`.

use platform_wire::raft::RaftVerb;
use serde::{Deserialize, Serialize};

use crate::types::{SnapshotMeta, Vote};

/// A request with the copies that it is from and for; see [`super::copies`].
#[derive(Debug, Serialize, Deserialize)]
pub struct Asked<T> {
    pub from_copy: u64,
    /// Unknown before the first answer.
    pub to_copy: Option<u64>,
    pub body: T,
}

/// An answer with the copy that gave it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answered<T> {
    pub copy: u64,
    pub body: T,
}

/// Bytes of a snapshot in one chunk.
pub const CHUNK_BYTES: usize = 512 << 10;

/// The payload of a snapshot's head. Size and checksum of the state stand beside it in the first chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotHead {
    pub vote: Vote,
    pub meta: SnapshotMeta,
}

/// For logs and metrics.
pub fn name(verb: RaftVerb) -> &'static str {
    match verb {
        RaftVerb::Unspecified => "unspecified",
        RaftVerb::Append => "append",
        RaftVerb::Vote => "vote",
        RaftVerb::PreVote => "pre-vote",
        RaftVerb::TransferLeader => "transfer-leader",
        RaftVerb::Snapshot => "snapshot",
    }
}
