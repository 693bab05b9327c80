//! Why an event changes nothing. A refusal of a frame travels back to its sender.

use platform_model::{Epoch, Generation, Position, ReplicaId, Term};
use thiserror::Error;

use crate::names::OrderIndex;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Error)]
pub enum Refusal {
    #[error("the frame is of another world")]
    ForeignWorld,
    #[error("the frame is of another shard")]
    ForeignShard,
    #[error("asked as {asked}; this copy is another, or has less than was acknowledged under that name")]
    Amnesia {
        asked: ReplicaId,
        have: Option<ReplicaId>,
    },
    #[error("{from} is no member of the replica set")]
    ForeignReplica { from: ReplicaId },
    #[error("{from} does not lead {term}")]
    NotPrimary { from: ReplicaId, term: Term },
    #[error("this copy has followed {highest}; {term} is over")]
    TermTooLow { term: Term, highest: Term },
    #[error("{term} was not begun here")]
    UnknownTerm { term: Term },
    #[error("nothing below {promised} is acknowledged: a primary is being chosen")]
    Promised { promised: Epoch },
    #[error("the entry before {position} is missing; the log ends at {end}")]
    Gap { position: Position, end: Position },
    #[error("everything up to {position} is here; the log ends at {end}")]
    Repeat { position: Position, end: Position },
    #[error("the entry at {position} does not continue the chain")]
    ChainMisfit { position: Position },
    #[error("an acknowledgement of {position} that does not equal the entry there")]
    AckMisfit { position: Position },
    #[error("the configuration of {given} is not newer than {known}")]
    OldConfiguration { given: Generation, known: Generation },
    #[error("order {given} is older than {highest}, which was carried out")]
    LateOrder { given: OrderIndex, highest: OrderIndex },
    #[error("{epoch} has begun; it needs no candidates")]
    EpochBegun { epoch: Epoch },
    #[error("the copy is no consistent prefix; nothing promotes it")]
    NotWhole,
    #[error("{replica} stands in the configuration and is not erased")]
    StillNamed { replica: ReplicaId },
    #[error("a certificate for {position}, where no barrier of chunk {chunk} is awaited")]
    OtherPosition { chunk: u32, position: Position },
    #[error("not while in `{state}`")]
    NotNow { state: &'static str },
    #[error("writes are refused: the shard moves")]
    Moving,
    #[error("no lease")]
    NoLease,
    #[error("too much is under way")]
    Busy,
    #[error("the disk failed; the copy has stopped")]
    Stopped,
    #[error("ticket is not under way")]
    UnknownTicket,
}

impl Refusal {
    /// Whether the same request may be accepted later without anything else being wrong.
    pub fn retryable(&self) -> bool {
        matches!(
            self,
            Self::UnknownTerm { .. }
                | Self::Gap { .. }
                | Self::NotNow { .. }
                | Self::Moving
                | Self::NoLease
                | Self::Busy
        )
    }
}
