//! The prost shapes of frames. A field once used keeps its number.

use bytes::Bytes;
use prost::Message;

use crate::copy::records::{HeadRecord, MemberRecord, TermRecord, UpkeepRecord};

#[derive(Clone, PartialEq, Message)]
pub(super) struct FrameRecord {
    #[prost(fixed64, tag = "1")]
    pub world: u64,
    #[prost(fixed64, tag = "2")]
    pub shard: u64,
    #[prost(message, required, tag = "3")]
    pub term: TermRecord,
    #[prost(message, required, tag = "4")]
    pub from: MemberRecord,
    #[prost(bytes = "bytes", tag = "5")]
    pub to: Bytes,
    #[prost(uint32, tag = "6")]
    pub kind: u32,
    #[prost(message, optional, tag = "7")]
    pub ask: Option<AskRecord>,
    #[prost(message, optional, tag = "8")]
    pub promise: Option<PromiseRecord>,
    /// Whichever heads the kind has, in the order in which it names them.
    #[prost(message, repeated, tag = "9")]
    pub heads: Vec<HeadRecord>,
    /// Of the entry before the first.
    #[prost(fixed64, tag = "10")]
    pub before: u64,
    #[prost(bytes = "bytes", repeated, tag = "11")]
    pub entries: Vec<Bytes>,
    #[prost(bool, tag = "12")]
    pub flag: bool,
    #[prost(message, optional, tag = "13")]
    pub rows: Option<RowsRecord>,
    #[prost(uint32, tag = "14")]
    pub chunk: u32,
    #[prost(uint64, tag = "15")]
    pub generation: u64,
    #[prost(uint64, tag = "16")]
    pub epoch: u64,
    #[prost(message, optional, tag = "17")]
    pub upkeep: Option<UpkeepRecord>,
    #[prost(message, repeated, tag = "18")]
    pub ends: Vec<EndRecord>,
    #[prost(uint64, tag = "19")]
    pub position: u64,
    #[prost(fixed64, tag = "20")]
    pub digest: u64,
    #[prost(message, optional, tag = "21")]
    pub refusal: Option<RefusalRecord>,
    #[prost(uint64, tag = "22")]
    pub time_ms: u64,
    #[prost(bytes = "bytes", tag = "23")]
    pub start: Bytes,
}

/// Numbers of the kinds of messages.
pub(super) mod kind {
    pub const QUERY: u32 = 1;
    pub const APPEND: u32 = 2;
    pub const KEEP_ALIVE: u32 = 3;
    pub const REWIND: u32 = 4;
    pub const RESTORED: u32 = 5;
    pub const COPY_BASE: u32 = 6;
    pub const PAGE: u32 = 7;
    pub const RELEASE: u32 = 8;
    pub const STATUS: u32 = 9;
    pub const ACK: u32 = 10;
    pub const FETCH_KEYS: u32 = 11;
    pub const FETCH_PAGE: u32 = 12;
    pub const DIGEST: u32 = 13;
    pub const LEAVING: u32 = 14;
    pub const REFUSED: u32 = 15;
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct AskRecord {
    #[prost(uint64, tag = "1")]
    pub sent: u64,
    #[prost(uint64, tag = "2")]
    pub lease_micros: u64,
    #[prost(uint64, tag = "3")]
    pub known: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct PromiseRecord {
    #[prost(uint64, tag = "1")]
    pub echo: u64,
    #[prost(uint64, tag = "2")]
    pub micros: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct EndRecord {
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    #[prost(uint64, tag = "2")]
    pub end: u64,
}

/// Rows of a page; of keys that are asked for, `rows` have no values.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RowsRecord {
    #[prost(message, repeated, tag = "1")]
    pub ranges: Vec<PairRecord>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub keys: Vec<Bytes>,
    #[prost(message, repeated, tag = "3")]
    pub rows: Vec<PairRecord>,
    #[prost(uint64, tag = "4")]
    pub time_ms: u64,
    #[prost(uint64, tag = "5")]
    pub left_bytes: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PairRecord {
    #[prost(bytes = "bytes", tag = "1")]
    pub first: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub second: Bytes,
}

/// A refusal: its kind and whatever that kind has, each in a field of its own.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RefusalRecord {
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub asked: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub have: Option<Bytes>,
    #[prost(message, optional, tag = "4")]
    pub term: Option<TermRecord>,
    #[prost(message, optional, tag = "5")]
    pub highest: Option<TermRecord>,
    #[prost(uint64, tag = "6")]
    pub first: u64,
    #[prost(uint64, tag = "7")]
    pub second: u64,
}
