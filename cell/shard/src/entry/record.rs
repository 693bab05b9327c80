//! One transaction of an entry, as it is stored.

use bytes::Bytes;
use cell_store::Mutation;
use platform_model::{Actor, RequestId, RootId, RootKind, RootRef, UserId};
use prost::Message;
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
}

/// Encodes one transaction as it stands in an entry.
pub(crate) fn encode_transaction(
    keys: &ShardKeys,
    request: &Request,
    mode: Mode,
    writes: &WriteBuffer,
    events: &[Event],
) -> Bytes {
    let (actor_kind, actor) = encode_actor(&request.actor);
    let record = TransactionRecord {
        actor_kind,
        actor,
        domain: request.domain.to_owned(),
        request_id: Bytes::copy_from_slice(request.request_id.as_uuid().as_bytes()),
        sync: mode == Mode::Sync,
        writes: writes
            .mutations()
            .map(|mutation| write_record(keys, mutation))
            .collect(),
        events: events.iter().map(event_record).collect(),
    };
    record.encode_to_vec().into()
}

fn write_record(keys: &ShardKeys, mutation: Mutation) -> WriteRecord {
    match mutation {
        Mutation::Put { key, value } => WriteRecord {
            key: keys.relative(&key),
            value: Some(value),
            end: None,
        },
        Mutation::Clear { key } => WriteRecord {
            key: keys.relative(&key),
            value: None,
            end: None,
        },
        Mutation::ClearRange { range } => WriteRecord {
            key: keys.relative(&range.start),
            value: None,
            end: Some(keys.relative(&range.end)),
        },
    }
}

fn event_record(event: &Event) -> EventRecord {
    EventRecord {
        name: event.name.clone(),
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
        version: record.version,
        to,
        payload: record.payload,
    })
}

fn encode_actor(actor: &Actor) -> (u32, Bytes) {
    match actor {
        Actor::User(user) => (1, Bytes::copy_from_slice(user.as_bytes())),
        Actor::Anonymous => (2, Bytes::new()),
        Actor::Service(name) => (3, Bytes::copy_from_slice(name.as_bytes())),
        Actor::Operator(id) => (4, Bytes::copy_from_slice(id.as_bytes())),
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
