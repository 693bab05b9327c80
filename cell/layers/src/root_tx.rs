//! The handle that every layer takes: one shard transaction on one root, seen by one domain.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use cell_shard::{Event, Tx};
use cell_store::{KeyRange, key::Tuple};
use platform_model::{RootKind, RootRef};

use crate::envelope::{Envelope, OVERHEAD_BYTES, Place};
use crate::error::LayerError;
use crate::event::Holding;
use crate::keys::UserKey;
use crate::place::Holds;
use crate::{digest, place, stored};

/// Largest value before it is sealed, in bytes: what every engine takes, less what sealing adds.
pub const VALUE_BYTES_MAX: usize = cell_store::Limits::PORTABLE.value_bytes_max - OVERHEAD_BYTES;

/// A shard transaction, the root that it is about, the domain that asks, and the root's opened key. Cheap to clone.
///
/// Reads see the transaction's own writes. What a layer writes is durable when the shard's `write` returns, not
/// before. Dropped without effect.
#[derive(Clone)]
pub struct RootTx {
    tx: Tx,
    root: RootRef,
    domain: &'static str,
    envelope: Envelope,
    /// What keyed digests are made from. Of a root without a key: zeros, for its values are nobody's.
    key: UserKey,
    /// By how much his own time is ahead of the log's.
    ahead_ms: u64,
    /// What he tells is held.
    holding: Option<Arc<Holding>>,
}

impl RootTx {
    /// The transaction of a root whose values are sealed under `key`. `tx` must be of that root's scope.
    pub fn new(tx: Tx, root: RootRef, domain: &'static str, key: &UserKey) -> Self {
        Self {
            tx,
            root,
            domain,
            envelope: Envelope::sealed(key),
            key: key.clone(),
            ahead_ms: 0,
            holding: None,
        }
    }

    /// The transaction of a root that is no person, such as a desk: its values are stored in clear.
    ///
    /// # Errors
    /// [`LayerError::PersonWithoutKey`] if the root is a person.
    pub fn unsealed(tx: Tx, root: RootRef, domain: &'static str) -> Result<Self, LayerError> {
        if root.kind == RootKind::User {
            return Err(LayerError::PersonWithoutKey { root });
        }
        Ok(Self {
            tx,
            root,
            domain,
            envelope: Envelope::Clear,
            key: UserKey::from_bytes([0; 32]),
            ahead_ms: 0,
            holding: None,
        })
    }

    /// The same, once it is certain that the person lives here: read in this very transaction. It also finds what time is his,
    /// and whether what he tells is held.
    ///
    /// # Errors
    /// [`LayerError::Gone`], [`LayerError::OnTheWay`]; the transaction's.
    pub async fn enter(self) -> Result<Self, LayerError> {
        let Some(user) = self.root.as_user() else {
            return Ok(self);
        };
        let Some(standing) = place::standing(&self.tx, user).await? else {
            return Ok(self);
        };
        if let Some(absence) = standing.absence() {
            return Err(absence);
        }
        let holding = match standing.settling.holds {
            Holds::Nothing => None,
            holds => Some(Arc::new(Holding::found(&self, holds).await?)),
        };
        Ok(Self {
            ahead_ms: standing.settling.ahead_ms,
            holding,
            ..self
        })
    }

    pub fn root(&self) -> RootRef {
        self.root
    }

