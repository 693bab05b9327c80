//! Why a command changes no configuration.

use platform_model::{Epoch, Generation, NodeId, ReplicaId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Error)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigRefusal {
    #[error("the configuration is at {have}, the command expects {expected}")]
    GenerationMismatch { have: Generation, expected: Generation },
    #[error("{by} does not lead {epoch}: it may propose nothing")]
    NotPrimary { by: ReplicaId, epoch: Epoch },
    #[error("a change of primary is under way")]
    UnderWay,
    #[error("no such change is under way")]
    NotUnderWay,
    #[error("{0} is no copy of this shard")]
    UnknownCopy(ReplicaId),
    #[error("{0} is or was a copy of this shard already")]
    NameTaken(ReplicaId),
    #[error("{0} holds a copy of this shard already")]
    NodeTaken(NodeId),
    #[error("{node} shares the store in which {replica} lies: there is room for one copy of a shard")]
    StoreTaken { node: NodeId, replica: ReplicaId },
    #[error("{node} does not share the store in which {replica} lies")]
    OtherStore { node: NodeId, replica: ReplicaId },
    #[error("{0} could be promoted: its primary must drop it first")]
    InSync(ReplicaId),
    #[error("{0} is not in-sync: only a forced promotion could take it")]
    NotInSync(ReplicaId),
    #[error("{0} is no consistent prefix: nothing promotes it")]
    NotWhole(ReplicaId),
    #[error("{0} is in-sync: an ordinary promotion takes it without loss")]
    NeedsNoForce(ReplicaId),
    #[error("that does not prove that the old primary is stopped")]
    NoProof,
    #[error("a move needs a certificate for {0}, of this epoch")]
    NoCertificate(ReplicaId),
    #[error("nobody answered")]
    NoAnswer,
    #[error("the first primary has not formed yet")]
    Unborn,
    #[error("the shard was formed already")]
    Born,
    #[error("{0} stands in the configuration and is not erased")]
    StillNamed(ReplicaId),
    #[error("the law permits no copy on {0}")]
    ResidencyDenied(NodeId),
    #[error("{0} is to leave")]
    Retiring(ReplicaId),
    #[error("the law permits no primary on {0}")]
    MayNotLead(NodeId),
    #[error("nobody has ordered under {order} that {replica} be erased")]
    NotOrdered { replica: ReplicaId, order: u64 },
    #[error("{max} copies of this shard wait to be erased")]
    TooManyErasures { max: usize },
    #[error("a shard has at most {max} standbys")]
    TooManyStandbys { max: usize },
}
