//! Transactions that note what they read and write, for the history.

use bytes::Bytes;
use chaos::history::{Read, Write};
use parking_lot::Mutex;
use uuid::Uuid;

use super::dice::Kind;
use super::{COUNTERS, ROWS};
use crate::tests::harness::request_of;
use crate::{KeyRange, Mode, Request, Scope, Tx, TxError};

#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error(transparent)]
    Tx(#[from] TxError),
    #[error("refused on purpose")]
    OnPurpose,
}

/// Where a transaction runs: what it reads and writes in one place is never the other's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    scope: Option<&'static str>,
    /// In front of the place's keys in the history.
    name: &'static str,
}

pub(super) const ROOT: Place = Place {
    scope: None,
    name: "",
};
pub(super) const SHARED: Place = Place {
    scope: Some("workload"),
    name: "shared/",
};

impl Place {
    fn named(self, key: &[u8]) -> Vec<u8> {
        [self.name.as_bytes(), key].concat()
    }

    pub(super) fn request(self, mode: Mode) -> Request {
        let mut request = request_of(Uuid::new_v4(), 1);
        request.mode = mode;
        if let Some(name) = self.scope {
            request.scope = Scope::Shared(name);
        }
        request
    }
}

/// What the last run of a closure did.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) reads: Vec<Read>,
    pub(super) writes: Vec<Write>,
}

/// A transaction that notes what it does.
pub(super) struct Noted<'a> {
    pub(super) tx: Tx,
    pub(super) notes: &'a Mutex<Notes>,
    pub(super) place: Place,
    pub(super) unique: String,
}

fn counter_key(counter: u64) -> Bytes {
    format!("c/{counter}").into()
}

fn row_key(row: u64) -> Bytes {
    format!("r/{row:02}").into()
}

fn rows_range() -> KeyRange {
    KeyRange::new("r/", "r0")
}

impl Noted<'_> {
    async fn get(&self, key: &Bytes) -> Result<Option<Bytes>, TxError> {
        let value = self.tx.get(key).await?;
        self.notes.lock().reads.push(Read::Key {
            key: self.place.named(key),
            value: value.as_ref().map(|v| v.to_vec()),
        });
        Ok(value)
    }

    async fn get_many(&self, keys: &[Bytes]) -> Result<(), TxError> {
        let values = self.tx.get_many(keys).await?;
        let reads = keys.iter().zip(values).map(|(key, value)| Read::Key {
            key: self.place.named(key),
            value: value.map(|v| v.to_vec()),
        });
        self.notes.lock().reads.extend(reads);
        Ok(())
    }

    async fn list(&self, limit: usize, reverse: bool) -> Result<usize, TxError> {
        let range = rows_range();
        let page = self.tx.scan(range.clone(), limit, reverse).await?;
        let rows: Vec<_> = page
            .rows
            .iter()
            .map(|(key, value)| (self.place.named(key), value.to_vec()))
            .collect();
        let (start, end) = (self.place.named(&range.start), self.place.named(&range.end));
        let count = rows.len();
        self.notes.lock().reads.push(Read::Range {
            start,
            end,
            limit,
            reverse,
            rows,
        });
        Ok(count)
    }

    /// Every value is written once in a history, so that who read it read that write.
    fn put(&self, key: Bytes, what: &str) -> Result<(), TxError> {
        let value = format!("{what}:{}", self.unique);
        self.notes.lock().writes.push(Write::Put {
            key: self.place.named(&key),
            value: value.clone().into_bytes(),
        });
        self.tx.put(key, value)
    }

    fn clear(&self, key: Bytes) -> Result<(), TxError> {
        self.notes.lock().writes.push(Write::Clear {
            key: self.place.named(&key),
        });
        self.tx.clear(key)
    }

    async fn count(&self, counter: u64) -> Result<u64, TxError> {
        let value = self.get(&counter_key(counter)).await?;
        let text = value
            .map(|value| String::from_utf8_lossy(&value).into_owned())
            .unwrap_or_default();
        Ok(text
            .split(':')
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or(0))
    }

    pub(super) async fn run(&self, kind: Kind) -> Result<(), Refused> {
        match kind {
            Kind::Increment { counter } => {
                let next = self.count(counter).await? + 1;
                self.put(counter_key(counter), &next.to_string())?;
            }
            Kind::Transfer { from, to } => {
                let (a, b) = (self.count(from).await?, self.count(to).await?);
                self.put(counter_key(from), &a.saturating_sub(1).to_string())?;
                if from != to {
                    self.put(counter_key(to), &(b + 1).to_string())?;
                }
            }
            Kind::InsertIfAbsent { row } => {
                if self.get(&row_key(row)).await?.is_none() {
                    self.put(row_key(row), "row")?;
                }
            }
            Kind::InsertByCount { row, reverse } => {
                let count = self.list(50, reverse).await?;
                self.put(row_key(row), &format!("one of {count}"))?;
            }
            Kind::Remove { row } => {
                if self.get(&row_key(row)).await?.is_some() {
                    self.clear(row_key(row))?;
                }
            }
            Kind::RemoveSome { from } => {
                let range = KeyRange::new(row_key(from), row_key(from + 4));
                let (start, end) = (self.place.named(&range.start), self.place.named(&range.end));
                self.notes.lock().writes.push(Write::ClearRange { start, end });
                self.tx.clear_range(range)?;
                self.put(row_key(from), "after clear")?;
            }
            Kind::Blind { counter } => self.put(counter_key(counter), "0")?,
            Kind::ReadAll => {
                for counter in 0..COUNTERS {
                    self.count(counter).await?;
                }
                self.list(50, false).await?;
            }
            Kind::ReadMany => {
                let keys: Vec<Bytes> = (0..COUNTERS)
                    .map(counter_key)
                    .chain((0..ROWS).map(row_key))
                    .collect();
                self.get_many(&keys).await?;
            }
            Kind::List { limit, reverse } => drop(self.list(limit, reverse).await?),
            Kind::Refuse { counter } => {
                self.count(counter).await?;
                return Err(Refused::OnPurpose);
            }
        }
        Ok(())
    }
}