    pub fn domain(&self) -> &'static str {
        self.domain
    }

    /// The same transaction as another domain's: for what the platform itself keeps in a root.
    #[must_use]
    pub fn of_domain(&self, domain: &'static str) -> Self {
        Self {
            domain,
            ..self.clone()
        }
    }

    /// Time of the shard's log, in milliseconds since 1970. Never goes back, not even over a failover.
    pub fn log_time_ms(&self) -> u64 {
        self.tx.log_time_ms()
    }

    /// When he tells something, by his own time: the log's, and never behind what he told in a home that he has left.
    pub fn told_ms(&self) -> u64 {
        self.tx.log_time_ms().saturating_add(self.ahead_ms)
    }

    /// None: what he tells goes out at once.
    pub(crate) fn holding(&self) -> Option<&Holding> {
        self.holding.as_deref()
    }

    /// Asks that the answer wait for every in-sync copy, whatever the domain's mode.
    pub fn sync(&self) {
        self.tx.sync();
    }

    /// Adds an event to the transaction's log entry. Its payload must be sealed, or hold ids only.
    pub(crate) fn emit(&self, event: Event) {
        self.tx.emit(event);
    }

    /// As [`RootTx::emit`], for what takes back what was told before.
    pub(crate) fn emit_back(&self, event: Event) {
        self.tx.emit_back(event);
    }

    /// A digest of a personal value that may stand in a key: equal values of this root under one label give equal
    /// digests; nothing else can be learnt without the root's key.
    pub fn digest(&self, label: &str, value: &[u8]) -> [u8; 32] {
        self.digest_of(label.as_bytes(), value)
    }

    pub(crate) fn digest_of(&self, label: &[u8], value: &[u8]) -> [u8; 32] {
        digest::keyed(self.key.digest_bytes(), label, value)
    }

    /// The beginning of the keys of one table or layer of this domain.
    pub(crate) fn prefix(&self, table: &str) -> Tuple {
        // With room for what follows, so that a key is no three allocations.
        Tuple::after(&[]).str(self.domain).str(table)
    }

    /// The transaction on a shared table of the shard: for ids and states of the platform, never for a value of a person.
    pub(crate) fn beside(&self, table: &'static str) -> Result<Tx, LayerError> {
        Ok(self.tx.shared(table)?)
    }

    /// Version and value at a key.
    pub(crate) async fn get(&self, layer: &str, key: &Bytes) -> Result<Option<(u16, Vec<u8>)>, LayerError> {
        let Some(stored) = self.tx.get(key).await? else {
            return Ok(None);
        };
        self.open(layer, key, &stored).map(Some)
    }

    pub(crate) async fn get_many(
        &self,
        layer: &str,
        keys: &[Bytes],
    ) -> Result<Vec<Option<(u16, Vec<u8>)>>, LayerError> {
        let values = self.tx.get_many(keys).await?;
        let open =
            |(key, value): (&Bytes, Option<Bytes>)| value.map(|v| self.open(layer, key, &v)).transpose();
        keys.iter().zip(values).map(open).collect()
    }

    pub(crate) async fn scan(
        &self,
        layer: &str,
        range: KeyRange,
        limit: usize,
        reverse: bool,
    ) -> Result<OpenedPage, LayerError> {
        if range.is_empty() {
            return Ok(OpenedPage {
                rows: Vec::new(),
                more: false,
            });
        }
        let page = self.tx.scan(range, limit, reverse).await?;
        let mut rows = Vec::with_capacity(page.rows.len());
        for (key, stored) in page.rows {
            let (version, value) = self.open(layer, &key, &stored)?;
            rows.push((key, version, value));
        }
        Ok(OpenedPage {
            rows,
            more: page.more,
        })
    }

    pub(crate) fn put(
        &self,
        layer: &'static str,
        key: Bytes,
        version: u16,
        value: &[u8],
    ) -> Result<(), LayerError> {
        stored::at_most(layer, value.len(), VALUE_BYTES_MAX)?;
        let place = Place {
            root: self.root,
            key: &key,
        };
        let closed = self.envelope.close(&place, version, value);
        Ok(self.tx.put(key, Bytes::from(closed))?)
    }

    pub(crate) fn clear(&self, key: Bytes) -> Result<(), LayerError> {
        Ok(self.tx.clear(key)?)
    }

    /// Seals bytes that leave the transaction and come back, such as a cursor.
    pub(crate) fn close_token(&self, label: &[u8], value: &[u8]) -> Vec<u8> {
        self.envelope.close(
            &Place {
                root: self.root,
                key: label,
            },
            1,
            value,
        )
    }

    pub(crate) fn open_token(&self, label: &[u8], token: &[u8]) -> Result<Vec<u8>, LayerError> {
        let place = Place {
            root: self.root,
            key: label,
        };
        let opened = self.envelope.open(&place, token);
        opened
            .map(|(_, value)| value)
            .map_err(|_| LayerError::InvalidCursor)
    }

    fn open(&self, layer: &str, key: &[u8], stored: &[u8]) -> Result<(u16, Vec<u8>), LayerError> {
        let opened = self.envelope.open(&Place { root: self.root, key }, stored);
        opened.map_err(|_| LayerError::DoesNotOpen {
            layer: layer.to_owned(),
        })
    }
}

/// Rows of a scan: key, version, value.
pub(crate) struct OpenedPage {
    pub rows: Vec<(Bytes, u16, Vec<u8>)>,
    pub more: bool,
}

impl fmt::Debug for RootTx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootTx")
            .field("root", &self.root)
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}
