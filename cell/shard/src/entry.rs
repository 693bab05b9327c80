//! One entry of the change log: its encoding, its chain, its parts.
//!
//! Stored is a `Sealed` message: the chain (xxh3 of the body, seeded with the chain before) and the body, in parts
//! of at most 90 kB. Each transaction is encoded by its own task, so the committer only strings them together.

mod record;

use bytes::{BufMut, Bytes, BytesMut};
use cell_store::Mutation;
use platform_model::{Actor, Epoch, Incarnation, Position, RequestId, RootRef, Term};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use xxhash_rust::xxh3::xxh3_64_with_seed;

pub(crate) use record::encode_transaction;
use record::{TransactionRecord, logged};

use crate::request::Mode;

/// The version of entries that this program writes, and the newest that it reads.
pub(crate) const ENTRY_VERSION: u32 = 2;
const TRANSACTIONS_TAG: u32 = 6;
/// What stands in front of the body: the chain, and the body's key and length.
const SEAL_BYTES_MAX: usize = 9 + 11;

/// One entry, as every reader of the log sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    pub position: Position,
    pub term: Term,
    /// Milliseconds since 1970; never less than in the entry before.
    pub time_ms: u64,
    /// Checksum over this entry and the chain of the one before.
    pub chain: u64,
    pub kind: EntryKind,
    /// Of clients, or of the shard itself.
    pub transactions: Vec<LoggedTransaction>,
}

/// What an entry is for. Entries of version 1 know only `Data`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EntryKind {
    #[default]
    Data,
    /// The first of a term; it records where its epoch begins.
    Term,
    /// Every copy drops its log up to here.
    Trim { upto: Position },
    /// Every copy digests the keys in `[start, end)`, without the shard in front, as they are just after this entry.
    Barrier { chunk: u32, start: Bytes, end: Bytes },
}

impl LogEntry {
    /// Whether one of its transactions is acknowledged by the standbys before it is answered.
    pub(crate) fn is_sync(&self) -> bool {
        self.transactions
            .iter()
            .any(|transaction| transaction.mode == Mode::Sync)
    }
}

/// One transaction; its place in the entry is the index of `(position, index)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedTransaction {
    pub actor: Actor,
    pub domain: String,
    pub request_id: RequestId,
    pub mode: Mode,
    /// Absolute values in order of application; keys without the shard in front.
    pub writes: Vec<Mutation>,
    pub events: Vec<Event>,
}

/// Something that happened, for others to act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `activity-imported`.
    pub name: String,
    /// That tells it; empty: the transaction's own. Another's, where one domain's event has others of this root tell theirs.
    pub domain: String,
    /// Of the payload.
    pub version: u32,
    /// The root that it is delivered to; none: whoever reads the log.
    pub to: Option<RootRef>,
    pub payload: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct Sealed {
    #[prost(fixed64, tag = "1")]
    chain: u64,
    #[prost(bytes = "bytes", tag = "2")]
    body: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct Body {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(uint64, tag = "2")]
    position: u64,
    #[prost(uint64, tag = "3")]
    epoch: u64,
    #[prost(uint64, tag = "4")]
    incarnation: u64,
    #[prost(uint64, tag = "5")]
    time_ms: u64,
    #[prost(message, repeated, tag = "6")]
    transactions: Vec<TransactionRecord>,
    /// Since version 2: 0 data, 1 term, 2 trim, 3 barrier.
    #[prost(uint32, tag = "7")]
    kind: u32,
    #[prost(uint64, tag = "8")]
    upto: u64,
    #[prost(uint32, tag = "9")]
    chunk: u32,
    #[prost(bytes = "bytes", tag = "10")]
    start: Bytes,
    #[prost(bytes = "bytes", tag = "11")]
    end: Bytes,
}

/// Why stored bytes are no entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unreadable {
    Damaged(&'static str),
    TooNew(u32),
}

/// What heads an entry.
#[derive(Debug, Clone)]
pub(crate) struct EntryHead {
    pub position: Position,
    pub term: Term,
    pub time_ms: u64,
    pub kind: EntryKind,
}

impl EntryHead {
    /// The body without its transactions.
    fn body(&self) -> Body {
        let mut body = Body {
            version: ENTRY_VERSION,
            position: self.position.0,
            epoch: self.term.epoch.0,
            incarnation: self.term.incarnation.0,
            time_ms: self.time_ms,
            ..Body::default()
        };
        match &self.kind {
            EntryKind::Data => {}
            EntryKind::Term => body.kind = 1,
            EntryKind::Trim { upto } => (body.kind, body.upto) = (2, upto.0),
            EntryKind::Barrier { chunk, start, end } => {
                (body.kind, body.chunk) = (3, *chunk);
                (body.start, body.end) = (start.clone(), end.clone());
            }
        }
        body
    }
}

