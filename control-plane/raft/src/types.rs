//! The types that the library is told to use. Commands and outcomes are opaque text here, so that log and network
//! know nothing of what they carry; [`crate::machine`] gives them meaning.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A command as it stands in the log: the JSON of [`crate::Machine::Command`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Proposal(pub String);

impl fmt::Display for Proposal {
    /// The size only: what a command holds does not belong in a log of the process.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command of {} bytes", self.0.len())
    }
}

/// What the state machine answered: the JSON of [`crate::Machine::Outcome`], or nothing for entries without command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reply(pub Option<String>);

openraft::declare_raft_types!(
    /// Leader ids are totally ordered within a term, so that two candidates cannot split votes for ever.
    pub Types:
        D = Proposal,
        R = Reply,
        NodeId = u64,
        Node = openraft::BasicNode,
);

pub type Entry = openraft::alias::EntryOf<Types>;
pub type LogId = openraft::alias::LogIdOf<Types>;
pub type Vote = openraft::alias::VoteOf<Types>;
pub type StoredMembership = openraft::alias::StoredMembershipOf<Types>;
pub type SnapshotMeta = openraft::alias::SnapshotMetaOf<Types>;
pub type Snapshot = openraft::alias::SnapshotOf<Types, bytes::Bytes>;
