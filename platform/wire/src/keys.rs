//! Rows of a home's key shard, between nodes of its jurisdiction: client and parsed requests; the server's trait is
//! [`crate::pb::keys_server::Keys`]. Every row is wrapped by the jurisdiction's key; nothing here can open one.

mod client;
mod parse;

use bytes::Bytes;
use platform_model::{Epoch, HomeId, NodeId, RegionId, UserId};
use platform_runtime::tls::Expect;

pub use client::KeysClient;
pub use parse::{destroy_key_of, token_key_of, user_key_of};

/// Longest row, in bytes.
pub const ROW_BYTES_MAX: usize = 4_096;
/// Longest id of a token key, in bytes.
pub const TOKEN_ID_BYTES_MAX: usize = 64;

/// The home that is meant and the node that serves its key shard, as the caller's table says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysTarget {
    pub node: NodeId,
    /// Where the node's cell stands: its certificate must say the same.
    pub region: RegionId,
    /// `host:port`.
    pub address: String,
    pub home: HomeId,
    pub epoch: Epoch,
}

impl KeysTarget {
    /// Whom a connection to the target must reach.
    pub fn expect(&self) -> Expect {
        Expect::Node {
            node: self.node.clone(),
            region: self.region.clone(),
        }
    }
}

/// What is asked of whom: the home and the epoch of its key shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedKeys {
    pub home: HomeId,
    pub epoch: Epoch,
}

/// A person's row is asked for, and made of `fresh` if that is given and there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedUser {
    pub asked: AskedKeys,
    pub user: UserId,
    pub fresh: Option<Bytes>,
}

/// The home's token key is asked for; this one is kept if there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedToken {
    pub asked: AskedKeys,
    pub id: String,
    pub wrapped: Bytes,
}
