//! Erasures on record and shards restored: what nodes and operators ask of the controllers. What operators ask of nodes
//! is in [`crate::custody`].

use platform_model::{Epoch, Generation, HomeId, NodeId, ReplicaId, ShardId, UserId};
use tonic::transport::Channel;
use uuid::Uuid;

use crate::admin::AdminClient;
use crate::client_protocol::Speaks;
use crate::controllers::{COMMAND, CallError, REPORT};
use crate::frame::{FRAME_VERSION, MESSAGE_BYTES_MAX};
use crate::pb;
use crate::pb::backups_client::BackupsClient as Client;
use crate::replicas::replica_bytes;
use crate::report::ReportClient;

/// Erased people that one answer names: as many as the homes of a jurisdiction may have on record.
pub const ERASED_MAX: usize = 1_000_000;
/// Open erasures that one answer names.
pub const OPEN_ERASURES_MAX: usize = 1_000;

// It fits into a message.
const _: () = assert!(ERASED_MAX * 16 + 1_024 < MESSAGE_BYTES_MAX);

/// The list of those who had data in a shard and were erased, as a controller knew it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    pub users: Vec<UserId>,
    /// Stands for the whole list.
    pub digest: [u8; 32],
}

/// A copy that was restored, for the controllers to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredCopy {
    pub replica: ReplicaId,
    pub epoch: Epoch,
    pub expected: Generation,
    /// Of the list of erased people that was applied.
    pub erased: [u8; 32],
    /// When the node had it, in milliseconds since 1970; 0: it does not say.
    pub restored_ms: u64,
}

/// A restore that may be, or was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restorable {
    /// Number of the decision; 0: none was made.
    pub sequence: u64,
    pub epoch: Epoch,
    pub expected: Generation,
}

/// What cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidErased {
    #[error("{0} bytes are no list of at most {ERASED_MAX} UUIDs")]
    Users(usize),
    #[error("a digest of {0} bytes, not 32")]
    Digest(usize),
}

/// An erasure, as the node that does it has it put on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureRecord {
    pub home: HomeId,
    pub user: UserId,
    /// Who asked for it, and why.
    pub by: String,
    pub reason: String,
    pub stage: ErasureStage,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasureStage {
    /// Nothing is destroyed yet.
    Begins,
    /// Key and rows are gone.
    Done { claims: u64, rows: u64 },
}

impl ReportClient {
    /// Puts on record that what a person had in a home is gone, for he lives in another. Answers the number of the decision;
    /// 0 if it was so already. Idempotent.
    ///
    /// # Errors
    /// A refusal when the caller does not serve the shard where he lived.
    pub async fn record_departure(
        &self,
        home: &HomeId,
        user: UserId,
        rows: u64,
        to: &HomeId,
    ) -> Result<u64, CallError> {
        let request = pb::RecordErasureRequest {
            version: FRAME_VERSION,
            world: self.controllers.world().to_string(),
            home: home.to_string(),
            user: user.as_bytes().to_vec(),
            rows,
            moved_to: to.to_string(),
            ..pb::RecordErasureRequest::default()
        };
        let send = |channel| {
            let request = request.clone();
            async move { Client::new(channel).record_erasure(request).await }
        };
        let reply = self.controllers.call(REPORT, send).await?;
        Ok(reply.sequence)
    }

    /// Puts on record that a person is about to be erased, and then that it is done. Answers the number of the decision; 0 if
    /// it was so already. Idempotent.
    ///
    /// # Errors
    /// A refusal when the caller does not serve the person's shard.
    pub async fn record_erasure(&self, record: &ErasureRecord) -> Result<u64, CallError> {
        let (claims, rows) = match record.stage {
            ErasureStage::Begins => (0, 0),
            ErasureStage::Done { claims, rows } => (claims, rows),
        };
        let request = pb::RecordErasureRequest {
            version: FRAME_VERSION,
            world: self.controllers.world().to_string(),
            home: record.home.to_string(),
            user: record.user.as_bytes().to_vec(),
            rows,
            begins: record.stage == ErasureStage::Begins,
            by: record.by.clone(),
            reason: record.reason.clone(),
            claims,
            moved_to: String::new(),
        };
        let send = |channel| {
            let request = request.clone();
            async move { Client::new(channel).record_erasure(request).await }
        };
        self.controllers
            .call(REPORT, send)
            .await
            .map(|reply| reply.sequence)
    }

    /// Puts on record what somebody has this node do with data of a shard. Answers the number of the decision.
    ///
    /// # Errors
    /// As every call.
    pub async fn note_work(
        &self,
        shard: &ShardId,
        work: &'static str,
        by: (&str, &str),
    ) -> Result<u64, CallError> {
        self.note(shard, work, &[], by).await
    }

    /// Puts on record that somebody is given all that is held of a person whose shard this node serves, and why. Answers the
    /// number of the decision.
    ///
    /// # Errors
    /// As every call.
    pub async fn note_export(
        &self,
        shard: &ShardId,
        user: UserId,
        by: (&str, &str),
    ) -> Result<u64, CallError> {
        self.note(shard, "export-user", user.as_bytes(), by).await
    }

