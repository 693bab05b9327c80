//! Relocations, as people at work ask for them at the node that serves the person.

use platform_model::{HomeId, NodeId, RegionId, UserId, WorldId};
use platform_runtime::tls::{Expect, Identity};
use tonic::transport::Channel;
use tonic::{Response, Status};

use super::TEXT_BYTES_MAX;
use super::parse::user;
use crate::channel;
use crate::controllers::CallError;
use crate::frame::{self, FRAME_VERSION};
use crate::nodes;
use crate::pb;
use crate::pb::relocations_client::RelocationsClient as Client;
use crate::refusal::Refusal;

/// A relocation that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub home: HomeId,
    pub user: UserId,
    pub to: HomeId,
    pub reason: String,
    pub dry_run: bool,
}

/// How a person's relocation stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// Empty: he never moved, and is about to move nowhere.
    pub phase: String,
    pub operation: u64,
    /// The other home: where to, or where he has gone.
    pub other: String,
    pub user_epoch: u64,
    pub by: String,
    pub consent: bool,
    pub since_ms: u64,
    /// How the last one ended.
    pub outcome: String,
    /// Data classes that may go there only with his consent.
    pub needs_consent: Vec<String>,
}

/// # Errors
/// A refusal as a status: another world, another version, or a field that cannot be.
pub fn begin_of(wire: pb::BeginRelocation, ours: &WorldId) -> Result<Asked, Status> {
    frame::check(wire.version, &wire.world, ours)?;
    Ok(Asked {
        home: wire.home.parse().map_err(Refusal::invalid)?,
        user: user(&wire.user)?,
        to: wire.to.parse().map_err(Refusal::invalid)?,
        reason: text(wire.reason)?,
        dry_run: wire.dry_run,
    })
}

/// Home, person and reason.
///
/// # Errors
/// As [`begin_of`].
pub fn named_of(wire: pb::NameRelocation, ours: &WorldId) -> Result<(HomeId, UserId, String), Status> {
    frame::check(wire.version, &wire.world, ours)?;
    let home = wire.home.parse().map_err(Refusal::invalid)?;
    Ok((home, user(&wire.user)?, text(wire.reason)?))
}

fn text(text: String) -> Result<String, Refusal> {
    if text.len() <= TEXT_BYTES_MAX {
        Ok(text)
    } else {
        let message = format!(
            "a reason of {} bytes, at most {TEXT_BYTES_MAX} are read",
            text.len()
        );
        Err(Refusal::invalid(message))
    }
}

/// The answer.
pub fn told_reply(told: Told) -> pb::RelocationReply {
    pb::RelocationReply {
        version: FRAME_VERSION,
        phase: told.phase,
        operation: told.operation,
        other: told.other,
        user_epoch: told.user_epoch,
        by: told.by,
        consent: told.consent,
        since_ms: told.since_ms,
        outcome: told.outcome,
        needs_consent: told.needs_consent,
    }
}

/// Asks one node. Clone: a shared handle.
#[derive(Clone)]
pub struct RelocationsClient {
    world: WorldId,
    address: String,
    channel: Channel,
}

impl RelocationsClient {
    /// # Errors
    /// Only for a text that is no address. Does no I/O.
    pub fn new(
        node: &NodeId,
        region: &RegionId,
        address: &str,
        identity: &Identity,
    ) -> Result<Self, CallError> {
        let expect = Expect::Node {
            node: node.clone(),
            region: region.clone(),
        };
        let channel =
            channel::connect(address, identity, expect).map_err(|error| CallError::Unreachable {
                addresses: address.to_owned(),
                last: error.to_string(),
            })?;
        Ok(Self {
            world: identity.world().clone(),
            address: address.to_owned(),
            channel,
        })
    }

    /// Begins to relocate a person, or says what would be.
    ///
    /// # Errors
    /// `law-forbids` for an illegal home; `placement` for one who moves already; `unknown-record` for nobody.
    pub async fn begin(&self, asked: &Asked) -> Result<Told, CallError> {
        let request = pb::BeginRelocation {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            home: asked.home.to_string(),
            user: asked.user.as_bytes().to_vec(),
            to: asked.to.to_string(),
            reason: asked.reason.clone(),
            dry_run: asked.dry_run,
        };
        self.told(Client::new(self.channel.clone()).begin(request)).await
    }

    /// How it stands.
    ///
    /// # Errors
    /// `moved` when the node does not serve the person.
    pub async fn show(&self, home: &HomeId, user: UserId) -> Result<Told, CallError> {
        let request = self.name(home, user, "");
        self.told(Client::new(self.channel.clone()).show(request)).await
    }

    /// Asks that it be cancelled; possible up to the commit in the directory.
    ///
    /// # Errors
    /// `placement` when none is under way.
    pub async fn cancel(&self, home: &HomeId, user: UserId, reason: &str) -> Result<Told, CallError> {
        let request = self.name(home, user, reason);
        self.told(Client::new(self.channel.clone()).cancel(request)).await
    }

    fn name(&self, home: &HomeId, user: UserId, reason: &str) -> pb::NameRelocation {
        pb::NameRelocation {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            home: home.to_string(),
            user: user.as_bytes().to_vec(),
            reason: reason.to_owned(),
        }
    }

    async fn told(
        &self,
        call: impl Future<Output = Result<Response<pb::RelocationReply>, Status>>,
    ) -> Result<Told, CallError> {
        let reply = nodes::answer(&self.address, call).await?;
        nodes::understood(&self.address, reply.version)?;
        Ok(Told {
            phase: reply.phase,
            operation: reply.operation,
            other: reply.other,
            user_epoch: reply.user_epoch,
            by: reply.by,
            consent: reply.consent,
            since_ms: reply.since_ms,
            outcome: reply.outcome,
            needs_consent: reply.needs_consent,
        })
    }
}
