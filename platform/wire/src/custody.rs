//! What operators ask of a node: backups of its shards, copies restored on it, people erased there. The server's trait is
//! [`crate::pb::custody_server::Custody`].

mod export;
mod goal;
mod removal;

use std::time::Duration;

use platform_model::{
    Epoch, EpochPosition, HomeId, NodeId, Position, RegionId, ReplicaId, ShardId, UserId, WorldId,
};
use platform_runtime::tls::{Expect, Identity};
use tonic::transport::Channel;
use tonic::{Response, Status};

use crate::channel;
use crate::controllers::CallError;
use crate::frame::{FRAME_VERSION, MESSAGE_BYTES_MAX};
use crate::nodes;
use crate::pb;
use crate::pb::custody_client::CustodyClient as Client;
use crate::replicas::replica_bytes;

pub use export::{ExportPage, Exporting};
pub use goal::{InvalidGoal, RestoreGoal};
pub use removal::{Removal, RemovedBackup};

/// Longest name of a backup, in bytes.
pub const NAME_BYTES_MAX: usize = 128;
/// A listing asks the store for every backup.
const LISTED_WITHIN: Duration = Duration::from_secs(60);
/// An erasure goes over every row of a person.
const ERASURE_WITHIN: Duration = Duration::from_secs(60);

/// Asks one node. Clone: a shared handle.
#[derive(Clone)]
pub struct CustodyClient {
    world: WorldId,
    address: String,
    channel: Channel,
}

/// How such work stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobStatus {
    pub job: u64,
    pub state: JobState,
    pub backup: BackupView,
    /// Of a restore that is done: the copy's name, and the list of erased people that was applied.
    pub restored: Option<(ReplicaId, [u8; 32])>,
    /// And when, in milliseconds since 1970 by the node's clock; 0: it does not say.
    pub restored_ms: u64,
    /// Rows of erased people that were left out.
    pub left_out: u64,
    pub bytes_of: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    Running,
    Done,
    Failed { code: String, why: String },
}

/// A backup, whole or as far as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupView {
    pub name: String,
    pub shard: Option<ShardId>,
    pub epoch: Epoch,
    pub position: Position,
    pub time_ms: u64,
    pub parts: u64,
    pub rows: u64,
    pub bytes: u64,
    /// How far it goes with its log; of a restore, where the copy ends. None: nothing was said of it.
    pub log: Option<LogView>,
}

/// The end of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogView {
    pub end: EpochPosition,
    /// Of the entry there; 0: it is not known.
    pub time_ms: u64,
    /// What lies behind that does not attach to it.
    pub gap: bool,
}

/// What lies in a node's backup store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub sink: String,
    pub backups: Vec<BackupView>,
    pub unfinished: Vec<String>,
    /// Manifests that do not open at this node.
    pub unreadable: Vec<String>,
    /// Of those: backups of key shards that are older than a destroyed key may lie in one.
    pub closed_keys: Vec<String>,
    /// How often the node backs up by itself what it serves; 0: never.
    pub every_hours: u32,
    /// What it serves of which the newest backup is missing or older than twice that.
    pub overdue: Vec<ShardId>,
    /// Shards that the node serves whose logs it does not keep on, and why: `SHARD: WHY`.
    pub log_problems: Vec<String>,
}

/// A person was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserErased {
    pub rows: u64,
    pub claims: u64,
    /// Number of the certificate in the ledger; 0: on record already.
    pub sequence: u64,
}

impl CustodyClient {
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

