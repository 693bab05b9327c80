//! Events between people's roots, running: the relays of the shards that are served here, and the receiver's side.
//!
//! | module | what it is |
//! |---|---|
//! | `relays` | keeps one relay for each term of a shard that is served here |
//! | `relay` | one of them: the pure relay of `cell-relay` over the shard's outbox |
//! | `cargo` | an event on its way out: opened by its author's key, cut field by field by the law |
//! | `send` | the call that takes events to the node that serves their roots |
//! | `decline` | whether its receiver has an event that is to be set aside |
//! | `admissible` | what is asked of an event that comes in before its root is looked at |
//! | `receive` | the receiver's transaction: effect and mark together, or parked |
//! | `bridge` | what is told, on its way to a broker outside |
//! | `admitted` | no foreign data is kept before the controllers know of it |
//! | `rpc` | the door for other nodes |
//! | `operator` | parked events, for people at work |
//!
//! What is promised: each event takes effect at most once, and exactly once in the end unless it is parked; those that one
//! shard tells one root take effect in the order in which they were told. Nothing leaves that is not committed.

mod admissible;
mod admitted;
mod bridge;
mod cargo;
mod decline;
mod faults;
mod operator;
mod parked;
mod receive;
mod relay;
mod relays;
mod rpc;
mod send;

use std::sync::Arc;

use cell_law::Law;
use cell_sdk::Domain;
use platform_model::{HomeId, Jurisdiction, ShardId, WorldId};
use platform_runtime::clock::Clock;
use platform_wire::events::EventsClient;
use platform_wire::follow::Followed;
use platform_wire::report::ReportClient;

use crate::home_keys::HomeKeys;
use crate::hosted::Hosted;
use admitted::Admitted;

pub use bridge::{Bridge, WAITING_MAX, WAITING_OF_ONE_MAX};
pub use operator::routes as operator_routes;
pub use rpc::routes;

/// What events need of the node. Clones share it.
#[derive(Clone)]
pub struct Events {
    parts: Arc<Parts>,
}

struct Parts {
    world: WorldId,
    hosted: Hosted,
    followed: Followed,
    keys: HomeKeys,
    law: Law,
    clock: Clock,
    client: EventsClient,
    domains: Arc<Vec<Box<dyn Domain>>>,
    admitted: Admitted,
    bridge: Option<Bridge>,
}

/// What [`Events::new`] is given.
pub struct Lent {
    pub world: WorldId,
    pub hosted: Hosted,
    pub followed: Followed,
    pub keys: HomeKeys,
    pub law: Law,
    pub clock: Clock,
    pub client: EventsClient,
    pub reports: ReportClient,
    pub domains: Arc<Vec<Box<dyn Domain>>>,
    /// Where they go outside, if they do.
    pub bridge: Option<Bridge>,
}

impl Events {
    pub fn new(lent: Lent) -> Self {
        let parts = Parts {
            world: lent.world,
            hosted: lent.hosted,
            followed: lent.followed,
            keys: lent.keys,
            law: lent.law,
            clock: lent.clock,
            client: lent.client,
            domains: lent.domains,
            bridge: lent.bridge,
            admitted: Admitted::new(lent.reports),
        };
        Self {
            parts: Arc::new(parts),
        }
    }
}

/// The home whose people a shard holds; none for a shard that holds none.
fn home_of(shard: &ShardId) -> Option<&HomeId> {
    match shard {
        ShardId::Root { home, .. } => Some(home),
        _ => None,
    }
}

/// Under whose law people of a shard are.
fn jurisdiction_of(shard: &ShardId) -> &Jurisdiction {
    shard.jurisdiction()
}

#[cfg(test)]
pub(crate) mod tests;
