//! The janitor of uploads that were begun and left.

use super::{LAYER, keys};
use crate::error::LayerError;
use crate::root_tx::RootTx;
use crate::stored::{self, BlobPending};

/// How long an upload may rest before it is given up: a day, in milliseconds of log time.
pub const PENDING_MS: u64 = 24 * 60 * 60 * 1_000;
/// Uploads that one sweep looks at.
pub const SWEEP_UPLOADS_MAX: usize = 64;

/// Removes the first upload that has rested for longer than [`PENDING_MS`], at most 513 rows. Answers whether there
/// was one: call again, in another transaction, until there is none.
///
/// # Errors
/// The transaction's.
pub async fn sweep(tx: &RootTx) -> Result<bool, LayerError> {
    let now = tx.log_time_ms();
    let page = tx
        .scan(LAYER, keys::all_pending(tx), SWEEP_UPLOADS_MAX, false)
        .await?;
    for (key, version, value) in page.rows {
        let pending: BlobPending = stored::read(LAYER, version, &value)?;
        if pending.touched_ms + PENDING_MS >= now {
            continue;
        }
        let upload = keys::upload_of(tx, &key).ok_or(LayerError::Damaged {
            layer: LAYER,
            what: "a pending row has no upload in its key",
        })?;
        keys::clear_parts(tx, &upload, pending.parts)?;
        tx.clear(key)?;
        return Ok(true);
    }
    Ok(false)
}
