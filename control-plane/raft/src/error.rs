//! How starting, proposing, reading and changing the members fail. The library's errors end here.

use std::path::PathBuf;
use std::time::Duration;

use openraft::errors::{
    ChangeMembershipError, ClientWriteError, ForwardReason, ForwardToLeader, InitializeError as Refused,
    LinearizableReadError, RaftError,
};
use platform_model::WorldId;

use crate::types::Types;

/// Id and address of a controller.
pub type Peer = (u64, String);

/// Why a node does not start. None of these changes anything on disk but `Storage`.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the data in {dir} belongs to world {found}, this controller to world {expected}")]
    WrongWorld {
        dir: PathBuf,
        found: WorldId,
        expected: WorldId,
    },
    #[error("the data in {dir} belongs to controller {found}, this one is controller {expected}")]
    WrongNode { dir: PathBuf, found: u64, expected: u64 },
    #[error("another process has {path} open")]
    InUse { path: PathBuf },
    #[error("{path} is damaged: {reason}")]
    Damaged { path: PathBuf, reason: String },
    #[error("the times of Raft contradict each other: {reason}")]
    Config { reason: String },
    #[error("Raft's data in {dir} cannot be read or written")]
    Storage {
        dir: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// Why a proposal has no outcome to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Nothing was written. Ask the leader, if one is known.
    #[error("this controller does not lead")]
    NotLeader { leader: Option<Peer> },
    /// Nothing was written.
    #[error("the command takes {bytes} bytes, {max} are the limit")]
    TooLarge { bytes: usize, max: usize },
    /// Nothing was written.
    #[error("this controller takes no commands: {reason}")]
    Unavailable { reason: String },
    /// The node is stopping or its storage failed. What was proposed meanwhile may still be applied by the others.
    #[error("this controller has stopped: {reason}")]
    Stopped { reason: String },
    /// The command may still be applied: a read tells.
    #[error("no outcome within {after:?}")]
    Timeout { after: Duration },
    /// The leader changed under the command, which may still be applied: a read tells.
    #[error("the leader changed before the outcome was known")]
    Unknown { leader: Option<Peer> },
}

impl ProposeError {
    /// Whether the same command may be sent again without being applied twice.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::NotLeader { .. } | Self::Unavailable { .. })
    }

    pub(crate) fn from_write(error: RaftError<Types, ClientWriteError<Types>>) -> Self {
        match error {
            RaftError::APIError(ClientWriteError::ForwardToLeader(to)) => {
                Self::NotLeader { leader: peer(to) }
            }
            RaftError::APIError(ClientWriteError::LogEntryDiscarded(to)) => {
                Self::Unknown { leader: peer(to) }
            }
            RaftError::APIError(other) => Self::Unavailable {
                reason: other.to_string(),
            },
            RaftError::Fatal(fatal) => Self::Stopped {
                reason: fatal.to_string(),
            },
        }
    }
}

/// Why a read cannot be served as the latest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("this controller does not lead")]
    NotLeader { leader: Option<Peer> },
    #[error("no majority of controllers confirms this leader")]
    NoQuorum,
    #[error("this controller has stopped: {reason}")]
    Unavailable { reason: String },
    #[error("not confirmed within {after:?}")]
    Timeout { after: Duration },
}

impl ReadError {
    pub fn retryable(&self) -> bool {
        true
    }

    pub(crate) fn from_read(error: RaftError<Types, LinearizableReadError<Types>>) -> Self {
        match error {
            RaftError::APIError(LinearizableReadError::ForwardToLeader(to)) => {
                Self::NotLeader { leader: peer(to) }
            }
            RaftError::APIError(LinearizableReadError::QuorumNotEnough(_)) => Self::NoQuorum,
            RaftError::Fatal(fatal) => Self::Unavailable {
                reason: fatal.to_string(),
            },
        }
    }
}

/// Why the first members were not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InitializeError {
    /// Expected on a second call: the world has its controllers.
    #[error("this controller belongs to a world that runs already")]
    AlreadyInitialized,
    #[error("controller {node_id} is not among the first members")]
    NotAMember { node_id: u64 },
    #[error("this controller has stopped: {reason}")]
    Unavailable { reason: String },
}

impl InitializeError {
    pub fn retryable(&self) -> bool {
        false
    }

    pub(crate) fn from_library(error: RaftError<Types, Refused<Types>>) -> Self {
        match error {
            RaftError::APIError(Refused::NotAllowed(_)) => Self::AlreadyInitialized,
            RaftError::APIError(Refused::NotInMembers(who)) => Self::NotAMember { node_id: who.node_id },
            RaftError::Fatal(fatal) => Self::Unavailable {
                reason: fatal.to_string(),
            },
        }
    }
}

/// Why the members did not change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    #[error("this controller does not lead")]
    NotLeader { leader: Option<Peer> },
    #[error("another change of members is under way")]
    InProgress,
    #[error("controller {node_id} is no learner yet: add it first")]
    UnknownLearner { node_id: u64 },
    #[error("refused: {reason}")]
    Refused { reason: String },
    /// The change may still come to its end: `status` tells.
    #[error("not ended within {after:?}")]
    Timeout { after: Duration },
    #[error("the leader changed or stopped before the outcome was known: `status` tells")]
    Unknown,
}

impl MembershipError {
    /// Changes name the wanted members, so asking again is safe.
    pub fn retryable(&self) -> bool {
        !matches!(self, Self::Refused { .. } | Self::UnknownLearner { .. })
    }

    pub(crate) fn from_write(error: RaftError<Types, ClientWriteError<Types>>) -> Self {
        match error {
            RaftError::APIError(ClientWriteError::ForwardToLeader(to)) => {
                Self::NotLeader { leader: peer(to) }
            }
            RaftError::APIError(ClientWriteError::ChangeMembershipError(why)) => match why {
                ChangeMembershipError::InProgress(_) => Self::InProgress,
                ChangeMembershipError::LearnerNotFound(who) => Self::UnknownLearner { node_id: who.node_id },
                other => Self::Refused {
                    reason: other.to_string(),
                },
            },
            // Others changed the members between the look at them and the change.
            RaftError::APIError(ClientWriteError::PreconditionFailed(_)) => Self::InProgress,
            RaftError::APIError(ClientWriteError::LogEntryDiscarded(_)) | RaftError::Fatal(_) => {
                Self::Unknown
            }
        }
    }
}

/// The node leads, but no majority has confirmed it lately; nothing was written.
pub(crate) fn has_no_lease(error: &RaftError<Types, ClientWriteError<Types>>) -> bool {
    matches!(error, RaftError::APIError(ClientWriteError::ForwardToLeader(to)) if to.reason == ForwardReason::LeaseExpired)
}

fn peer(to: ForwardToLeader<Types>) -> Option<Peer> {
    Some((
        to.leader_id?,
        to.leader_node.map(|node| node.addr).unwrap_or_default(),
    ))
}
