//! The end of a root: a mark in its own range, so that it is copied and digested with what it ends, read by each
//! transaction that writes there. A transaction that began before the mark was set loses against it; one that begins after
//! finds it. So nothing is written behind an erasure, however long a request was under way.
//!
//! The mark holds nothing, stays for ever, and is the one row that an erasure leaves.

use bytes::Bytes;
use cell_shard::Tx;
use cell_store::key::Tuple;

use crate::error::LayerError;

const LAYER: &str = "#ended";

/// The mark's key, as a transaction of the root names it.
pub fn key() -> Bytes {
    Tuple::new().str(LAYER).pack()
}

/// Ends the root. Idempotent.
///
/// # Errors
/// The transaction's.
pub fn end(tx: &Tx) -> Result<(), LayerError> {
    Ok(tx.put(key(), Bytes::new())?)
}

/// Read in a transaction that is to write.
///
/// # Errors
/// [`LayerError::RootEnded`].
pub async fn goes_on(tx: &Tx) -> Result<(), LayerError> {
    match tx.get(&key()).await? {
        None => Ok(()),
        Some(_) => Err(LayerError::RootEnded),
    }
}
