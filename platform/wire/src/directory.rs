//! What nodes ask of each other: claims at a directory shard of another node, and what a person's shard makes of one.
//! Clients and parsed requests; the servers' traits are [`crate::pb::directory_server::Directory`] and
//! [`crate::pb::person_claims_server::PersonClaims`].
//!
//! A claim is known by its keyed digest; no address of a person ever travels here.

mod client;
mod decide;
mod held;
mod parse;

use platform_model::{Epoch, HomeId, NodeId, RegionId, ShardId, UserId};
use platform_runtime::tls::Expect;
use uuid::Uuid;

pub use client::DirectoryClient;
pub use decide::{AskedDecide, DecideClient, Decision, decide_of, decide_reply};
pub use held::{AskedHeld, HELD_MAX, HeldClaim, HeldPage, held_of};
pub(crate) use parse::asked;
pub use parse::{Asked, AskedRelease, claim_of, lookup_of, lookup_reply, release_of};

/// Longest digest of a claim, in bytes.
pub const DIGEST_BYTES_MAX: usize = 64;

/// The directory shard that is meant and the node that serves it, as the caller's table says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub node: NodeId,
    /// Where the node's cell stands: its certificate must say the same.
    pub region: RegionId,
    /// `host:port`.
    pub address: String,
    pub shard: ShardId,
    pub epoch: Epoch,
}

impl Target {
    /// Whom a connection to the target must reach.
    pub fn expect(&self) -> Expect {
        Expect::Node {
            node: self.node.clone(),
            region: self.region.clone(),
        }
    }
}

/// Who holds a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimEntry {
    pub user: UserId,
    pub claim_id: Uuid,
    pub home: HomeId,
    /// Grows with each home that its holder takes it along to.
    pub version: u64,
}

#[cfg(test)]
mod tests;