    async fn note(
        &self,
        shard: &ShardId,
        work: &'static str,
        user: &[u8],
        (by, reason): (&str, &str),
    ) -> Result<u64, CallError> {
        let request = pb::NoteWorkRequest {
            version: FRAME_VERSION,
            world: self.controllers.world().to_string(),
            shard: shard.to_string(),
            work: work.to_owned(),
            by: by.to_owned(),
            reason: reason.to_owned(),
            user: user.to_vec(),
        };
        let send = |channel| {
            let request = request.clone();
            async move { Client::new(channel).note_work(request).await }
        };
        self.controllers
            .call(REPORT, send)
            .await
            .map(|reply| reply.sequence)
    }

    /// Who had data in a shard, or claims, and was erased.
    ///
    /// # Errors
    /// As every call.
    pub async fn read_erased(&self, shard: &ShardId) -> Result<Erased, CallError> {
        self.erased(shard, false).await
    }

    /// Those of them whose erasure was begun and has not come to its end; some, if they are many.
    ///
    /// # Errors
    /// As every call.
    pub async fn read_open_erasures(&self, shard: &ShardId) -> Result<Vec<UserId>, CallError> {
        Ok(self.erased(shard, true).await?.users)
    }

    async fn erased(&self, shard: &ShardId, open_only: bool) -> Result<Erased, CallError> {
        let request = pb::ReadErasedRequest {
            version: FRAME_VERSION,
            world: self.controllers.world().to_string(),
            shard: shard.to_string(),
            open_only,
        };
        let send = |channel: Channel| {
            let request = request.clone();
            async move {
                let mut client = Client::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
                client.read_erased(request).await
            }
        };
        let reply = self.controllers.call(REPORT, send).await?;
        reply
            .try_into()
            .map_err(|error: InvalidErased| CallError::InvalidAnswer {
                address: "a controller".to_owned(),
                cause: error.to_string(),
            })
    }
}

impl AdminClient {
    /// Whether a shard may be restored on a node, and for which epoch the copy is to be made. Changes nothing.
    ///
    /// # Errors
    /// The rule that forbids it: a copy that lives, the law, an operation under way.
    pub async fn may_restore(
        &self,
        shard: &ShardId,
        node: &NodeId,
        reason: &str,
    ) -> Result<Restorable, CallError> {
        self.restore(shard, node, None, reason).await
    }

    /// Lets a shard go on with a copy that was restored; the copies that were are given up for ever.
    ///
    /// # Errors
    /// As [`Self::may_restore`]; when somebody was erased since the copy was restored.
    pub async fn restore_shard(
        &self,
        shard: &ShardId,
        node: &NodeId,
        copy: &RestoredCopy,
        reason: &str,
    ) -> Result<Restorable, CallError> {
        self.restore(shard, node, Some(copy), reason).await
    }

    async fn restore(
        &self,
        shard: &ShardId,
        node: &NodeId,
        copy: Option<&RestoredCopy>,
        reason: &str,
    ) -> Result<Restorable, CallError> {
        let request = pb::RestoreShardRequest {
            version: FRAME_VERSION,
            world: self.world(),
            shard: shard.to_string(),
            node: node.to_string(),
            copy: copy.map(|copy| pb::RestoredCopy {
                replica: replica_bytes(copy.replica),
                epoch: copy.epoch.0,
                expected: copy.expected.0,
                erased: copy.erased.to_vec(),
                restored_ms: copy.restored_ms,
            }),
            copies_are_lost: true,
            reason: reason.to_owned(),
        };
        let send = |channel| {
            let request = request.clone();
            async move {
                Client::with_interceptor(channel, Speaks)
                    .restore_shard(request)
                    .await
            }
        };
        let reply = self.controllers.call(COMMAND, send).await?;
        Ok(Restorable {
            sequence: reply.sequence,
            epoch: Epoch(reply.epoch),
            expected: Generation(reply.expected),
        })
    }
}

impl From<&Erased> for pb::ReadErasedReply {
    fn from(erased: &Erased) -> Self {
        Self {
            version: FRAME_VERSION,
            users: erased.users.iter().flat_map(|user| *user.as_bytes()).collect(),
            digest: erased.digest.to_vec(),
        }
    }
}

impl TryFrom<pb::ReadErasedReply> for Erased {
    type Error = InvalidErased;

    fn try_from(wire: pb::ReadErasedReply) -> Result<Self, InvalidErased> {
        let bytes = wire.users.len();
        let (users, rest) = wire.users.as_chunks::<16>();
        if !rest.is_empty() || users.len() > ERASED_MAX {
            return Err(InvalidErased::Users(bytes));
        }
        Ok(Self {
            users: users
                .iter()
                .map(|user| UserId::from_uuid(Uuid::from_bytes(*user)))
                .collect(),
            digest: read_digest(&wire.digest)?,
        })
    }
}

/// # Errors
/// Unless it has 32 bytes.
pub fn read_digest(bytes: &[u8]) -> Result<[u8; 32], InvalidErased> {
    bytes.try_into().map_err(|_| InvalidErased::Digest(bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_back_and_half_an_id_is_none() {
        let erased = Erased {
            users: vec![
                UserId::from_uuid(Uuid::from_u128(1)),
                UserId::from_uuid(Uuid::from_u128(2)),
            ],
            digest: [7; 32],
        };
        let wire = pb::ReadErasedReply::from(&erased);
        assert_eq!(Erased::try_from(wire.clone()), Ok(erased));
        let mut broken = wire.clone();
        broken.users.pop();
        assert_eq!(Erased::try_from(broken), Err(InvalidErased::Users(31)));
        let mut broken = wire;
        broken.digest.pop();
        assert_eq!(Erased::try_from(broken), Err(InvalidErased::Digest(31)));
    }
}
