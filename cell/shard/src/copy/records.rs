//! Records that frames and stored state share: heads, terms, names. Prost shapes and their checked readings.

use bytes::Bytes;
use cell_replica::{Head, Upkeep};
use platform_model::{Epoch, Incarnation, Position, ReplicaId, Term};
use prost::Message;

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct TermRecord {
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    #[prost(uint64, tag = "2")]
    pub incarnation: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct HeadRecord {
    #[prost(uint64, tag = "1")]
    pub position: u64,
    #[prost(message, required, tag = "2")]
    pub term: TermRecord,
    #[prost(fixed64, tag = "3")]
    pub chain: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct MemberRecord {
    #[prost(string, tag = "1")]
    pub node: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub replica: Bytes,
}

/// `kind`: 0 whole, 1 copying, 2 rewinding, 3 mending.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct UpkeepRecord {
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    #[prost(uint64, optional, tag = "2")]
    pub base: Option<u64>,
    #[prost(uint32, tag = "3")]
    pub next_chunk: u32,
    #[prost(message, optional, tag = "4")]
    pub head: Option<HeadRecord>,
    #[prost(message, optional, tag = "5")]
    pub end: Option<HeadRecord>,
}

pub(crate) fn term_record(term: Term) -> TermRecord {
    TermRecord {
        epoch: term.epoch.0,
        incarnation: term.incarnation.0,
    }
}

pub(crate) fn term(record: TermRecord) -> Term {
    Term {
        epoch: Epoch(record.epoch),
        incarnation: Incarnation(record.incarnation),
    }
}

pub(crate) fn head_record(head: Head) -> HeadRecord {
    HeadRecord {
        position: head.position.0,
        term: term_record(head.term),
        chain: head.chain,
    }
}

pub(crate) fn head(record: HeadRecord) -> Head {
    Head {
        position: Position(record.position),
        term: term(record.term),
        chain: record.chain,
    }
}

pub(crate) fn replica_record(replica: ReplicaId) -> Bytes {
    Bytes::copy_from_slice(&replica.0.to_be_bytes())
}

pub(crate) fn replica(bytes: &[u8]) -> Option<ReplicaId> {
    bytes.try_into().ok().map(u128::from_be_bytes).map(ReplicaId)
}

pub(crate) fn upkeep_record(upkeep: Upkeep) -> UpkeepRecord {
    let empty = UpkeepRecord {
        kind: 0,
        base: None,
        next_chunk: 0,
        head: None,
        end: None,
    };
    match upkeep {
        Upkeep::Whole => empty,
        Upkeep::Copying {
            base,
            next_chunk,
            stamp,
        } => UpkeepRecord {
            kind: 1,
            base: base.map(|base| base.0),
            next_chunk,
            head: Some(head_record(stamp)),
            ..empty
        },
        Upkeep::Rewinding { fork, end } => UpkeepRecord {
            kind: 2,
            head: Some(head_record(fork)),
            end: Some(head_record(end)),
            ..empty
        },
        Upkeep::Mending { until } => UpkeepRecord {
            kind: 3,
            head: Some(head_record(until)),
            ..empty
        },
    }
}

pub(crate) fn upkeep(record: UpkeepRecord) -> Option<Upkeep> {
    Some(match record.kind {
        0 => Upkeep::Whole,
        1 => Upkeep::Copying {
            base: record.base.map(Position),
            next_chunk: record.next_chunk,
            stamp: head(record.head?),
        },
        2 => Upkeep::Rewinding {
            fork: head(record.head?),
            end: head(record.end?),
        },
        3 => Upkeep::Mending {
            until: head(record.head?),
        },
        _ => return None,
    })
}
