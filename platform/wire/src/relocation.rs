//! A person changes home: what nodes and the directory say to each other about it, and what people at work ask. Clients and
//! parsed requests; the servers' traits are [`crate::pb::home_entries_server::HomeEntries`],
//! [`crate::pb::arrivals_server::Arrivals`] and [`crate::pb::relocations_server::Relocations`].
//!
//! Rows travel opened, within mTLS: what sealed them at home does not leave it. They are never printed.

mod client;
mod entry;
mod operator;
mod parse;

use bytes::Bytes;
use platform_model::{Epoch, HomeId, NodeId, RegionId, ShardId, UserId};
use platform_runtime::tls::Expect;
use uuid::Uuid;
use zeroize::Zeroizing;

pub use client::ArrivalsClient;
pub use entry::{AskedEntry, EntriesClient, EntryStep, EntryTold, entry_of, entry_reply};
pub use operator::{Asked, RelocationsClient, Told, begin_of, named_of, told_reply};
pub use parse::{take_of, take_reply};

/// Rows of one part.
pub const ROWS_MAX: usize = 4_096;
/// Bytes of one part.
pub const PART_BYTES_MAX: usize = 2 << 20;
/// Addresses that a person may have.
pub const CLAIMS_MAX: usize = 64;
/// Homes that somebody may have left and that may have to deliver what he told there.
pub const LEFT_MAX: usize = 64;
/// People for whom something may wait of what one told, to be told by name.
pub const WAITING_MAX: usize = 256;
/// Longest reason or name of who asks, in bytes.
pub const TEXT_BYTES_MAX: usize = 512;

/// The shard that is meant and the node that serves it, as the caller's table says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivalsTarget {
    pub node: NodeId,
    /// Where the node's cell stands: its certificate must say the same.
    pub region: RegionId,
    /// `host:port`.
    pub address: String,
    pub shard: ShardId,
    pub epoch: Epoch,
}

impl ArrivalsTarget {
    /// Whom a connection to the target must reach.
    pub fn expect(&self) -> Expect {
        Expect::Node {
            node: self.node.clone(),
            region: self.region.clone(),
        }
    }
}

/// A row of the person, opened; without a value: there is none any more.
#[derive(Clone, PartialEq, Eq)]
pub struct MovedRow {
    pub key: Bytes,
    pub value: Option<(u16, Zeroizing<Vec<u8>>)>,
}

/// One step of taking a person in.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    Begin {
        digest_key: Zeroizing<Vec<u8>>,
    },
    Part(Vec<MovedRow>),
    /// Digest and claim id of each address.
    Claims(Vec<([u8; 32], Uuid)>),
    Complete {
        rows: u64,
        sum: [u8; 32],
        /// His own time behind the fence, in milliseconds since 1970: nothing that he told is later.
        told_ms: u64,
        /// Homes that he left before, with the user epoch since which he lives elsewhere: what he told there may still wait.
        left: Vec<(HomeId, u64)>,
    },
    /// What lies there behind `after` and up to `upto` must be that; an empty key: from the first, to the end of his root.
    Check {
        after: Bytes,
        upto: Bytes,
        rows: u64,
        sum: [u8; 32],
    },
    Activate,
    Abandon,
    /// He is erased where he lives: what is left here of one who is gone goes now, his key too.
    Forget,
    /// His erasure was put on record in the home that he left for this one: he is erased here.
    Erase,
    /// Asked by the home that took him in: whether he has left since `served_epoch`, and nothing that he told there waits.
    Passed,
}

/// A step, and of what.
#[derive(Clone, PartialEq, Eq)]
pub struct Take {
    pub source: ShardId,
    pub user: UserId,
    pub operation: u64,
    pub served_epoch: u64,
    pub law_revision: u64,
    pub consent: bool,
    pub step: Step,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Since which user epoch he lives there, if that is known.
    Done {
        user_epoch: u64,
    },
    /// Not now; why, for a person to read.
    Later(String),
    /// Not for this operation.
    Refused(String),
    Unlawful(String),
    /// Of [`Step::Passed`]: he has left, and what he told waits for these, at most [`WAITING_MAX`].
    Waits(Vec<UserId>),
}

#[cfg(test)]
mod tests;
