//! Keeps index entries in step with their rows.

use crate::error::LayerError;
use crate::record::Record;
use crate::root_tx::RootTx;
use crate::table::keys;

/// Version of the value of an entry: the packed primary key.
const VERSION: u16 = 1;

/// Refuses a row whose new entry in a unique index is another's. Writes nothing.
pub(crate) async fn refuse_taken<R: Record>(
    tx: &RootTx,
    at: usize,
    before: Option<&R>,
    row: &R,
) -> Result<(), LayerError> {
    let info = &R::INDEXES[at];
    if !info.unique {
        return Ok(());
    }
    let old = before.and_then(|before| keys::entry(tx, before, at));
    let new = keys::entry(tx, row, at).filter(|new| old.as_ref() != Some(new));
    let Some(new) = new else { return Ok(()) };
    if tx.get(R::TABLE, &new).await?.is_none() {
        return Ok(());
    }
    Err(LayerError::UniqueViolation {
        table: R::TABLE,
        index: info.name,
    })
}

/// Moves the entry in one index from the row as it was to the row as it is.
pub(crate) fn update<R: Record>(
    tx: &RootTx,
    at: usize,
    before: Option<&R>,
    row: &R,
) -> Result<(), LayerError> {
    let old = before.and_then(|before| keys::entry(tx, before, at));
    let new = keys::entry(tx, row, at);
    if old == new {
        return Ok(());
    }
    if let Some(old) = old {
        tx.clear(old)?;
    }
    match new {
        Some(new) => tx.put(R::TABLE, new, VERSION, &keys::packed_primary_key(row)),
        None => Ok(()),
    }
}
