//! The controllers' own state as whoever keeps it reads it, part by part; and nodes that are given up in a recovered world.

use platform_model::{Generation, NodeId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tonic::transport::Channel;

use crate::admin::{Accepted, AdminClient};
use crate::client_protocol::Speaks;
use crate::controllers::{COMMAND, CallError, REPORT};
use crate::frame::{FRAME_VERSION, MESSAGE_BYTES_MAX};
use crate::pb;
use crate::pb::recovery_client::RecoveryClient as Client;

/// Bytes of one part.
pub const PART_BYTES_MAX: usize = 4 << 20;
/// Bytes of a state that is read: what the controllers hand each other.
pub const WORLD_BYTES_MAX: u64 = 256 << 20;
/// The state may change between two parts: so often it is begun anew.
const ATTEMPTS_MAX: u32 = 20;

/// In the data directory of a controller that is to begin with a kept state.
pub const RECOVER_FILE: &str = "recover.json";

/// What lies there: a kept state, and who wants it recovered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToRecover {
    pub world: String,
    /// Of the stored form of `state`.
    pub state_version: u32,
    pub state: serde_json::Value,
    /// Now, in milliseconds since 1970.
    pub at_ms: u64,
    /// SPIFFE id.
    pub by: String,
    pub reason: String,
    /// Name of the backup.
    pub backup: String,
}

/// A world's state as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldState {
    /// Of the stored form.
    pub version: u32,
    /// JSON.
    pub bytes: Vec<u8>,
    /// Of the last decision in it, in milliseconds since 1970.
    pub time_ms: u64,
}

impl AdminClient {
    /// The whole state, with everything that was acknowledged before the call.
    ///
    /// # Errors
    /// As every call; [`CallError::InvalidAnswer`] for parts that make no whole.
    pub async fn read_world(&self) -> Result<WorldState, CallError> {
        for _ in 0..ATTEMPTS_MAX {
            if let Some(whole) = self.read_world_once().await? {
                return Ok(whole);
            }
        }
        Err(invalid("the state changes faster than it can be read"))
    }

    /// None: it changed meanwhile.
    async fn read_world_once(&self) -> Result<Option<WorldState>, CallError> {
        let first = self.world_part(0).await?;
        if first.length > WORLD_BYTES_MAX {
            return Err(invalid("a state that is too large"));
        }
        let mut bytes = first.bytes;
        while (bytes.len() as u64) < first.length {
            let part = self.world_part(bytes.len() as u64).await?;
            if part.digest != first.digest {
                return Ok(None);
            }
            if part.bytes.is_empty() {
                return Err(invalid("a part that holds nothing"));
            }
            bytes.extend(part.bytes);
        }
        if digest(&bytes).as_slice() != first.digest {
            return Err(invalid("parts that make no whole"));
        }
        Ok(Some(WorldState {
            version: first.state_version,
            bytes,
            time_ms: first.time_ms,
        }))
    }

    async fn world_part(&self, from: u64) -> Result<pb::WorldPart, CallError> {
        let request = pb::ReadWorldRequest {
            version: FRAME_VERSION,
            world: self.controllers.world().to_string(),
            from,
        };
        let send = |channel: Channel| {
            let request = request.clone();
            async move {
                let client = Client::with_interceptor(channel, Speaks);
                let mut client = client.max_decoding_message_size(MESSAGE_BYTES_MAX);
                client.read_world(request).await
            }
        };
        self.controllers.call(REPORT, send).await
    }

    /// What a node of a recovered world may know is given up: it will never answer.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub async fn give_node_up(&self, node: &NodeId, reason: &str) -> Result<Accepted, CallError> {
        let request = pb::GiveNodeUpRequest {
            version: FRAME_VERSION,
            world: self.controllers.world().to_string(),
            node: node.to_string(),
            reason: reason.to_owned(),
        };
        let send = |channel: Channel| {
            let request = request.clone();
            async move {
                let mut client = Client::with_interceptor(channel, Speaks);
                client.give_node_up(request).await
            }
        };
        let reply = self.controllers.call(COMMAND, send).await?;
        Ok(Accepted {
            sequence: reply.sequence,
            generation: Generation(reply.generation),
        })
    }
}

impl AdminClient {
    /// After a recovery: the list of the erased is whole again, and shards may be restored.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub async fn tell_erasures(&self, reason: &str) -> Result<Accepted, CallError> {
        let request = pb::TellErasuresRequest {
            version: FRAME_VERSION,
            world: self.controllers.world().to_string(),
            reason: reason.to_owned(),
        };
        let send = |channel: Channel| {
            let request = request.clone();
            async move {
                let mut client = Client::with_interceptor(channel, Speaks);
                client.tell_erasures(request).await
            }
        };
        let reply = self.controllers.call(COMMAND, send).await?;
        Ok(Accepted {
            sequence: reply.sequence,
            generation: Generation(reply.generation),
        })
    }
}

/// Of a whole state.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn invalid(cause: &str) -> CallError {
    CallError::InvalidAnswer {
        address: "a controller".to_owned(),
        cause: cause.to_owned(),
    }
}
