//! Why an operation does not start, go on or turn back.

use platform_model::{Epoch, NodeId, ReplicaId, ShardId};
use serde::{Deserialize, Serialize};

use super::record::OperationId;
use super::step::Step;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum OperationRefusal {
    #[error("there is no operation {0}")]
    UnknownOperation(OperationId),
    #[error("operation {operation} is under way on {shard}")]
    AlreadyUnderWay { shard: ShardId, operation: OperationId },
    #[error("{0} leads already")]
    ToItself(NodeId),
    #[error("{node} holds a copy already; let it lead by a failover")]
    HoldsCopy { node: NodeId },
    #[error("{node} holds {copies} copies; it may hold {max}")]
    NoRoom { node: NodeId, copies: usize, max: usize },
    #[error("there is nothing to compare: the shard has no standby in sync")]
    NothingToCompare,
    #[error("there is nothing to repair")]
    NothingToDo,
    #[error("{0} is no copy that could lead")]
    NoCandidate(ReplicaId),
    #[error("nobody else could lead without loss")]
    NobodyElse,
    #[error("a forced promotion names the copy, and a person says that the old primary is dead, and why")]
    ForceIncomplete,
    #[error("{0} is in sync: it needs no force")]
    NeedsNoForce(ReplicaId),
    #[error("a window lasts at most {max_ms} ms")]
    WindowTooLong { max_ms: u64 },
    #[error("operation {operation} is {state}")]
    NotNow { operation: OperationId, state: String },
    #[error("after `{at}` comes {next}, not `{given}`", next = .next.map_or_else(|| "nothing".to_owned(), |next| format!("`{next}`")))]
    WrongStep {
        at: Step,
        next: Option<Step>,
        given: Step,
    },
    #[error("`{step}` is not done: {waits}")]
    NotDone { step: Step, waits: Waits },
    #[error("past its point of no return: operation {0} has ordered that the old copy be erased")]
    PointOfNoReturn(OperationId),
    #[error("the old copy leads no more and its window is open: reverse it")]
    ReverseInstead(OperationId),
    #[error("there is no way back: {0} is no copy any more")]
    NoWayBack(ReplicaId),
    #[error("operation {operation} needs {replica} as it is")]
    Held {
        operation: OperationId,
        replica: ReplicaId,
    },
    #[error("no operation asks for this of {0}")]
    NobodyAsked(ReplicaId),
    #[error("automation is paused, and nobody has asked for this")]
    AutomationPaused,
    #[error("no person has asked to force {0}")]
    NobodyForces(ReplicaId),
}

/// What a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waits {
    NotAdded,
    NotWhole,
    NotInSync,
    /// Every copy needs one of this epoch.
    NoCertificate {
        epoch: Epoch,
    },
    NotLeading,
    WindowOpen {
        until_ms: u64,
    },
    StillNamed,
    NotErased,
    NoReceipt,
    ChangeUnderWay,
}

impl std::fmt::Display for Waits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAdded => f.write_str("the copy is not in the configuration"),
            Self::NotWhole => f.write_str("the copy is not whole"),
            Self::NotInSync => f.write_str("the copy is not in sync"),
            Self::NoCertificate { epoch } => write!(f, "there is no certificate of {epoch}"),
            Self::NotLeading => f.write_str("nobody else leads yet"),
            Self::WindowOpen { until_ms } => write!(f, "its window is open until {until_ms}"),
            Self::StillNamed => f.write_str("the old copy is in the configuration"),
            Self::NotErased => f.write_str("nobody has ordered that the copy be erased"),
            Self::NoReceipt => f.write_str("its node has not said that it has erased the copy"),
            Self::ChangeUnderWay => f.write_str("a change of primary is under way"),
        }
    }
}
