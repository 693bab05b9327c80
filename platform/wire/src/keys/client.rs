//! Calls to the node that serves a home's key shard.

use bytes::Bytes;
use platform_model::{UserId, WorldId};
use platform_runtime::tls::Identity;
use tonic::transport::Channel;

use super::{KeysTarget, ROW_BYTES_MAX, TOKEN_ID_BYTES_MAX};
use crate::controllers::CallError;
use crate::frame::FRAME_VERSION;
use crate::nodes::{self, Nodes, traced};
use crate::pb;
use crate::pb::keys_client::KeysClient as Client;

/// Clone: a shared handle.
#[derive(Clone)]
pub struct KeysClient {
    world: WorldId,
    nodes: Nodes,
}

impl KeysClient {
    pub fn new(identity: Identity) -> Self {
        Self {
            world: identity.world().clone(),
            nodes: Nodes::new(identity),
        }
    }

    /// The row of a person's key; made of `fresh` if that is given and there is none. Idempotent.
    ///
    /// # Errors
    /// `moved` when the node does not serve that key shard; [`CallError::Unknown`] when the answer was lost: ask again.
    pub async fn user(
        &self,
        target: &KeysTarget,
        user: UserId,
        fresh: Option<&Bytes>,
    ) -> Result<Option<Bytes>, CallError> {
        let request = pb::UserKeyRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            target: Some(target.into()),
            user: user.as_bytes().to_vec(),
            fresh: fresh.map(|row| row.to_vec()),
        };
        let mut client = self.client(target)?;
        let reply = nodes::answer(&target.address, client.user_key(traced(request))).await?;
        nodes::understood(&target.address, reply.version)?;
        reply.row.map(|row| short(target, row)).transpose()
    }

    /// Destroys a person's key for ever. Idempotent.
    ///
    /// # Errors
    /// As [`Self::user`].
    pub async fn destroy(&self, target: &KeysTarget, user: UserId) -> Result<(), CallError> {
        let request = pb::DestroyKeyRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            target: Some(target.into()),
            user: user.as_bytes().to_vec(),
        };
        let mut client = self.client(target)?;
        let reply = nodes::answer(&target.address, client.destroy_key(traced(request))).await?;
        nodes::understood(&target.address, reply.version)
    }

    /// The home's token key; this one if it had none. Idempotent.
    ///
    /// # Errors
    /// As [`Self::user`].
    pub async fn token(
        &self,
        target: &KeysTarget,
        id: &str,
        wrapped: &Bytes,
    ) -> Result<(String, Bytes), CallError> {
        let request = pb::TokenKeyRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            target: Some(target.into()),
            id: id.to_owned(),
            wrapped: wrapped.to_vec(),
        };
        let mut client = self.client(target)?;
        let reply = nodes::answer(&target.address, client.token_key(traced(request))).await?;
        nodes::understood(&target.address, reply.version)?;
        if reply.id.is_empty() || reply.id.len() > TOKEN_ID_BYTES_MAX {
            return Err(invalid(target, "an id of a token key that is none"));
        }
        Ok((reply.id, short(target, reply.wrapped)?))
    }

    fn client(&self, target: &KeysTarget) -> Result<Client<Channel>, CallError> {
        let channel = self
            .nodes
            .channel(&target.node, &target.address, target.expect())?;
        Ok(Client::new(channel))
    }
}

fn short(target: &KeysTarget, row: Vec<u8>) -> Result<Bytes, CallError> {
    if row.len() > ROW_BYTES_MAX {
        return Err(invalid(target, "a row that is too long"));
    }
    Ok(row.into())
}

fn invalid(target: &KeysTarget, cause: &str) -> CallError {
    CallError::InvalidAnswer {
        address: target.address.clone(),
        cause: cause.to_owned(),
    }
}