    /// Begins to back up a shard that the node serves.
    ///
    /// # Errors
    /// `moved` when it does not; `law-forbids`; `invalid` when it has no backup store.
    pub async fn back_up(&self, shard: &ShardId, reason: &str) -> Result<JobStatus, CallError> {
        let request = pb::BackUpRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            shard: shard.to_string(),
            reason: reason.to_owned(),
        };
        let reply = self.answer(self.client().back_up(request)).await?;
        self.status(reply)
    }

    /// Begins to read a backup and compare its digests.
    ///
    /// # Errors
    /// `unknown-record` for no such backup.
    pub async fn verify(&self, backup: &str) -> Result<JobStatus, CallError> {
        let request = pb::BackupRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            backup: backup.to_owned(),
        };
        let reply = self.answer(self.client().verify(request)).await?;
        self.status(reply)
    }

    /// Begins to restore a backup on the node's disk, and its log up to `goal`, for a copy that leads in `epoch`. A node of
    /// an earlier build knows no logs and restores the backup alone: then the job says nothing of a log.
    ///
    /// # Errors
    /// `placement` for a shard of which a copy lies there; `law-forbids`.
    pub async fn restore(
        &self,
        backup: &str,
        (shard, goal): (&ShardId, RestoreGoal),
        epoch: Epoch,
        reason: &str,
    ) -> Result<JobStatus, CallError> {
        let mut request = pb::RestoreRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            backup: backup.to_owned(),
            shard: shard.to_string(),
            epoch: epoch.0,
            reason: reason.to_owned(),
            ..pb::RestoreRequest::default()
        };
        goal.write(&mut request);
        let reply = self.answer(self.client().restore(request)).await?;
        self.status(reply)
    }

    /// Takes a restored copy back. Answers whether there was one that no configuration took.
    ///
    /// # Errors
    /// The node's.
    pub async fn discard(&self, shard: &ShardId, replica: ReplicaId) -> Result<bool, CallError> {
        let request = pb::DiscardRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            shard: shard.to_string(),
            replica: replica_bytes(replica),
        };
        let reply = self.answer(self.client().discard(request)).await?;
        nodes::understood(&self.address, reply.version)?;
        Ok(reply.removed)
    }

    /// How a job stands.
    ///
    /// # Errors
    /// `unknown-record` for one that the node does not remember: it has started anew.
    pub async fn job(&self, job: u64) -> Result<JobStatus, CallError> {
        let request = pb::JobRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            job,
        };
        let reply = self.answer(self.client().job(request)).await?;
        self.status(reply)
    }

    /// What lies in the node's backup store, with `logs` also how far the log of each reaches: the node reads a few more
    /// objects of each for that. Waits for a minute.
    ///
    /// # Errors
    /// `invalid` when it has none.
    pub async fn list(&self, logs: bool) -> Result<Stored, CallError> {
        let request = pb::ListBackupsRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            logs,
        };
        let mut client = self.client();
        let asked = nodes::answer_within(&self.address, LISTED_WITHIN, client.list(request));
        let reply = asked.await?;
        nodes::understood(&self.address, reply.version)?;
        let backups: Result<_, _> = reply
            .backups
            .into_iter()
            .map(|backup| self.view(backup))
            .collect();
        let overdue: Result<Vec<ShardId>, _> = reply.overdue.iter().map(|shard| shard.parse()).collect();
        Ok(Stored {
            sink: reply.sink,
            backups: backups?,
            unfinished: reply.unfinished,
            unreadable: reply.unreadable,
            closed_keys: reply.closed_keys,
            every_hours: reply.every_hours,
            overdue: overdue.map_err(|_| self.invalid("a shard that is none"))?,
            log_problems: reply.log_problems,
        })
    }

    /// Erases a person whose shard the node serves. Idempotent.
    ///
    /// # Errors
    /// `moved` when it does not serve that shard; `unknown-record` for nobody.
    pub async fn erase_user(
        &self,
        home: &HomeId,
        user: UserId,
        reason: &str,
    ) -> Result<UserErased, CallError> {
        let request = pb::EraseUserRequest {
            version: FRAME_VERSION,
            world: self.world.to_string(),
            home: home.to_string(),
            user: user.as_bytes().to_vec(),
            reason: reason.to_owned(),
        };
        let mut client = self.client();
        let asked = nodes::answer_within(&self.address, ERASURE_WITHIN, client.erase_user(request));
        let reply = asked.await?;
        nodes::understood(&self.address, reply.version)?;
        Ok(UserErased {
            rows: reply.rows,
            claims: reply.claims,
            sequence: reply.sequence,
        })
    }

    fn client(&self) -> Client<Channel> {
        Client::new(self.channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    async fn answer<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, CallError> {
        nodes::answer(&self.address, call).await
    }

    fn status(&self, reply: pb::JobReply) -> Result<JobStatus, CallError> {
        nodes::understood(&self.address, reply.version)?;
        let state = match reply.state.as_str() {
            "running" => JobState::Running,
            "done" => JobState::Done,
            "failed" => JobState::Failed {
                code: reply.code,
                why: reply.why,
            },
            _ => return Err(self.invalid("a job in no state that is known")),
        };
        let replica: Option<[u8; 16]> = reply.replica.as_slice().try_into().ok();
        let erased: Option<[u8; 32]> = reply.erased.as_slice().try_into().ok();
        let restored = replica.zip(erased);
        Ok(JobStatus {
            job: reply.job,
            state,
            backup: self.view(reply.backup.unwrap_or_default())?,
            restored: restored.map(|(replica, erased)| (ReplicaId(u128::from_be_bytes(replica)), erased)),
            restored_ms: reply.restored_ms,
            left_out: reply.left_out,
            bytes_of: Some(reply.bytes_of).filter(|bytes| *bytes != 0),
        })
    }

    fn view(&self, wire: pb::Backup) -> Result<BackupView, CallError> {
        let shard = Some(wire.shard).filter(|shard| !shard.is_empty());
        let shard = shard.map(|shard| shard.parse()).transpose();
        Ok(BackupView {
            name: wire.name,
            shard: shard.map_err(|_| self.invalid("a shard that is none"))?,
            epoch: Epoch(wire.epoch),
            position: Position(wire.position),
            time_ms: wire.time_ms,
            parts: wire.parts,
            rows: wire.rows,
            bytes: wire.bytes,
            log: (wire.log_position > 0).then_some(LogView {
                end: EpochPosition {
                    epoch: Epoch(wire.log_epoch),
                    position: Position(wire.log_position),
                },
                time_ms: wire.log_time_ms,
                gap: wire.log_gap,
            }),
        })
    }

    fn invalid(&self, cause: &str) -> CallError {
        CallError::InvalidAnswer {
            address: self.address.clone(),
            cause: cause.to_owned(),
        }
    }
}
