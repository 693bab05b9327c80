//! What may be asked of operations.

use control_plane_ledger::Digest;
use platform_model::{Generation, ShardId};
use serde::{Deserialize, Serialize};

use super::record::{Certified, OperationId, OperationKind};
use super::step::Step;
use crate::command::Author;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationCommand {
    Start(Start),
    /// Of the controller that leads: this step is done.
    Advance {
        id: OperationId,
        expected: Generation,
        to: Step,
        /// What leaving `verify` needs.
        certificates: Vec<Certified>,
    },
    Pause {
        id: OperationId,
        expected: Generation,
    },
    Resume {
        id: OperationId,
        expected: Generation,
    },
    /// Takes back what was done, up to the point of no return; of the controller too, when its time is over.
    Cancel {
        id: OperationId,
        expected: Generation,
    },
    /// Back to the old primary, while its copy is kept.
    Reverse {
        id: OperationId,
        expected: Generation,
    },
    /// Ends the window before its time; or ends an erasure whose node will never say that it is done.
    Finish {
        id: OperationId,
        expected: Generation,
    },
    /// Of the controller that leads: it cannot come to its end.
    Fail {
        id: OperationId,
        expected: Generation,
        why: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    pub shard: ShardId,
    pub kind: OperationKind,
    /// Of the shard's configuration.
    pub expected: Generation,
    pub deadline_ms: Option<u64>,
    pub plan: Option<Digest>,
}

impl OperationCommand {
    /// People start, hold and turn back; the controller that leads carries on, and starts what repairs.
    pub(crate) fn may(&self, author: &Author) -> bool {
        match author {
            Author::Node { .. } => false,
            Author::Operator { .. } => !matches!(self, Self::Advance { .. } | Self::Fail { .. }),
            Author::Controller { .. } => match self {
                Self::Start(start) => matches!(start.kind, OperationKind::Repair { .. }),
                // Which it may finish, the operation says.
                Self::Advance { .. } | Self::Fail { .. } | Self::Cancel { .. } | Self::Finish { .. } => true,
                Self::Pause { .. } | Self::Resume { .. } | Self::Reverse { .. } => false,
            },
        }
    }

    /// The command's name, as logs, metrics and decisions say it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Start(start) => match start.kind {
                OperationKind::Move { .. } => "move-shard",
                OperationKind::Failover { .. } => "failover-shard",
                OperationKind::Verify => "verify-shard",
                OperationKind::Repair { .. } => "repair-shard",
            },
            Self::Advance { .. } => "advance-operation",
            Self::Pause { .. } => "pause-operation",
            Self::Resume { .. } => "resume-operation",
            Self::Cancel { .. } => "cancel-operation",
            Self::Reverse { .. } => "reverse-operation",
            Self::Finish { .. } => "finish-operation",
            Self::Fail { .. } => "fail-operation",
        }
    }

    /// What it is about, as the ledger says it.
    pub fn subject(&self) -> String {
        match self.id() {
            Ok(id) => format!("operation/{id}"),
            Err(start) => format!("shard/{}", start.shard),
        }
    }

    /// The operation that it is about, or what starts one.
    pub(crate) fn id(&self) -> Result<OperationId, &Start> {
        match self {
            Self::Start(start) => Err(start),
            Self::Advance { id, .. }
            | Self::Pause { id, .. }
            | Self::Resume { id, .. }
            | Self::Cancel { id, .. }
            | Self::Reverse { id, .. }
            | Self::Finish { id, .. }
            | Self::Fail { id, .. } => Ok(*id),
        }
    }
}
