//! Events on their way to a broker outside: a second row of each, from the batch of its cause until the broker has it, in the
//! order in which the shard told them. Written only where the settings of the node that serves say so ([`ShardLimits`]).
//!
//! Beside the rows lies the mark of each stream: what the broker acknowledged last, moved by the very transaction that
//! removes the rows, and never before. Rows and marks come back together with a failover; the stream itself is never
//! behind, and whoever reads them compares. What a broker is, and what of an event goes there, is nothing that this crate
//! knows.
//!
//! [`ShardLimits`]: crate::ShardLimits

use bytes::Bytes;
use cell_store::KeyRange;
use cell_store::key::Tuple;
use platform_model::{Epoch, EpochPosition, Position, RootRef};
use prost::Message;

use super::row::{OutboxKey, OutboxRow};
use super::walk::Found;
use super::{CLEARED_AT_ONCE, OutboxError, request};
use crate::error::TxError;
use crate::gate::End;
use crate::keys::{BRIDGE, join};
use crate::request::{Request, Scope};
use crate::shard::Shard;
use crate::tx::Tx;

const MARKS: &str = "bridge-marks";

/// Some of what waits, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgePage {
    pub found: Vec<Found>,
    /// Everything up to here was looked at: what comes later stands behind.
    pub upto: Position,
    /// There may be more that is committed.
    pub more: bool,
}

/// What a stream acknowledged last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BridgeMark {
    /// The number that the stream gave it.
    pub sequence: u64,
    /// Which event it was.
    pub at: EpochPosition,
    pub index: u32,
    pub event: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(uint64, tag = "1")]
    sequence: u64,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(uint64, tag = "3")]
    position: u64,
    #[prost(uint32, tag = "4")]
    index: u32,
    #[prost(uint32, tag = "5")]
    event: u32,
}

impl Stored {
    fn of(mark: BridgeMark) -> Self {
        Self {
            sequence: mark.sequence,
            epoch: mark.at.epoch.0,
            position: mark.at.position.0,
            index: mark.index,
            event: mark.event,
        }
    }

    fn mark(&self) -> BridgeMark {
        BridgeMark {
            sequence: self.sequence,
            at: EpochPosition {
                epoch: Epoch(self.epoch),
                position: Position(self.position),
            },
            index: self.index,
            event: self.event,
        }
    }
}

impl Shard {
    /// The oldest events that wait for a broker behind `after`, as far as they are committed, at most `limit`.
    ///
    /// # Errors
    /// What the shard answers.
    pub async fn bridge_page(
        &self,
        after: Option<&OutboxKey>,
        limit: usize,
    ) -> Result<BridgePage, OutboxError> {
        // Before the rows are read: of what is committed by now, none may be missing among them.
        let upto = self.shared.gate.committed();
        let start = after.map_or_else(Bytes::new, |after| join(&after.in_order(), &[0]));
        let range = KeyRange::new(start, vec![0xff]);
        let scan = |tx: Tx| {
            let range = range.clone();
            async move { tx.scan(range, limit, false).await }
        };
        let page = self.read(&of_bridge(), scan).await?.value;
        let (found, whole) = committed(page.rows, upto);
        let more = page.more && whole;
        Ok(BridgePage { found, upto, more })
    }

    /// What `stream` acknowledged last, as far as this shard noted it.
    ///
    /// # Errors
    /// What the shard answers; a mark that cannot be read.
    pub async fn bridge_mark(&self, stream: &str) -> Result<Option<BridgeMark>, OutboxError> {
        let key = &Tuple::new().str(stream).pack();
        let get = |tx: Tx| async move {
            let Some(value) = tx.shared(MARKS)?.get(key).await? else {
                return Ok(None);
            };
            let stored = Stored::decode(value).map_err(|_| TxError::Invalid {
                reason: "the mark of a stream cannot be read",
            })?;
            Ok(Some(stored.mark()))
        };
        Ok(self.read(&of_bridge(), get).await?.value)
    }

    /// Removes what `stream` acknowledged, or never gets, and moves its mark, in one transaction for each 1,000.
    /// Idempotent. Durable here when it returns; a failover may bring both back together.
    ///
    /// # Errors
    /// What the shard answers.
    pub async fn note_bridged(
        &self,
        stream: &str,
        keys: &[OutboxKey],
        mark: Option<BridgeMark>,
    ) -> Result<(), OutboxError> {
        let mut some = keys.chunks(CLEARED_AT_ONCE);
        let first = some.next().unwrap_or_default();
        if first.is_empty() && mark.is_none() {
            return Ok(());
        }
        self.note_some(stream, first, mark).await?;
        for keys in some {
            self.note_some(stream, keys, mark).await?;
        }
        Ok(())
    }

    async fn note_some(
        &self,
        stream: &str,
        keys: &[OutboxKey],
        mark: Option<BridgeMark>,
    ) -> Result<(), OutboxError> {
        let name = &Tuple::new().str(stream).pack();
        let note = |tx: Tx| async move {
            keys.iter().try_for_each(|key| tx.clear(key.in_order()))?;
            if let Some(mark) = mark {
                let value = Stored::of(mark).encode_to_vec();
                tx.shared(MARKS)?.put(name.clone(), value)?;
            }
            Ok(())
        };
        self.write(&of_bridge(), note).await?;
        Ok(())
    }

    /// Waits until something for a broker may be committed behind `seen`. Cancel-safe. False: the term is over.
    pub async fn bridge_grows(&self, seen: Position) -> bool {
        let (gate, emissions) = (&self.shared.gate, &self.shared.emissions);
        let grown: Result<(), End> = gate
            .until(|| emissions.is_bridged_behind(seen, gate.committed()))
            .await;
        grown.is_ok()
    }

    /// Whether what its roots are told is laid out for a broker.
    pub fn is_bridged(&self) -> bool {
        self.shared.limits.bridged
    }

    /// As [`Shard::set_outbox_full`], of what waits for a broker.
    pub fn set_bridge_full(&self, full: bool, over: bool) {
        self.shared.emissions.bridge.set(full, over);
    }

    /// As [`Shard::set_outbox_full_of`], of what waits for a broker.
    pub fn set_bridge_full_of(&self, root: RootRef, full: bool, over: bool) {
        self.shared.emissions.bridge.set_of(root, full, over);
    }
}

/// The rows up to `upto`, and whether that was all of them. What is durable here and not committed may be taken back.
pub(super) fn committed(rows: Vec<(Bytes, Bytes)>, upto: Position) -> (Vec<Found>, bool) {
    let mut found = Vec::with_capacity(rows.len());
    for (key, value) in rows {
        let Some(named) = OutboxKey::read_in_order(&key) else {
            tracing::error!("a key of the bridge cannot be read");
            continue;
        };
        if named.at.position > upto {
            return (found, false);
        }
        let row = OutboxRow::under(named, &value);
        found.push(row.map_or(Found::Unreadable(named), Found::Row));
    }
    (found, true)
}

fn of_bridge() -> Request {
    Request {
        domain: "bridge",
        scope: Scope::Shared(BRIDGE),
        ..request()
    }
}
