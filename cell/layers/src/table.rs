//! Tables: rows by primary key, with unique and secondary indexes that follow the rows in the same transaction.
//!
//! Keys, relative to the root's range: `(domain, table, 0, primary key)` a row; `(domain, table, 1, index, values)` a
//! unique entry; `(domain, table, 2, index, values, primary key)` an index entry. Both entries hold the packed
//! primary key. `values` are a keyed digest unless the index is declared `clear`.
//!
//! Not here: lists in order of a personal value ([`crate::timeline`]); values past 90 kB ([`crate::blob`]).

mod index;
mod keys;
mod list;
#[cfg(test)]
pub(crate) mod tests;

use std::marker::PhantomData;

use crate::error::LayerError;
use crate::record::{PrimaryKey, Record};
use crate::root_tx::{RootTx, VALUE_BYTES_MAX};
use crate::stored;

pub use list::{Query, ROWS_MAX, RowCursor, Rows};

/// The table of one kind of record. A name, nothing more: make one where it is needed.
pub struct Table<R>(PhantomData<fn() -> R>);

impl<R> Clone for Table<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Table<R> {}

impl<R: Record> Default for Table<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Record> Table<R> {
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// The row with this primary key.
    ///
    /// # Errors
    /// The transaction's; a stored row that does not open, decode or migrate.
    pub async fn get(&self, tx: &RootTx, key: impl Into<PrimaryKey>) -> Result<Option<R>, LayerError> {
        let key = keys::row::<R>(tx, &key.into());
        match tx.get(R::TABLE, &key).await? {
            Some((version, value)) => decode(version, &value).map(Some),
            None => Ok(None),
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`LayerError::AlreadyExists`], [`LayerError::UniqueViolation`], [`LayerError::TooLarge`], the transaction's.
    pub async fn insert(&self, tx: &RootTx, row: &R) -> Result<(), LayerError> {
        if self.get(tx, row.primary_key()).await?.is_some() {
            return Err(LayerError::AlreadyExists { table: R::TABLE });
        }
        self.replace(tx, None, row).await
    }

    /// Adds or replaces the row with the record's primary key.
    ///
    /// # Errors
    /// [`LayerError::UniqueViolation`], [`LayerError::TooLarge`], the transaction's.
    pub async fn put(&self, tx: &RootTx, row: &R) -> Result<(), LayerError> {
        let before = self.get(tx, row.primary_key()).await?;
        self.replace(tx, before.as_ref(), row).await
    }

    /// Removes a row with its index entries. Answers whether there was one.
    ///
    /// # Errors
    /// As [`Table::get`].
    pub async fn delete(&self, tx: &RootTx, key: impl Into<PrimaryKey>) -> Result<bool, LayerError> {
        let key = key.into();
        let Some(row) = self.get(tx, key.clone()).await? else {
            return Ok(false);
        };
        for at in 0..R::INDEXES.len() {
            if let Some(entry) = keys::entry(tx, &row, at) {
                tx.clear(entry)?;
            }
        }
        tx.clear(keys::row::<R>(tx, &key))?;
        Ok(true)
    }

    /// The row with these values in a unique index.
    ///
    /// # Errors
    /// [`LayerError::NoSuchIndex`]; an entry whose row is not there or has other values; as [`Table::get`].
    pub async fn by_unique(
        &self,
        tx: &RootTx,
        index: &str,
        values: impl Into<PrimaryKey>,
    ) -> Result<Option<R>, LayerError> {
        let at = keys::find::<R>(index, true)?;
        let entry = keys::unique_entry::<R>(tx, at, &values.into().0);
        let Some((_, primary_key)) = tx.get(R::TABLE, &entry).await? else {
            return Ok(None);
        };
        let rows = list::rows_of::<R>(tx, vec![primary_key]).await?;
        let row = rows.into_iter().next();
        match row {
            Some(row) if keys::entry(tx, &row, at).as_ref() == Some(&entry) => Ok(Some(row)),
            _ => Err(LayerError::Damaged {
                layer: R::TABLE,
                what: "a unique entry names a row with other values",
            }),
        }
    }

    async fn replace(&self, tx: &RootTx, before: Option<&R>, row: &R) -> Result<(), LayerError> {
        // All that can be refused comes first: a caller may go on after a refusal, and commit.
        let value = row.encode_to_vec();
        stored::at_most(R::TABLE, value.len(), VALUE_BYTES_MAX)?;
        for at in 0..R::INDEXES.len() {
            index::refuse_taken(tx, at, before, row).await?;
        }
        for at in 0..R::INDEXES.len() {
            index::update(tx, at, before, row)?;
        }
        let key = keys::row::<R>(tx, &PrimaryKey(row.primary_key()));
        tx.put(R::TABLE, key, R::VERSION, &value)
    }
}

/// Reads a stored row of this version or of the one before.
fn decode<R: Record>(version: u16, value: &[u8]) -> Result<R, LayerError> {
    if version == R::VERSION {
        let damaged = |_| LayerError::Damaged {
            layer: R::TABLE,
            what: "it is not the message that it should be",
        };
        return R::decode(value).map_err(damaged);
    }
    if version.checked_add(1) == Some(R::VERSION) {
        return R::migrate(value).map_err(|source| LayerError::Migrate {
            layer: R::TABLE.to_owned(),
            source,
        });
    }
    Err(LayerError::Version {
        layer: R::TABLE.to_owned(),
        found: version,
        known: R::VERSION,
    })
}
