//! Calls to the node that serves a directory shard. One connection per node, checked to be that very node.

use platform_model::{HomeId, WorldId};
use platform_runtime::tls::Identity;
use tonic::transport::Channel;
use tonic::{Response, Status};
use uuid::Uuid;

use super::{ClaimEntry, Target, parse};
use crate::controllers::CallError;
use crate::frame::FRAME_VERSION;
use crate::nodes::{self, Nodes, traced};
use crate::pb;
use crate::pb::directory_client::DirectoryClient as Client;

/// Clone: a shared handle.
#[derive(Clone)]
pub struct DirectoryClient {
    world: WorldId,
    nodes: Nodes,
}

impl DirectoryClient {
    pub fn new(identity: Identity) -> Self {
        Self {
            world: identity.world().clone(),
            nodes: Nodes::new(identity),
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

    /// Lets go of the claim if it is still held under `claim_id`, and in `home` if one is named. Idempotent.
    ///
    /// # Errors
    /// As [`Self::claim`].
    pub async fn release(
        &self,
        target: &Target,
        digest: &[u8],
        claim_id: Uuid,
        home: Option<&HomeId>,
    ) -> Result<(), CallError> {
        let request = pb::ReleaseRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            target: Some(target.into()),
            digest: digest.to_vec(),
            claim_id: claim_id.as_bytes().to_vec(),
            home: home.map_or_else(String::new, ToString::to_string),
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
        let channel = self
            .nodes
            .channel(&target.node, &target.address, target.expect())?;
        Ok(Client::new(channel))
    }
}

async fn answer<T>(
    target: &Target,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, CallError> {
    nodes::answer(&target.address, call).await
}

fn understood(target: &Target, version: u32) -> Result<(), CallError> {
    nodes::understood(&target.address, version)
}
