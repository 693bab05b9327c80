//! Events that a root could not take, with their reason: parked in the transaction that moves the mark, so that they hold
//! nobody up. A person sees them, has them tried again, or drops them.

use bytes::Bytes;
use cell_relay::EventKey;
use cell_relay::parked::PARKED_PER_ROOT_MAX;
use cell_shard::{KeyRange, Tx};
use cell_store::key::{Tuple, unpack};
use platform_model::{Epoch, EpochPosition, HomeId, Position, RootId, RootKind, RootRef, ShardId};
use prost::Message;
use uuid::Uuid;

use super::DOMAIN;
use crate::error::LayerError;
use crate::root_tx::RootTx;
use crate::stored::{self, ParkedEvent, ParkedNote};

const LAYER: &str = "#parked";
/// The shared table that says which roots have some: ids and reasons, beside the rows of the roots.
const NOTES: &str = "parked";
/// Longest reason that is kept, in bytes.
pub const PARKED_REASON_BYTES_MAX: usize = 512;

/// An event that is parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    pub domain: String,
    pub name: String,
    pub version: u32,
    pub from: RootRef,
    pub from_home: HomeId,
    pub message: Bytes,
    /// Never holds a value of a person.
    pub reason: String,
    /// Log time.
    pub parked_ms: u64,
}

/// # Errors
/// [`LayerError::TooLarge`] when as many are parked here as may be; the transaction's.
pub async fn park(tx: &RootTx, source: &ShardId, event: EventKey, parked: &Parked) -> Result<(), LayerError> {
    let tx = &tx.of_domain(DOMAIN);
    let notes = tx.beside(NOTES)?;
    let of_root = Tuple::new().uuid(tx.root().id.0).range();
    let there = notes.scan(of_root, PARKED_PER_ROOT_MAX, false).await?.rows.len();
    stored::at_most("parked events of a root", there + 1, PARKED_PER_ROOT_MAX)?;
    let row = ParkedEvent {
        domain: parked.domain.clone(),
        name: parked.name.clone(),
        version: parked.version,
        from: parked.from.id.0.as_bytes().to_vec(),
        from_home: parked.from_home.to_string(),
        message: parked.message.to_vec(),
        reason: parked.reason.chars().take(PARKED_REASON_BYTES_MAX / 4).collect(),
        parked_ms: tx.log_time_ms(),
    };
    let note = Noted::of(tx.root(), source, event, &row);
    notes.put(note.key(), note.value())?;
    stored::put(tx, LAYER, key(tx, source, event), &row)
}

/// One parked event, if it is there.
///
/// # Errors
/// The transaction's; a row that says what it cannot say.
pub async fn parked(tx: &RootTx, source: &ShardId, event: EventKey) -> Result<Option<Parked>, LayerError> {
    let tx = &tx.of_domain(DOMAIN);
    let row: Option<ParkedEvent> = stored::get(tx, LAYER, &key(tx, source, event)).await?;
    row.map(read).transpose()
}

/// Takes one out, to try it again or to drop it: in the transaction that does so, so that it is done once.
///
/// # Errors
/// As [`parked`]; none is there: somebody was faster.
pub async fn take_parked(
    tx: &RootTx,
    source: &ShardId,
    event: EventKey,
) -> Result<Option<Parked>, LayerError> {
    let tx = &tx.of_domain(DOMAIN);
    let Some(row) = stored::get::<ParkedEvent>(tx, LAYER, &key(tx, source, event)).await? else {
        return Ok(None);
    };
    let note = Noted::of(tx.root(), source, event, &row);
    tx.beside(NOTES)?.clear(note.key())?;
    tx.clear(key(tx, source, event))?;
    read(row).map(Some)
}

/// Notes the root's parked events in the shard where it has come: their rows came along, the notes beside them did not.
///
/// # Errors
/// The transaction's; a row that says what it cannot say.
pub async fn note_parked(tx: &RootTx) -> Result<(), LayerError> {
    let tx = &tx.of_domain(DOMAIN);
    let (notes, prefix) = (tx.beside(NOTES)?, tx.prefix(LAYER));
    let begins = prefix.clone().pack().len();
    let page = tx.scan(LAYER, prefix.range(), PARKED_PER_ROOT_MAX, false).await?;
    for (key, version, value) in page.rows {
        let row: ParkedEvent = stored::read(LAYER, version, &value)?;
        let of_root = Tuple::new().uuid(tx.root().id.0).pack();
        // A note's key is the root's id, and then what the row's ends with.
        let key = Bytes::from([&of_root[..], &key[begins..]].concat());
        notes.put(key, Noted::stored(&row))?;
    }
    Ok(())
}

