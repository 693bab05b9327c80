//! Events that cannot be delivered as things are: nobody has their root, or the law keeps them here. Set aside at their
//! source, so that they hold up nobody behind them and nothing of them leaves; a person has them told again, or drops them.

use bytes::Bytes;
use cell_store::KeyRange;
use prost::Message;

use super::row::{OutboxKey, OutboxRow};
use super::{OutboxError, request};
use crate::entry::Event;
use crate::error::TxError;
use crate::request::{Mode, Request};
use crate::shard::Shard;
use crate::tx::Tx;

const TABLE: &str = "undelivered";
/// Events for one root that may be set aside.
pub const ASIDE_PER_ROOT_MAX: usize = 20;
/// Longest reason that is kept, in bytes.
const REASON_BYTES_MAX: usize = 512;

/// An event that is set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    pub row: OutboxRow,
    /// Never holds a value of a person.
    pub reason: String,
    /// Log time.
    pub since_ms: u64,
}

/// What came of setting one aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetAside {
    Done,
    /// It is not in the outbox: set aside before, or delivered.
    NotThere,
    /// As many for its root are set aside as may be; it is in the outbox still.
    Full,
}

#[derive(Clone, PartialEq, Message)]
struct Stored {
    /// The value of the outbox's row.
    #[prost(bytes = "bytes", tag = "1")]
    row: Bytes,
    #[prost(string, tag = "2")]
    reason: String,
    #[prost(uint64, tag = "3")]
    since_ms: u64,
}

impl Shard {
    /// Moves an event out of the outbox. Acknowledged by every standby that could be promoted. Idempotent.
    ///
    /// # Errors
    /// What the shard answers.
    pub async fn set_aside(&self, key: &OutboxKey, reason: &str) -> Result<SetAside, OutboxError> {
        let reason: String = reason.chars().take(REASON_BYTES_MAX / 4).collect();
        let reason = reason.as_str();
        let aside = |tx: Tx| async move {
            let Some(row) = tx.get(&key.relative()).await? else {
                return Ok(SetAside::NotThere);
            };
            let table = tx.shared(TABLE)?;
            if !has_room(&table, key).await? {
                return Ok(SetAside::Full);
            }
            let stored = Stored {
                row,
                reason: reason.to_owned(),
                since_ms: tx.log_time_ms(),
            };
            table.put(key.relative(), stored.encode_to_vec())?;
            tx.clear(key.relative())?;
            Ok(SetAside::Done)
        };
        Ok(self.write(&sync(), aside).await?.value)
    }

    /// Whether one more event for its root may be set aside.
    ///
    /// # Errors
    /// What the shard answers.
    pub async fn has_room_aside(&self, key: &OutboxKey) -> Result<bool, OutboxError> {
        let look = |tx: Tx| async move { has_room(&tx.shared(TABLE)?, key).await };
        Ok(self.read(&sync(), look).await?.value)
    }

    /// Events that are set aside, behind `after`, at most `limit`.
    ///
    /// # Errors
    /// What the shard answers. A row that cannot be read is left out, and said so in the log.
    pub async fn aside(&self, after: Option<&OutboxKey>, limit: usize) -> Result<Vec<Aside>, OutboxError> {
        let start = after.map_or_else(Default::default, OutboxKey::behind);
        let range = KeyRange::new(start, vec![0xff]);
        let page = |tx: Tx| {
            let range = range.clone();
            async move {
                let page = tx.shared(TABLE)?.scan(range, limit, false).await?;
                let rows = page.rows.iter();
                let readable = rows.filter_map(|(key, value)| match read(key, value) {
                    Ok(aside) => Some(aside),
                    Err(error) => {
                        tracing::error!(%error, "an event that was set aside is left out of the list");
                        None
                    }
                });
                Ok(readable.collect())
            }
        };
        Ok(self.read(&sync(), page).await?.value)
    }

    /// Takes an event that is set aside out of there, and tells it again if `again`: as of now, behind whatever its root
    /// was told since. `domain` is the one that told it. False: somebody was faster.
    ///
    /// # Errors
    /// What the shard answers.
    pub async fn take_aside(
        &self,
        key: &OutboxKey,
        domain: &'static str,
        again: bool,
        by: &Request,
    ) -> Result<bool, OutboxError> {
        let request = Request {
            domain,
            mode: Mode::Sync,
            scope: super::request().scope,
            ..by.clone()
        };
        let take = |tx: Tx| async move {
            let table = tx.shared(TABLE)?;
            let Some(value) = table.get(&key.relative()).await? else {
                return Ok(false);
            };
            let aside = read(&key.relative(), &value)?;
            if aside.row.domain != domain {
                return Ok(false);
            }
            table.clear(key.relative())?;
            if again {
                tx.emit(Event {
                    name: aside.row.name,
                    domain: aside.row.domain,
                    version: aside.row.version,
                    to: Some(key.to),
                    payload: aside.row.payload,
                });
            }
            Ok(true)
        };
        Ok(self.write(&request, take).await?.value)
    }
}

async fn has_room(table: &Tx, key: &OutboxKey) -> Result<bool, TxError> {
    let of_root = KeyRange::prefix(key.of_root());
    let there = table.scan(of_root, ASIDE_PER_ROOT_MAX, false).await?;
    Ok(there.rows.len() < ASIDE_PER_ROOT_MAX)
}

fn read(key: &[u8], value: &Bytes) -> Result<Aside, TxError> {
    let damaged = TxError::Invalid {
        reason: "an event that was set aside cannot be read",
    };
    let stored = Stored::decode(value.clone()).map_err(|_| damaged.clone())?;
    Ok(Aside {
        row: OutboxRow::read(key, &stored.row).ok_or(damaged)?,
        reason: stored.reason,
        since_ms: stored.since_ms,
    })
}

fn sync() -> Request {
    Request {
        mode: Mode::Sync,
        ..request()
    }
}
