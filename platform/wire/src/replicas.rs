//! How the copies of shards on one node stand, and what their protocol tells the controllers.
//!
//! Reports may be lost and may come twice: the controllers keep the newest in memory, and what must be heard is told
//! again until a configuration shows that it was. Bytes of others are read in [`convert`], where every bound is
//! checked; what the controllers make of a report is for them to say.

mod convert;
#[cfg(test)]
mod tests;

use platform_model::{
    Epoch, Generation, Incarnation, NodeId, Position, ReplicaId, RevokedIdentity, RoutingTable, ShardId,
    ShardRoute, Term,
};

use crate::controllers::{CallError, PROMPT, REPORT};
use crate::frame::MESSAGE_BYTES_MAX;
use crate::pb::report_client::ReportClient as Client;
use crate::report::{COPIES_MAX, ReportClient};

pub(crate) use convert::replica_bytes;
pub use convert::{InvalidReplicas, NUMBER_MAX, STATE_NAME_MAX, read_replica};

/// Most things that one report tells beside how copies stand. What is left over goes with the next.
pub const TOLD_MAX: usize = 4_096;
/// Most routes that a node tells of its table, when it is asked: as many as a world has shards.
pub const ROUTES_MAX: usize = 65_536;

/// What a node tells every 250 ms, and at once when there is something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicasReport {
    pub node: NodeId,
    pub incarnation: Incarnation,
    /// The process is about to stop: what it leads is to be handed over.
    pub leaving: bool,
    /// What the disk under its data still takes; none: not told.
    pub free_bytes: Option<u64>,
    pub copies: Vec<CopyReport>,
    pub told: Vec<(ShardId, Told)>,
    /// Of the table that it goes by; 0: it goes by none.
    pub table: Generation,
    /// What that table says; none if it was not asked.
    pub configured: Option<Knows>,
}

/// The table that a node goes by, as far as a recovered world must know it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Knows {
    pub routes: Vec<(ShardId, ShardRoute)>,
    /// Who is not believed, and until when, in milliseconds since 1970.
    pub revoked: Vec<(RevokedIdentity, u64)>,
    /// The revision of the law; 0: there was none.
    pub law: u64,
}

impl From<&RoutingTable> for Knows {
    fn from(table: &RoutingTable) -> Self {
        let routes = table.shards.iter();
        let revoked = table.revocations.iter();
        Self {
            routes: routes
                .map(|(shard, route)| (shard.clone(), route.clone()))
                .collect(),
            revoked: revoked
                .map(|(identity, until_ms)| (identity.clone(), *until_ms))
                .collect(),
            law: table.law.as_ref().map_or(0, |law| law.revision),
        }
    }
}

/// How one copy stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyReport {
    pub shard: ShardId,
    pub replica: ReplicaId,
    /// Of the newest configuration that it knows.
    pub generation: Generation,
    pub term: Term,
    /// Its last entry.
    pub last: Position,
    /// The checksum over its log up to there.
    pub chain: u64,
    pub committed: Position,
    pub leads: bool,
    pub serves: bool,
    /// Since it heard a serving primary; of no meaning for one that leads.
    pub silent_micros: u64,
    /// Name of the state of its machine.
    pub state: String,
    /// Of a copy that is being made: its progress, the rest estimated.
    pub copied_bytes: u64,
    pub copy_bytes_per_second: u64,
    pub copy_left_bytes: u64,
    pub commits_per_second: u32,
    /// Of commits, over the last seconds.
    pub p99_micros: u32,
    /// Since the oldest write that waits for its commit; 0: none waits.
    pub stalled_micros: u64,
    /// What it takes on disk, estimated, of one that leads; 0: not told.
    pub bytes: u64,
}

