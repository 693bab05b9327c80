//! One transaction of an entry, as it is stored.

use bytes::Bytes;
use cell_store::Mutation;
use platform_model::{Actor, RequestId, RootId, RootKind, RootRef, UserId};
use prost::Message;
use prost::encoding::{self, WireType, encode_key, encode_varint, encoded_len_varint};
use uuid::Uuid;

use super::{Event, LoggedTransaction};
use crate::buffer::WriteBuffer;
use crate::keys::ShardKeys;
use crate::request::{Mode, Request};

#[derive(Clone, PartialEq, Message)]
pub(super) struct TransactionRecord {
    #[prost(uint32, tag = "1")]
    actor_kind: u32,
    #[prost(bytes = "bytes", tag = "2")]
    actor: Bytes,
    #[prost(string, tag = "3")]
    domain: String,
    #[prost(bytes = "bytes", tag = "4")]
    request_id: Bytes,
    #[prost(bool, tag = "5")]
    sync: bool,
    #[prost(message, repeated, tag = "6")]
    writes: Vec<WriteRecord>,
    #[prost(message, repeated, tag = "7")]
    events: Vec<EventRecord>,
}

/// A put has a value, a cleared range an end, a clear neither.
#[derive(Clone, PartialEq, Message)]
struct WriteRecord {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", optional, tag = "2")]
    value: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    end: Option<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct EventRecord {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint32, tag = "2")]
    version: u32,
    #[prost(uint32, tag = "3")]
    root_kind: u32,
    #[prost(bytes = "bytes", tag = "4")]
    root_id: Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    payload: Bytes,
    /// Empty: the transaction's.
    #[prost(string, tag = "6")]
    domain: String,
}

/// Bytes of a record beside its writes and its events, about.
const HEAD_BYTES: usize = 128;
/// What frames a write, about.
const FRAME_BYTES: usize = 12;

/// Encodes one transaction as it stands in an entry: as a [`TransactionRecord`], straight from the buffer.
pub(crate) fn encode_transaction(
    keys: &ShardKeys,
    request: &Request,
    mode: Mode,
    writes: &WriteBuffer,
    events: &[Event],
) -> Bytes {
    let mut record = Vec::with_capacity(HEAD_BYTES + writes.bytes() + writes.len() * FRAME_BYTES);
    let (actor_kind, actor) = encode_actor(&request.actor);
    encoding::uint32::encode(1, &actor_kind, &mut record);
    put_unless_empty(2, actor, &mut record);
    put_unless_empty(3, request.domain.as_bytes(), &mut record);
    put_unless_empty(4, request.request_id.as_uuid().as_bytes(), &mut record);
    if mode == Mode::Sync {
        encoding::bool::encode(5, &true, &mut record);
    }
    for range in writes.ranges() {
        let (key, end) = (keys.in_log(&range.start), keys.in_log(&range.end));
        put_write(key, None, Some(end), &mut record);
    }
    for (key, value) in writes.points() {
        put_write(keys.in_log(key), value.as_deref(), None, &mut record);
    }
    for event in events {
        encoding::message::encode(7, &event_record(request.domain, event), &mut record);
    }
    record.into()
}

/// A [`WriteRecord`].
fn put_write(key: &[u8], value: Option<&[u8]>, end: Option<&[u8]>, into: &mut Vec<u8>) {
    let key = Some(key).filter(|key| !key.is_empty());
    let fields = [(1, key), (2, value), (3, end)];
    let framed = |bytes: &[u8]| 1 + encoded_len_varint(bytes.len() as u64) + bytes.len();
    let length: usize = fields.iter().filter_map(|(_, bytes)| bytes.map(framed)).sum();
    encode_key(6, WireType::LengthDelimited, into);
    encode_varint(length as u64, into);
    for (tag, bytes) in fields {
        if let Some(bytes) = bytes {
            put(tag, bytes, into);
        }
    }
}

fn put_unless_empty(tag: u32, bytes: &[u8], into: &mut Vec<u8>) {
    if !bytes.is_empty() {
        put(tag, bytes, into);
    }
}

fn put(tag: u32, bytes: &[u8], into: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, into);
    encode_varint(bytes.len() as u64, into);
    into.extend_from_slice(bytes);
}

fn event_record(domain: &str, event: &Event) -> EventRecord {
    let own = event.domain == domain;
    EventRecord {
        name: event.name.clone(),
        domain: if own { String::new() } else { event.domain.clone() },
        version: event.version,
        root_kind: event.to.map_or(0, |root| root.kind as u32),
        root_id: event
            .to
            .map_or_else(Bytes::new, |root| Bytes::copy_from_slice(root.id.0.as_bytes())),
        payload: event.payload.clone(),
    }
}

pub(super) fn logged(record: TransactionRecord) -> Option<LoggedTransaction> {
    Some(LoggedTransaction {
        actor: decode_actor(record.actor_kind, &record.actor)?,
        domain: record.domain,
        request_id: RequestId::from_uuid(Uuid::from_slice(&record.request_id).ok()?),
        mode: if record.sync { Mode::Sync } else { Mode::Async },
        writes: record.writes.into_iter().map(logged_write).collect(),
        events: record
            .events
            .into_iter()
            .map(logged_event)
            .collect::<Option<_>>()?,
    })
}

