//! What a copy notes of itself beside the protocol's state: where its log begins, how far a copy is, what was erased.

use bytes::Bytes;
use cell_replica::Head;
use platform_model::Term;
use prost::Message;

use super::records::{HeadRecord, head, head_record, replica, replica_record};
use crate::history::EpochHistory;
use crate::trim::TrimState;

const VERSION: u32 = 1;

/// Where the kept log begins: the entry before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Base {
    pub head: Head,
    pub time_ms: u64,
}

impl Base {
    /// What a trim state of the log itself says. Where it names no term the epoch is found in the history.
    pub(crate) fn of(trim: &TrimState, history: &EpochHistory) -> Self {
        let term = trim.term.unwrap_or_else(|| Term {
            epoch: history.epoch_at(trim.position),
            ..Term::default()
        });
        Self {
            head: Head {
                position: trim.position,
                term,
                chain: trim.chain,
            },
            time_ms: 0,
        }
    }
}

/// Where a chunk of a copy begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ChunkStart {
    pub chunk: u32,
    pub start: Bytes,
    /// Of the copy, so far.
    pub bytes: u64,
}

/// What was erased here last: it is told until it is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub replica: platform_model::ReplicaId,
    pub order: u64,
    pub bytes: u64,
    pub keys: u64,
}

/// Why stored state cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it is damaged")]
    Damaged,
    #[error("its version {0} is newer than this program")]
    TooNew(u32),
}

#[derive(Clone, PartialEq, Message)]
struct BaseRecord {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(message, required, tag = "2")]
    head: HeadRecord,
    #[prost(uint64, tag = "3")]
    time_ms: u64,
}

#[derive(Clone, PartialEq, Message)]
struct ChunkRecord {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(uint32, tag = "2")]
    chunk: u32,
    #[prost(bytes = "bytes", tag = "3")]
    start: Bytes,
    #[prost(uint64, tag = "4")]
    bytes: u64,
}

#[derive(Clone, PartialEq, Message)]
struct ReceiptRecord {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(bytes = "bytes", tag = "2")]
    replica: Bytes,
    #[prost(uint64, tag = "3")]
    order: u64,
    #[prost(uint64, tag = "4")]
    bytes: u64,
    #[prost(uint64, tag = "5")]
    keys: u64,
}

impl Base {
    pub(crate) fn encode(&self) -> Bytes {
        let record = BaseRecord {
            version: VERSION,
            head: head_record(self.head),
            time_ms: self.time_ms,
        };
        record.encode_to_vec().into()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let record = BaseRecord::decode(bytes).map_err(|_| Unreadable::Damaged)?;
        known(record.version)?;
        Ok(Self {
            head: head(record.head),
            time_ms: record.time_ms,
        })
    }
}

impl ChunkStart {
    pub(crate) fn encode(&self) -> Bytes {
        let record = ChunkRecord {
            version: VERSION,
            chunk: self.chunk,
            start: self.start.clone(),
            bytes: self.bytes,
        };
        record.encode_to_vec().into()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let record = ChunkRecord::decode(bytes).map_err(|_| Unreadable::Damaged)?;
        known(record.version)?;
        Ok(Self {
            chunk: record.chunk,
            start: record.start,
            bytes: record.bytes,
        })
    }
}

impl Receipt {
    /// Before anything is removed.
    pub(crate) fn begin(replica: platform_model::ReplicaId, order: u64) -> Self {
        Self {
            replica,
            order,
            bytes: 0,
            keys: 0,
        }
    }

    pub(crate) fn count(&mut self, rows: &[(Bytes, Bytes)]) {
        self.keys += rows.len() as u64;
        self.bytes += rows
            .iter()
            .map(|(key, value)| (key.len() + value.len()) as u64)
            .sum::<u64>();
    }

    pub(crate) fn encode(&self) -> Bytes {
        let record = ReceiptRecord {
            version: VERSION,
            replica: replica_record(self.replica),
            order: self.order,
            bytes: self.bytes,
            keys: self.keys,
        };
        record.encode_to_vec().into()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let record = ReceiptRecord::decode(bytes).map_err(|_| Unreadable::Damaged)?;
        known(record.version)?;
        Ok(Self {
            replica: replica(&record.replica).ok_or(Unreadable::Damaged)?,
            order: record.order,
            bytes: record.bytes,
            keys: record.keys,
        })
    }
}

/// Whether this program knows the version.
pub(super) fn known(version: u32) -> Result<(), Unreadable> {
    match version {
        VERSION => Ok(()),
        0 => Err(Unreadable::Damaged),
        newer => Err(Unreadable::TooNew(newer)),
    }
}
