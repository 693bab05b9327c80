//! Calls to the node that serves a directory shard. One connection per node, checked to be that very node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use platform_model::{NodeId, WorldId};
use platform_runtime::tls::{Expect, Identity};
use tonic::transport::Channel;
use tonic::{Response, Status};
use uuid::Uuid;

use super::traced::traced;
use super::{ClaimEntry, Target, parse};
use crate::channel::{self, describe, never_sent};
use crate::controllers::CallError;
use crate::frame::{self, FRAME_VERSION};
use crate::pb;
use crate::pb::directory_client::DirectoryClient as Client;
use crate::refusal::Refusal;

/// How long one call may take.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(4);
/// Connections kept; past it the first in order is closed.
const CONNECTIONS_MAX: usize = 1_024;

/// Clone: a shared handle.
#[derive(Clone)]
pub struct DirectoryClient {
    identity: Identity,
    world: WorldId,
    connections: Arc<Mutex<BTreeMap<NodeId, Connection>>>,
}

/// A connection and what it was made for: a node that comes to stand elsewhere is connected to anew.
struct Connection {
    address: String,
    expect: Expect,
    channel: Channel,
}

impl DirectoryClient {
    pub fn new(identity: Identity) -> Self {
        let world = identity.world().clone();
        Self {
            identity,
            world,
            connections: Arc::default(),
        }
    }

    /// Claims; `false` if someone else holds it. The same claim id again gives the same answer.
    ///
    /// # Errors
    /// `moved` when the node does not serve that shard; [`CallError::Unknown`] when the answer was lost: ask again.
    pub async fn claim(&self, target: &Target, digest: &[u8], entry: &ClaimEntry) -> Result<bool, CallError> {
        let request = pb::ClaimRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            target: Some(target.into()),
            digest: digest.to_vec(),
            entry: Some(entry.into()),
        };
        let mut client = self.client(target)?;
        let reply = answer(target, client.claim(traced(request))).await?;
        understood(target, reply.version)?;
        Ok(reply.held)
    }

    /// Lets go of the claim if it is still held under `claim_id`. Idempotent.
    ///
    /// # Errors
    /// As [`Self::claim`].
    pub async fn release(&self, target: &Target, digest: &[u8], claim_id: Uuid) -> Result<(), CallError> {
        let request = pb::ReleaseRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            target: Some(target.into()),
            digest: digest.to_vec(),
            claim_id: claim_id.as_bytes().to_vec(),
        };
        let mut client = self.client(target)?;
        let reply = answer(target, client.release(traced(request))).await?;
        understood(target, reply.version)
    }

    /// Who holds the claim.
    ///
    /// # Errors
    /// As [`Self::claim`].
    pub async fn lookup(&self, target: &Target, digest: &[u8]) -> Result<Option<ClaimEntry>, CallError> {
        let request = pb::LookupRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            target: Some(target.into()),
            digest: digest.to_vec(),
        };
        let mut client = self.client(target)?;
        let reply = answer(target, client.lookup(traced(request))).await?;
        understood(target, reply.version)?;
        let entry = reply.entry.map(parse::entry).transpose();
        entry.map_err(|refusal| CallError::InvalidAnswer {
            address: target.address.clone(),
            cause: refusal.message,
        })
    }

    fn client(&self, target: &Target) -> Result<Client<Channel>, CallError> {
        let (address, expect) = (target.address.clone(), target.expect());
        let mut connections = self.connections.lock();
        if let Some(held) = connections.get(&target.node)
            && (&held.address, &held.expect) == (&address, &expect)
        {
            return Ok(Client::new(held.channel.clone()));
        }
        let channel = channel::connect(&address, &self.identity, expect.clone())
            .map_err(|e| unreachable(target, e.to_string()))?;
        if connections.len() >= CONNECTIONS_MAX {
            connections.pop_first();
        }
        let connection = Connection {
            address,
            expect,
            channel: channel.clone(),
        };
        connections.insert(target.node.clone(), connection);
        Ok(Client::new(channel))
    }
}

async fn answer<T>(
    target: &Target,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, CallError> {
    let status = match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(Ok(response)) => return Ok(response.into_inner()),
        Ok(Err(status)) => status,
        Err(_) => Status::deadline_exceeded("no answer in time"),
    };
    Err(match Refusal::from_status(&status) {
        Some(refusal) => refusal.into(),
        None if never_sent(&status) => unreachable(target, describe(&status)),
        None => CallError::Unknown {
            address: target.address.clone(),
            cause: describe(&status),
        },
    })
}

fn understood(target: &Target, version: u32) -> Result<(), CallError> {
    frame::check_version(version).map_err(|status| CallError::InvalidAnswer {
        address: target.address.clone(),
        cause: status.message().to_owned(),
    })
}

fn unreachable(target: &Target, last: String) -> CallError {
    CallError::Unreachable {
        addresses: target.address.clone(),
        last,
    }
}
