//! A row of the outbox, and how it is stored.

use bytes::Bytes;
use cell_store::key::{Element, Tuple, unpack};
use platform_model::{Epoch, EpochPosition, Position, RootId, RootKind, RootRef};
use prost::Message;

use crate::entry::Event;
use crate::keys::{ShardKeys, join};

/// About what a key of the outbox takes, in bytes.
pub(crate) const KEY_BYTES: usize = 96;
/// The version of rows that this program writes, and the newest that it reads.
const VERSION: u32 = 1;

/// Names one event of this shard for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutboxKey {
    pub to: RootRef,
    /// Of the log entry of its transaction.
    pub at: EpochPosition,
    /// Which transaction of the entry.
    pub index: u32,
    /// Which event of the transaction.
    pub event: u32,
}

/// An event that waits to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    pub key: OutboxKey,
    /// That told it.
    pub domain: String,
    pub name: String,
    /// Of the payload.
    pub version: u32,
    /// As the domain's layers made it.
    pub payload: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(uint32, tag = "4")]
    event_version: u32,
    #[prost(bytes = "bytes", tag = "5")]
    payload: Bytes,
}

/// An event of a transaction whose place in the log is not known yet.
#[derive(Debug)]
pub(crate) struct Emitted {
    event: u32,
    to: RootRef,
    stored: Stored,
    value: Bytes,
    /// It is laid out for a broker too.
    pub(crate) bridged: bool,
}

/// Those of a transaction's events that are for roots.
pub(crate) fn emitted(domain: &str, events: Vec<Event>, bridged: bool) -> Vec<Emitted> {
    let addressed = events.into_iter().enumerate().filter_map(|(at, event)| {
        let to = event.to?;
        let stored = Stored {
            version: VERSION,
            domain: if event.domain.is_empty() {
                domain.to_owned()
            } else {
                event.domain
            },
            name: event.name,
            event_version: event.version,
            payload: event.payload,
        };
        Some(Emitted {
            event: u32::try_from(at).ok()?,
            to,
            value: stored.encode_to_vec().into(),
            stored,
            bridged,
        })
    });
    addressed.collect()
}

/// What they add to a batch: each stands there as a row and in the record that writes it, and as often again where a
/// broker is to have it.
pub(crate) fn bytes(events: &[Emitted]) -> usize {
    let times = |event: &Emitted| if event.bridged { 4 } else { 2 };
    events
        .iter()
        .map(|event| times(event) * (event.value.len() + KEY_BYTES))
        .sum()
}

impl Emitted {
    pub(crate) fn at(self, at: EpochPosition, index: u32) -> (OutboxRow, Bytes) {
        let key = OutboxKey {
            to: self.to,
            at,
            index,
            event: self.event,
        };
        (OutboxRow::of(key, self.stored), self.value)
    }
}

impl OutboxKey {
    /// As it stands in the shared table.
    pub(crate) fn relative(&self) -> Bytes {
        Tuple::new()
            .u64(self.to.kind as u64)
            .uuid(self.to.id.0)
            .u64(self.at.epoch.0)
            .u64(self.at.position.0)
            .u64(u64::from(self.index))
            .u64(u64::from(self.event))
            .pack()
    }

    /// What the keys of all events for its root begin with.
    pub(crate) fn of_root(&self) -> Bytes {
        let root = Tuple::new().u64(self.to.kind as u64).uuid(self.to.id.0);
        root.pack()
    }

    /// The first key behind it.
    pub(crate) fn behind(&self) -> Bytes {
        join(&self.relative(), &[0])
    }

    /// As it stands in the table of what a broker is to have: in the order in which the shard told it.
    pub(crate) fn in_order(&self) -> Bytes {
        Tuple::new()
            .u64(self.at.epoch.0)
            .u64(self.at.position.0)
            .u64(u64::from(self.index))
            .u64(u64::from(self.event))
            .u64(self.to.kind as u64)
            .uuid(self.to.id.0)
            .pack()
    }

    /// The same, as it lies in the store.
    pub(crate) fn bridged(&self, keys: &ShardKeys) -> Bytes {
        join(keys.bridge(), &self.in_order())
    }

    /// As it lies in the store.
    pub(crate) fn stored(&self, keys: &ShardKeys) -> Bytes {
        join(keys.outbox(), &self.relative())
    }

    pub(crate) fn read(key: &[u8]) -> Option<Self> {
        let elements = unpack(key).ok()?;
        let [kind, id, epoch, position, index, event] = elements.as_slice() else {
            return None;
        };
        Self::of_elements(kind, id, [epoch, position, index, event])
    }

    /// What [`Self::in_order`] made.
    pub(crate) fn read_in_order(key: &[u8]) -> Option<Self> {
        let elements = unpack(key).ok()?;
        let [epoch, position, index, event, kind, id] = elements.as_slice() else {
            return None;
        };
        Self::of_elements(kind, id, [epoch, position, index, event])
    }

    fn of_elements(
        kind: &Element,
        id: &Element,
        [epoch, position, index, event]: [&Element; 4],
    ) -> Option<Self> {
        let kind = match kind.as_u64()? {
            1 => RootKind::User,
            2 => RootKind::Group,
            3 => RootKind::Challenge,
            4 => RootKind::Desk,
            _ => return None,
        };
        Some(Self {
            to: RootRef {
                kind,
                id: RootId(id.as_uuid()?),
            },
            at: EpochPosition {
                epoch: Epoch(epoch.as_u64()?),
                position: Position(position.as_u64()?),
            },
            index: u32::try_from(index.as_u64()?).ok()?,
            event: u32::try_from(event.as_u64()?).ok()?,
        })
    }
}

impl OutboxRow {
    fn of(key: OutboxKey, stored: Stored) -> Self {
        Self {
            key,
            domain: stored.domain,
            name: stored.name,
            version: stored.event_version,
            payload: stored.payload,
        }
    }

    /// None for bytes that are none, or of a later version.
    pub(crate) fn read(key: &[u8], value: &Bytes) -> Option<Self> {
        Self::under(OutboxKey::read(key)?, value)
    }

    /// The same, by a key that was read.
    pub(crate) fn under(key: OutboxKey, value: &Bytes) -> Option<Self> {
        let stored = Stored::decode(value.clone()).ok()?;
        (stored.version == VERSION).then(|| Self::of(key, stored))
    }

    /// What it takes of memory and of the outbox, about.
    pub fn bytes(&self) -> usize {
        KEY_BYTES + self.domain.len() + self.name.len() + self.payload.len()
    }
}