fn logged_write(record: WriteRecord) -> Mutation {
    match (record.value, record.end) {
        (Some(value), _) => Mutation::Put {
            key: record.key,
            value,
        },
        (None, Some(end)) => Mutation::ClearRange {
            range: cell_store::KeyRange::new(record.key, end),
        },
        (None, None) => Mutation::Clear { key: record.key },
    }
}

fn logged_event(record: EventRecord) -> Option<Event> {
    let kind = match record.root_kind {
        0 => None,
        1 => Some(RootKind::User),
        2 => Some(RootKind::Group),
        3 => Some(RootKind::Challenge),
        4 => Some(RootKind::Desk),
        _ => return None,
    };
    let to = match kind {
        Some(kind) => Some(RootRef {
            kind,
            id: RootId(Uuid::from_slice(&record.root_id).ok()?),
        }),
        None => None,
    };
    Some(Event {
        name: record.name,
        domain: record.domain,
        version: record.version,
        to,
        payload: record.payload,
    })
}

fn encode_actor(actor: &Actor) -> (u32, &[u8]) {
    match actor {
        Actor::User(user) => (1, user.as_bytes()),
        Actor::Anonymous => (2, &[]),
        Actor::Service(name) => (3, name.as_bytes()),
        Actor::Operator(id) => (4, id.as_bytes()),
    }
}

fn decode_actor(kind: u32, bytes: &[u8]) -> Option<Actor> {
    let text = || std::str::from_utf8(bytes).ok().map(str::to_owned);
    match kind {
        1 => Some(Actor::User(UserId::from_uuid(Uuid::from_slice(bytes).ok()?))),
        2 => Some(Actor::Anonymous),
        3 => Some(Actor::Service(text()?)),
        4 => Some(Actor::Operator(text()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use cell_store::KeyRange;

    use super::*;
    use crate::keys::join;
    use crate::request::Scope;

    /// As prost encodes it, field by field: with and without each, an empty value too.
    #[test]
    fn what_is_encoded_by_hand_is_what_prost_encodes() {
        let keys = ShardKeys::new(&"eu/eu-central/007".parse().expect("a shard"));
        let scope = keys.scope(&Scope::Shared("t")).expect("a scope");
        let at = |key: &[u8]| join(&scope, key);
        let mut writes = WriteBuffer::default();
        writes.set(at(b"a"), Some(Bytes::from(vec![7; 300])));
        writes.set(at(b"b"), Some(Bytes::new()));
        writes.set(at(b"c"), None);
        writes.clear_range(KeyRange::prefix(at(b"r")));
        let to = RootRef {
            kind: RootKind::Desk,
            id: RootId(Uuid::from_u128(3)),
        };
        let event = |domain: &str, to| Event {
            name: "done".into(),
            domain: domain.into(),
            version: 2,
            to,
            payload: "p".into(),
        };
        let events = [event("", Some(to)), event("community", None)];
        let none = WriteBuffer::default();
        let user = Actor::User(UserId::from_uuid(Uuid::from_u128(1)));
        for actor in [
            user,
            Actor::Anonymous,
            Actor::Service("s".into()),
            Actor::Operator(String::new()),
        ] {
            for (mode, writes, events) in [
                (Mode::Sync, &writes, &events[..]),
                (Mode::Async, &writes, &events[..0]),
                (Mode::Sync, &none, &events[..]),
            ] {
                let request = Request {
                    actor: actor.clone(),
                    domain: "training",
                    request_id: RequestId::from_uuid(Uuid::from_u128(9)),
                    mode: Mode::Async,
                    scope: Scope::Shared("t"),
                    not_older_than: None,
                    deadline: std::time::Duration::ZERO,
                };
                let encoded = encode_transaction(&keys, &request, mode, writes, events);
                let record = TransactionRecord::decode(encoded.clone()).expect("a record");
                assert_eq!(Bytes::from(record.encode_to_vec()), encoded, "{actor:?}");
                let read = logged(record).expect("readable");
                assert_eq!((&read.actor, read.domain.as_str()), (&actor, "training"));
                assert_eq!((read.request_id, read.mode), (request.request_id, mode));
                assert_eq!(read.events, events);
                let mutations = writes.clone().into_mutations();
                let relative: Vec<Mutation> = mutations.map(|one| relative(&keys, one)).collect();
                assert_eq!(read.writes, relative);
            }
        }
    }

    fn relative(keys: &ShardKeys, mutation: Mutation) -> Mutation {
        let relative = |key: Bytes| keys.relative(&key);
        match mutation {
            Mutation::Put { key, value } => Mutation::Put {
                key: relative(key),
                value,
            },
            Mutation::Clear { key } => Mutation::Clear { key: relative(key) },
            Mutation::ClearRange { range } => Mutation::ClearRange {
                range: KeyRange::new(relative(range.start), relative(range.end)),
            },
        }
    }
}