/// What a copy's protocol tells beside its reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The primary of `epoch` asks for a change: compare-and-set on the generation.
    Proposal {
        generation: Generation,
        epoch: Epoch,
        by: ReplicaId,
        change: ToldChange,
    },
    /// The answer to `Prepare`: how long its log is.
    Prepared {
        epoch: Epoch,
        replica: ReplicaId,
        last_epoch: Epoch,
        last_position: Position,
    },
    /// The target of a handover has everything.
    Confirmed {
        generation: Generation,
        epoch: Epoch,
        replica: ReplicaId,
        position: Position,
    },
    /// The copy is not what the configuration says.
    Unusable { replica: ReplicaId, why: UnusableWhy },
    /// Entries in `(fork, end]` were never committed; they were cut off and kept in a file.
    CutOff {
        replica: ReplicaId,
        fork: Position,
        end: Position,
    },
    /// The standby's data differs from the primary's.
    Mismatch {
        replica: ReplicaId,
        chunk: u32,
        position: Position,
    },
    /// `chunks` of `of` were found equal to the primary's in this term.
    Certified {
        replica: ReplicaId,
        term: Term,
        chunks: u32,
        of: u32,
    },
    /// The order to erase the copy was carried out.
    Erased {
        replica: ReplicaId,
        order: u64,
        bytes: u64,
        keys: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldChange {
    /// The first primary has formed.
    Born,
    /// A copy has become a consistent prefix.
    Complete(ReplicaId),
    /// A standby has everything and has promised.
    Add(ReplicaId),
    /// A member of the effective set does not answer.
    Drop(ReplicaId),
    /// The data of a standby was found to differ.
    Damaged(ReplicaId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnusableWhy {
    /// Another name on disk, or less than was acknowledged under this one.
    Amnesia,
    /// What it lacks is trimmed, or what it has too much begins below what is kept.
    Trimmed,
    /// Its log cannot be made to fit.
    Misfit,
    /// Its data disagrees with the primary's.
    Mismatch,
}

impl UnusableWhy {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amnesia => "amnesia",
            Self::Trimmed => "trimmed",
            Self::Misfit => "misfit",
            Self::Mismatch => "mismatch",
        }
    }
}

impl Told {
    /// The copy that tells it, or about which it is told; for a proposal its primary.
    pub fn replica(&self) -> ReplicaId {
        match self {
            Self::Proposal { by, .. } => *by,
            Self::Prepared { replica, .. }
            | Self::Confirmed { replica, .. }
            | Self::Unusable { replica, .. }
            | Self::CutOff { replica, .. }
            | Self::Mismatch { replica, .. }
            | Self::Certified { replica, .. }
            | Self::Erased { replica, .. } => *replica,
        }
    }
}

/// What the leader answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplicasReply {
    /// For shards of which the node holds a copy. When the leader answered, and it was sure that it leads, no
    /// configuration of that shard was newer.
    pub newest: Vec<(ShardId, Generation)>,
    /// Shards whose primary is asked to compare all chunks with its standbys.
    pub verify: Vec<ShardId>,
    /// The world was recovered: the node is asked for the table that it goes by.
    pub tell: bool,
}

impl ReportClient {
    /// Tells how the node's copies stand. Idempotent; gives up soon, for the next report is not far.
    ///
    /// # Errors
    /// As every call; what was told may be told again.
    pub async fn replicas(&self, report: &ReplicasReport) -> Result<ReplicasReply, CallError> {
        let request = convert::request(self.controllers.world().to_string(), report);
        let send = |channel| {
            let request = request.clone();
            async move {
                let mut client = Client::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
                client.replicas(request).await
            }
        };
        // A whole table takes its time.
        let manner = report.configured.as_ref().map_or(PROMPT, |_| REPORT);
        let reply = self.controllers.call(manner, send).await?;
        reply
            .try_into()
            .map_err(|e: InvalidReplicas| CallError::InvalidAnswer {
                address: "the leader".to_owned(),
                cause: e.to_string(),
            })
    }
}

/// How many copies and words of one report are sent; the rest waits for the next.
fn sent<T>(all: &[T], max: usize) -> &[T] {
    &all[..all.len().min(max)]
}

fn copies_sent(report: &ReplicasReport) -> &[CopyReport] {
    sent(&report.copies, COPIES_MAX)
}

fn told_sent(report: &ReplicasReport) -> &[(ShardId, Told)] {
    sent(&report.told, TOLD_MAX)
}
