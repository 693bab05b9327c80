//! What may be asked of a shard's configuration.

use platform_model::{Epoch, NodeId, Position, ReplicaId};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigCommand {
    /// Of the primary of `epoch`, and of nobody else.
    Propose {
        by: ReplicaId,
        epoch: Epoch,
        change: ProposedChange,
    },
    /// A new copy is to be made on a node.
    AddCopy {
        node: NodeId,
        replica: ReplicaId,
    },
    /// A standby is to leave: it is in-sync no more, and its primary brings it back no more.
    Retire {
        replica: ReplicaId,
    },
    /// A copy that is not in-sync leaves.
    RemoveCopy {
        replica: ReplicaId,
    },
    /// A copy that is of no use any more is made anew on its node, under another name.
    ReplaceCopy {
        replica: ReplicaId,
        by: ReplicaId,
    },
    /// A copy goes to another node that shares its store, and no byte is copied: a primary's under a new epoch at once;
    /// a standby's is not counted on until its primary has met it there. So does what is left of one, to be erased.
    Take {
        replica: ReplicaId,
        node: NodeId,
    },
    /// A primary of a new epoch is to be chosen among the candidates.
    BeginPromote,
    /// So is one that is not in-sync.
    BeginForce {
        target: ReplicaId,
        proof: Proof,
        loss_entries_max: u64,
    },
    /// These answered `Prepare`.
    FinishPromote {
        answers: Vec<Candidate>,
    },
    /// The primary is to hand over; a move shows that the target's data was compared.
    BeginHandover {
        target: ReplicaId,
        certificate: Option<Certificate>,
        needs_certificate: bool,
    },
    /// The target has everything.
    FinishHandover {
        target: ReplicaId,
    },
    CancelHandover,
    /// An order to erase this copy will go out.
    EraseCopy {
        replica: ReplicaId,
    },
    /// Its node has erased it, as that order said: the receipt.
    Erased {
        replica: ReplicaId,
        order: u64,
        bytes: u64,
        keys: u64,
    },
    /// Planted: gives a promotion up and leaves everything as it was. Refused unless the bug is on.
    AbandonPromote,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProposedChange {
    /// The first primary has formed.
    Born,
    /// A copy has become a consistent prefix.
    Complete(ReplicaId),
    /// A standby has everything and has promised.
    Add(ReplicaId),
    /// It does not answer, or is to leave: it is not in-sync any more.
    Drop(ReplicaId),
    /// Its data was found to differ from the primary's.
    Damaged(ReplicaId),
}

impl ConfigCommand {
    /// The command's name, as logs, metrics and decisions say it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Propose { change, .. } => match change {
                ProposedChange::Born => "shard-born",
                ProposedChange::Complete(_) => "copy-complete",
                ProposedChange::Add(_) => "copy-in-sync",
                ProposedChange::Drop(_) => "drop-copy",
                ProposedChange::Damaged(_) => "copy-damaged",
            },
            Self::AddCopy { .. } => "add-copy",
            Self::Retire { .. } => "retire-copy",
            Self::RemoveCopy { .. } => "remove-copy",
            Self::ReplaceCopy { .. } => "replace-copy",
            Self::Take { .. } => "take-copy",
            Self::BeginPromote => "begin-promote",
            Self::BeginForce { .. } => "begin-force",
            Self::FinishPromote { .. } => "finish-promote",
            Self::BeginHandover { .. } => "begin-handover",
            Self::FinishHandover { .. } => "finish-handover",
            Self::CancelHandover => "cancel-handover",
            Self::EraseCopy { .. } => "erase-copy",
            Self::Erased { .. } => "copy-erased",
            Self::AbandonPromote => "abandon-promote",
        }
    }
}

/// An answer to `Prepare`: how long that copy's log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub replica: ReplicaId,
    /// Of its last entry.
    pub epoch: Epoch,
    pub position: Position,
}

/// Every chunk of this copy was found equal to the primary's, in this epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    pub replica: ReplicaId,
    pub epoch: Epoch,
}

/// Why the old primary cannot serve any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// Its own durable word that it gave up this epoch.
    Released { replica: ReplicaId, epoch: Epoch },
    /// The provider's word that its process and its volume are gone.
    ProviderGone { replica: ReplicaId },
    /// A person's word (`--old-primary-is-dead`), with a reason.
    Person { reason: String },
}
