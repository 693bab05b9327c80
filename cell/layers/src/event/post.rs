//! Telling an event: an addressed row of the outbox, its message sealed with its author's key. So it is erased with the
//! author's key, and nobody but a node that may open his rows can read it before it leaves.

use bytes::Bytes;
use cell_shard::Event;
use platform_model::{HomeId, RootId, RootKind, RootRef, UserId};
use prost::Message;
use uuid::Uuid;

use super::held::hold;
use super::record::EventRecord;
use crate::envelope::{Envelope, Place};
use crate::error::LayerError;
use crate::keys::UserKey;
use crate::root_tx::RootTx;
use crate::stored;

/// Largest message of an event, in bytes.
pub const EVENT_BYTES_MAX: usize = 16 << 10;
const LAYER: &str = "#event";

/// A person, and where he was last known to live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub home: HomeId,
    pub user: UserId,
}

impl Address {
    pub fn root(&self) -> RootRef {
        RootRef::user(self.user)
    }
}

/// What stands in an outbox row beside the event's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub from: RootRef,
    /// Where its receiver was last known to live.
    pub to_home: HomeId,
    sealed: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(bytes = "vec", tag = "1")]
    from: Vec<u8>,
    #[prost(string, tag = "2")]
    to_home: String,
    #[prost(bytes = "bytes", tag = "3")]
    sealed: Bytes,
}

/// Tells `to` an event, in this transaction: it is delivered exactly once in effect if this commits, and after all that
/// this shard, and each home that the author has left, told the same root of him before.
///
/// # Errors
/// [`LayerError::TooLarge`]; [`LayerError::PersonWithoutKey`] for a root that is no person; as many are held as may be.
pub fn post<E: EventRecord>(tx: &RootTx, to: &Address, event: &E) -> Result<(), LayerError> {
    told(tx, to, event, false)
}

/// As [`post`], for an event that takes back what was told before: it finds room in an outbox that is full for others.
///
/// # Errors
/// As [`post`].
pub fn post_back<E: EventRecord>(tx: &RootTx, to: &Address, event: &E) -> Result<(), LayerError> {
    told(tx, to, event, true)
}

fn told<E: EventRecord>(tx: &RootTx, to: &Address, event: &E, takes_back: bool) -> Result<(), LayerError> {
    let from = tx.root();
    if from.kind != RootKind::User {
        return Err(LayerError::PersonWithoutKey { root: from });
    }
    let message = event.encode_to_vec();
    stored::at_most("an event", message.len(), EVENT_BYTES_MAX)?;
    let untold = Untold {
        domain: tx.domain(),
        name: E::NAME,
        version: E::VERSION,
        to,
        message: &message,
    };
    match tx.holding().filter(|holding| holding.is_for(to.user)) {
        Some(holding) => hold(tx, holding, &untold, takes_back),
        None => {
            emit(tx, &untold, takes_back);
            Ok(())
        }
    }
}

/// An event that is not in the outbox yet.
pub(super) struct Untold<'a> {
    pub domain: &'a str,
    pub name: &'a str,
    pub version: u32,
    pub to: &'a Address,
    pub message: &'a [u8],
}

/// Into the outbox, sealed.
pub(super) fn emit(tx: &RootTx, untold: &Untold<'_>, takes_back: bool) {
    let label = label(untold.domain, untold.name, untold.version);
    let payload = Stored {
        from: tx.root().id.0.as_bytes().to_vec(),
        to_home: untold.to.home.to_string(),
        sealed: tx.close_token(&label, untold.message).into(),
    };
    let event = Event {
        name: untold.name.to_owned(),
        domain: untold.domain.to_owned(),
        version: untold.version,
        to: Some(untold.to.root()),
        payload: payload.encode_to_vec().into(),
    };
    if takes_back {
        tx.emit_back(event);
    } else {
        tx.emit(event);
    }
}

impl Posted {
    /// None for bytes that [`post`] did not make.
    pub fn read(payload: &Bytes) -> Option<Self> {
        let stored = Stored::decode(payload.clone()).ok()?;
        Some(Self {
            from: RootRef {
                kind: RootKind::User,
                id: RootId(Uuid::from_slice(&stored.from).ok()?),
            },
            to_home: stored.to_home.parse().ok()?,
            sealed: stored.sealed,
        })
    }

    /// The message, by its author's key.
    ///
    /// # Errors
    /// It was told under another name, by another root, or under another key.
    pub fn open(&self, key: &UserKey, domain: &str, name: &str, version: u32) -> Result<Vec<u8>, LayerError> {
        let label = label(domain, name, version);
        let place = Place {
            root: self.from,
            key: &label,
        };
        let opened = Envelope::sealed(key).open(&place, &self.sealed);
        let (_, message) = opened.map_err(|_| LayerError::DoesNotOpen {
            layer: LAYER.to_owned(),
        })?;
        Ok(message)
    }
}

/// What the sealed bytes are bound to; no key of the store begins so.
fn label(domain: &str, name: &str, version: u32) -> Vec<u8> {
    format!("{LAYER}/{domain}/{name}/{version}").into_bytes()
}
