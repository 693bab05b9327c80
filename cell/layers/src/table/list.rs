//! Lists: a page of rows in order of the primary key, or of an index.

use bytes::Bytes;
use cell_store::{KeyRange, key::Tuple};

use crate::error::LayerError;
use crate::record::{PrimaryKey, Record};
use crate::root_tx::RootTx;
use crate::table::{Table, decode, keys};

/// Most rows of one page, whatever is asked for.
pub const ROWS_MAX: usize = 1_000;

/// Which page of a list.
#[derive(Debug, Clone)]
pub struct Query {
    /// Behind this row, in the direction of the list; from its beginning if none.
    pub after: Option<RowCursor>,
    /// At most [`ROWS_MAX`].
    pub limit: usize,
    /// From the last to the first.
    pub reverse: bool,
}

impl Query {
    /// The first `limit` rows.
    pub fn first(limit: usize) -> Self {
        Self {
            after: None,
            limit,
            reverse: false,
        }
    }

    #[must_use]
    pub fn after(mut self, cursor: Option<RowCursor>) -> Self {
        self.after = cursor;
        self
    }

    #[must_use]
    pub fn reversed(mut self) -> Self {
        self.reverse = true;
        self
    }
}

/// The place of a row in a list: packed operational values, good for the list that it came from only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowCursor(pub Vec<u8>);

/// A page.
#[derive(Debug, Clone)]
pub struct Rows<R> {
    pub rows: Vec<R>,
    /// Where to go on; none behind the last row.
    pub next: Option<RowCursor>,
}

impl<R: Record> Table<R> {
    /// A page of all rows, in order of the primary key.
    ///
    /// # Errors
    /// As [`Table::get`].
    pub async fn scan(&self, tx: &RootTx, query: Query) -> Result<Rows<R>, LayerError> {
        let prefix = keys::rows::<R>(tx);
        let page = page::<R>(tx, &prefix, &query).await?;
        let rows = page
            .rows
            .iter()
            .map(|(_, version, value)| decode(*version, value));
        Ok(Rows {
            rows: rows.collect::<Result<_, _>>()?,
            next: page.next,
        })
    }

    /// A page of the rows with these values in a secondary index, in order of the primary key. In a `clear` index
    /// `values` may be the first few of the index's fields: the rest is then in order.
    ///
    /// # Errors
    /// [`LayerError::NoSuchIndex`]; an entry without its row; as [`Table::get`].
    pub async fn by_index(
        &self,
        tx: &RootTx,
        index: &str,
        values: impl Into<PrimaryKey>,
        query: Query,
    ) -> Result<Rows<R>, LayerError> {
        let at = keys::find::<R>(index, false)?;
        let prefix = keys::entries::<R>(tx, at, &values.into().0);
        let page = page::<R>(tx, &prefix, &query).await?;
        let entries: Vec<Bytes> = page.rows.iter().map(|(key, ..)| key.clone()).collect();
        let primary_keys = page
            .rows
            .into_iter()
            .map(|(_, _, primary_key)| primary_key)
            .collect();
        let rows = rows_of::<R>(tx, primary_keys).await?;
        let agree = rows
            .iter()
            .zip(&entries)
            .all(|(row, entry)| keys::entry(tx, row, at).as_ref() == Some(entry));
        if !agree {
            return Err(LayerError::Damaged {
                layer: R::TABLE,
                what: "an index entry names a row with other values",
            });
        }
        Ok(Rows {
            rows,
            next: page.next,
        })
    }
}

struct Page {
    rows: Vec<(Bytes, u16, Vec<u8>)>,
    next: Option<RowCursor>,
}

async fn page<R: Record>(tx: &RootTx, prefix: &Tuple, query: &Query) -> Result<Page, LayerError> {
    let prefix_bytes = prefix.clone().pack();
    let range = behind(prefix.clone().range(), &prefix_bytes, query);
    let limit = query.limit.clamp(1, ROWS_MAX);
    let page = tx.scan(R::TABLE, range, limit, query.reverse).await?;
    let last = page.rows.last().filter(|_| page.more);
    let next = last.map(|(key, ..)| RowCursor(key[prefix_bytes.len()..].to_vec()));
    Ok(Page {
        rows: page.rows,
        next,
    })
}

/// The part of `range` behind the cursor.
fn behind(range: KeyRange, prefix: &[u8], query: &Query) -> KeyRange {
    let Some(RowCursor(place)) = &query.after else {
        return range;
    };
    let at = [prefix, place].concat();
    if query.reverse {
        return KeyRange {
            end: Bytes::from(at).min(range.end),
            start: range.start,
        };
    }
    let mut next = at;
    next.push(0);
    KeyRange {
        start: Bytes::from(next).max(range.start),
        end: range.end,
    }
}

/// The rows with these packed primary keys, in the same order.
pub(crate) async fn rows_of<R: Record>(
    tx: &RootTx,
    primary_keys: Vec<Vec<u8>>,
) -> Result<Vec<R>, LayerError> {
    let base = keys::rows::<R>(tx).pack();
    let keys: Vec<Bytes> = primary_keys
        .iter()
        .map(|key| Bytes::from([&base[..], key].concat()))
        .collect();
    let values = tx.get_many(R::TABLE, &keys).await?;
    let missing = LayerError::Damaged {
        layer: R::TABLE,
        what: "an index entry names a row that is not there",
    };
    let values: Option<Vec<_>> = values.into_iter().collect();
    values
        .ok_or(missing)?
        .into_iter()
        .map(|(version, value)| decode(version, &value))
        .collect()
}
