//! Events between nodes: client and parsed requests; the server's trait is [`crate::pb::events_server::Events`].
//!
//! What travels here has passed the gate where it left, field by field, and is checked again where it comes in.

mod client;
mod parked;
mod parse;

use bytes::Bytes;
use platform_model::{DataClass, Epoch, EpochPosition, HomeId, NodeId, RegionId, ShardId, UserId};
use platform_runtime::tls::Expect;

pub use client::EventsClient;
pub use parked::{
    ParkedClient, ParkedEvent, Settle, Settled, list_parked_of, settle_parked_of, settled_reply,
};
pub use parse::{decline_of, decline_reply, deliver_of, deliver_reply};

/// Events of one call.
pub const DELIVERIES_MAX: usize = 256;
/// Longest message of an event, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Longest name of a domain or an event, in bytes.
pub const NAME_BYTES_MAX: usize = 128;
/// Fields of one event.
pub const FIELDS_MAX: usize = 256;

/// The shard that is meant and the node that serves it, as the caller's table says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsTarget {
    pub node: NodeId,
    /// Where the node's cell stands: its certificate must say the same.
    pub region: RegionId,
    /// `host:port`.
    pub address: String,
    pub shard: ShardId,
    pub epoch: Epoch,
}

impl EventsTarget {
    /// Whom a connection to the target must reach.
    pub fn expect(&self) -> Expect {
        Expect::Node {
            node: self.node.clone(),
            region: self.region.clone(),
        }
    }
}

/// Where an event stands in its source's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventAt {
    pub at: EpochPosition,
    pub index: u32,
    pub event: u32,
}

/// One event on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub to: UserId,
    pub key: EventAt,
    /// The source has nothing more to send below.
    pub low: EpochPosition,
    /// That told it.
    pub domain: String,
    pub name: String,
    pub event_version: u32,
    pub from: UserId,
    pub message: Bytes,
    /// Of each field of the message.
    pub classes: Vec<(u32, DataClass)>,
    /// Where its author knows the receiver to live; none: in the home that is meant.
    pub known_at: Option<HomeId>,
}

/// What is asked of whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedDeliver {
    pub source: ShardId,
    pub target: ShardId,
    pub epoch: Epoch,
    pub law_revision: u64,
    pub deliveries: Vec<Delivery>,
}

/// Of which event it is asked whether it took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedDecline {
    pub source: ShardId,
    pub target: ShardId,
    pub epoch: Epoch,
    pub to: UserId,
    pub key: EventAt,
}

/// What a receiver's home says of an event that its source would set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declined {
    /// It took effect before, or was parked.
    Taken,
    /// It never will, under its key.
    Never,
    /// The person lives in that home by now, and what took effect here went along: it is to be asked there.
    HomeMoved(HomeId),
}

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// Effect and mark are committed, now or since before; or it was parked there.
    Delivered,
    /// The root is served elsewhere.
    Moved,
    /// Not now; why, for a person to read.
    Later(String),
    /// There never was such a root.
    NoRoot,
    /// The law at the receiver keeps it out.
    Unlawful(String),
    /// The person lives in that home by now.
    HomeMoved(HomeId),
}