/// Takes back whatever is noted of a root that has gone.
///
/// # Errors
/// The transaction's.
pub async fn forget_parked(tx: &Tx, root: RootRef) -> Result<(), LayerError> {
    let notes = tx.shared(NOTES)?;
    let of_root = Tuple::new().uuid(root.id.0).range();
    for (key, _) in notes.scan(of_root, PARKED_PER_ROOT_MAX, false).await?.rows {
        notes.clear(key)?;
    }
    Ok(())
}

fn read(row: ParkedEvent) -> Result<Parked, LayerError> {
    let damaged = LayerError::Damaged {
        layer: LAYER,
        what: "its author or his home cannot be read",
    };
    let (Ok(from), Ok(from_home)) = (Uuid::from_slice(&row.from), row.from_home.parse()) else {
        return Err(damaged);
    };
    Ok(Parked {
        domain: row.domain,
        name: row.name,
        version: row.version,
        from: RootRef {
            kind: RootKind::User,
            id: RootId(from),
        },
        from_home,
        message: row.message.into(),
        reason: row.reason,
        parked_ms: row.parked_ms,
    })
}

fn key(tx: &RootTx, source: &ShardId, event: EventKey) -> Bytes {
    tx.prefix(LAYER)
        .str(source.to_string())
        .u64(event.at.epoch.0)
        .u64(event.at.position.0)
        .u64(u64::from(event.index))
        .u64(u64::from(event.event))
        .pack()
}

/// What a list of a shard's parked events shows of each: ids and reasons, nothing of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    pub to: RootRef,
    pub source: ShardId,
    pub event: EventKey,
    pub domain: String,
    pub name: String,
    pub version: u32,
    pub reason: String,
    pub parked_ms: u64,
}

impl Noted {
    fn of(root: RootRef, source: &ShardId, event: EventKey, row: &ParkedEvent) -> Self {
        Self {
            to: root,
            source: source.clone(),
            event,
            domain: row.domain.clone(),
            name: row.name.clone(),
            version: row.version,
            reason: row.reason.clone(),
            parked_ms: row.parked_ms,
        }
    }

    fn key(&self) -> Bytes {
        let at = self.event.at;
        Tuple::new()
            .uuid(self.to.id.0)
            .str(self.source.to_string())
            .u64(at.epoch.0)
            .u64(at.position.0)
            .u64(u64::from(self.event.index))
            .u64(u64::from(self.event.event))
            .pack()
    }

    fn value(&self) -> Vec<u8> {
        let row = ParkedNote {
            domain: self.domain.clone(),
            name: self.name.clone(),
            version: self.version,
            reason: self.reason.clone(),
            parked_ms: self.parked_ms,
        };
        row.encode_to_vec()
    }

    /// The note of a row, as it is stored.
    fn stored(row: &ParkedEvent) -> Vec<u8> {
        let row = ParkedNote {
            domain: row.domain.clone(),
            name: row.name.clone(),
            version: row.version,
            reason: row.reason.clone(),
            parked_ms: row.parked_ms,
        };
        row.encode_to_vec()
    }

    fn read(key: &[u8], value: &[u8]) -> Option<Self> {
        let elements = unpack(key).ok()?;
        let [to, source, epoch, position, index, event] = elements.as_slice() else {
            return None;
        };
        let row = ParkedNote::decode(value).ok()?;
        Some(Self {
            to: RootRef {
                kind: RootKind::User,
                id: RootId(to.as_uuid()?),
            },
            source: source.as_str()?.parse().ok()?,
            event: EventKey {
                at: EpochPosition {
                    epoch: Epoch(epoch.as_u64()?),
                    position: Position(position.as_u64()?),
                },
                index: u32::try_from(index.as_u64()?).ok()?,
                event: u32::try_from(event.as_u64()?).ok()?,
            },
            domain: row.domain,
            name: row.name,
            version: row.version,
            reason: row.reason,
            parked_ms: row.parked_ms,
        })
    }
}

/// The parked events of all roots of a shard, by root; `tx` is of whatever scope. At most `limit`.
///
/// # Errors
/// The transaction's.
pub async fn all_parked(tx: &Tx, limit: usize) -> Result<Vec<Noted>, LayerError> {
    let table = tx.shared(NOTES)?;
    let page = table
        .scan(KeyRange::new(vec![0], vec![0xff]), limit, false)
        .await?;
    // One that cannot be read hides no other.
    let notes = page
        .rows
        .iter()
        .filter_map(|(key, value)| Noted::read(key, value));
    Ok(notes.collect())
}