/// Strings encoded transactions together in one buffer. Returns the stored bytes (a `Sealed`) and the chain.
pub(crate) fn seal(head: &EntryHead, transactions: &[Bytes], chain_before: u64) -> (Bytes, u64) {
    let body = head.body();
    let framed = |bytes: &Bytes| 1 + encoded_len_varint(bytes.len() as u64) + bytes.len();
    let body_bytes = body.encoded_len() + transactions.iter().map(framed).sum::<usize>();
    let mut buffer = BytesMut::with_capacity(body_bytes + SEAL_BYTES_MAX);
    // The chain stands in front of what it is computed over, so its place is filled in at the end.
    encode_key(1, WireType::SixtyFourBit, &mut buffer);
    buffer.put_u64_le(0);
    encode_key(2, WireType::LengthDelimited, &mut buffer);
    encode_varint(body_bytes as u64, &mut buffer);
    let start = buffer.len();
    body.encode_raw(&mut buffer);
    for transaction in transactions {
        encode_key(TRANSACTIONS_TAG, WireType::LengthDelimited, &mut buffer);
        encode_varint(transaction.len() as u64, &mut buffer);
        buffer.put_slice(transaction);
    }
    let chain = xxh3_64_with_seed(&buffer[start..], chain_before);
    buffer[1..9].copy_from_slice(&chain.to_le_bytes());
    (buffer.freeze(), chain)
}

/// Reads stored bytes; with `chain_before`, also checks the chain.
pub(crate) fn open(stored: Bytes, chain_before: Option<u64>) -> Result<LogEntry, Unreadable> {
    let sealed = Sealed::decode(stored).map_err(|_| Unreadable::Damaged("its parts are no entry"))?;
    if chain_before.is_some_and(|before| xxh3_64_with_seed(&sealed.body, before) != sealed.chain) {
        return Err(Unreadable::Damaged("its checksum does not fit"));
    }
    let body = Body::decode(sealed.body).map_err(|_| Unreadable::Damaged("its body is no entry"))?;
    if body.version > ENTRY_VERSION {
        return Err(Unreadable::TooNew(body.version));
    }
    let kind = match body.kind {
        0 => EntryKind::Data,
        1 => EntryKind::Term,
        2 => EntryKind::Trim {
            upto: Position(body.upto),
        },
        3 => EntryKind::Barrier {
            chunk: body.chunk,
            start: body.start,
            end: body.end,
        },
        _ => return Err(Unreadable::Damaged("its kind is unknown")),
    };
    let transactions = body
        .transactions
        .into_iter()
        .map(logged)
        .collect::<Option<Vec<_>>>();
    Ok(LogEntry {
        position: Position(body.position),
        term: Term {
            epoch: Epoch(body.epoch),
            incarnation: Incarnation(body.incarnation),
        },
        time_ms: body.time_ms,
        chain: sealed.chain,
        kind,
        transactions: transactions.ok_or(Unreadable::Damaged("a transaction of it is unreadable"))?,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use platform_model::{RootId, RootKind};
    use uuid::Uuid;

    use super::*;
    use crate::buffer::WriteBuffer;
    use crate::keys::ShardKeys;
    use crate::request::Request;

    fn sample() -> (Bytes, u64) {
        let keys = ShardKeys::new(&"eu/eu-central/007".parse().expect("a shard"));
        let request = Request {
            actor: Actor::Operator("someone".into()),
            domain: "training",
            request_id: RequestId::from_uuid(Uuid::from_u128(7)),
            mode: Mode::Async,
            scope: crate::Scope::Shared("t"),
            not_older_than: None,
            deadline: Duration::ZERO,
        };
        let scope = keys.scope(&request.scope).expect("a scope");
        let mut writes = WriteBuffer::default();
        writes.set(crate::keys::join(&scope, b"a"), Some("1".into()));
        writes.set(crate::keys::join(&scope, b"b"), None);
        writes.clear_range(cell_store::KeyRange::prefix(crate::keys::join(&scope, b"c")));
        let to = Some(RootRef {
            kind: RootKind::Group,
            id: RootId(Uuid::from_u128(3)),
        });
        let events = [Event {
            domain: String::new(),
            name: "done".into(),
            version: 2,
            to,
            payload: "p".into(),
        }];
        let transaction = encode_transaction(&keys, &request, Mode::Sync, &writes, &events);
        let head = EntryHead {
            position: Position(5),
            term: Term::default(),
            time_ms: 77,
            kind: EntryKind::Data,
        };
        seal(&head, &[transaction.clone(), transaction], 99)
    }

    #[test]
    fn an_entry_reads_back() {
        let (stored, chain) = sample();
        let entry = open(stored, Some(99)).expect("an entry");
        assert_eq!(
            (entry.position, entry.time_ms, entry.chain),
            (Position(5), 77, chain)
        );
        assert_eq!(entry.transactions.len(), 2);
        let transaction = &entry.transactions[1];
        assert_eq!(transaction.writes.len(), 3);
        assert!(matches!(transaction.writes[0], Mutation::ClearRange { .. }));
        assert_eq!((transaction.mode, transaction.events[0].version), (Mode::Sync, 2));
    }

    #[test]
    fn any_flipped_byte_is_found() {
        let (stored, _) = sample();
        for at in 0..stored.len() {
            let mut damaged = stored.to_vec();
            damaged[at] ^= 0x10;
            assert!(open(damaged.into(), Some(99)).is_err(), "byte {at}");
        }
        assert!(open(stored, Some(98)).is_err(), "another entry before it");
    }
}
