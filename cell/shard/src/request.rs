//! What comes into a shard and what leaves it, as types.

use std::time::Duration;

use platform_model::{Actor, Epoch, EpochPosition, NodeId, Position, RequestId, RootRef, ShardId, Term};

/// The right to write a shard, as the control plane gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    pub shard: ShardId,
    pub node: NodeId,
    pub epoch: Epoch,
}

/// How much a transaction's acknowledgement promises. Where no standby could be promoted both mean: durable here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Durable here, by a primary that holds its lease; a failover loses a bounded number of entries.
    Async,
    /// Durable here and acknowledged by every standby that could be promoted.
    Sync,
}

/// What a transaction may touch: one root's range, or one of the shard's shared tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Keys `(shard, "d", kind, id, ...)`.
    Root(RootRef),
    /// Keys `(shard, "s", name, ...)`. Names in use by the shard itself (`epochs`, `trim`) are refused.
    Shared(&'static str),
}

impl Scope {
    /// Whose range it is; none: a shared table.
    pub(crate) fn root(self) -> Option<RootRef> {
        match self {
            Self::Root(root) => Some(root),
            Self::Shared(_) => None,
        }
    }
}

/// On whose behalf a transaction runs, and within what.
#[derive(Debug, Clone)]
pub struct Request {
    pub actor: Actor,
    /// Stands in the log entry beside the writes.
    pub domain: &'static str,
    pub request_id: RequestId,
    pub mode: Mode,
    pub scope: Scope,
    /// A pair from an earlier [`Answer`]: no older state is shown; if it was cut off the answer is `Lost`.
    pub not_older_than: Option<EpochPosition>,
    /// From the call on, queueing and retries included.
    pub deadline: Duration,
}

/// What a transaction returned, and the position at which it took place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    pub value: T,
    /// Of a write: its log entry. Of a read: the state that it saw.
    pub position: EpochPosition,
}

/// How a shard is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardStatus {
    pub shard: ShardId,
    pub term: Term,
    /// Everything up to here is committed.
    pub committed: Position,
    /// Transactions that wait for the committer.
    pub queue: usize,
    /// Log entries up to here are gone.
    pub trimmed: Position,
    /// Why the shard serves no more, if so: `closed`, `fenced`, `unavailable`.
    pub ended: Option<&'static str>,
}
