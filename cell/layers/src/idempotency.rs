//! One effect for one command: a row with the command's digest and outcome, written in the transaction of the effect.
//!
//! Rows are kept for [`KEPT_MS`] of log time. A command whose key is older than that is refused, never executed, so a
//! row that is gone cannot be executed again. Store outcomes with an effect and final refusals only.

use bytes::Bytes;
use cell_store::{KeyRange, key::Tuple};
use platform_model::IdempotencyKey;

use crate::error::LayerError;
use crate::root_tx::RootTx;
use crate::stored::{self, IdempotencyRow};

const LAYER: &str = "#idempotency";

/// How long an outcome is kept and a key honoured: seven days, in milliseconds of log time.
pub const KEPT_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// How far ahead of the log a client's clock may be.
pub const AHEAD_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
/// Largest outcome, in bytes.
pub const OUTCOME_BYTES_MAX: usize = 64 * 1024;
/// Rows that one sweep looks at.
pub const SWEEP_ROWS_MAX: usize = 64;
/// One command in so many sweeps as it concludes: on average four times as many rows may go as come.
const SWEEP_ONE_IN: u8 = 16;

/// What is known of a command when it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// Never seen: execute it and [`conclude`].
    Fresh,
    /// Executed before, with this outcome.
    Replay(Vec<u8>),
    /// Its key was used for another command.
    Mismatch,
    /// Its key is older than outcomes are kept.
    Expired,
}

/// Looks the command up. `digest` is over all that makes two commands the same: method, path, body.
///
/// # Errors
/// [`LayerError::KeyAheadOfTime`]; the transaction's.
pub async fn begin(tx: &RootTx, key: IdempotencyKey, digest: [u8; 32]) -> Result<Begin, LayerError> {
    let now = tx.log_time_ms();
    if let Some(row) = stored::get::<IdempotencyRow>(tx, LAYER, &row_key(tx, key)).await? {
        let same = row.digest == digest;
        return Ok(if same {
            Begin::Replay(row.outcome)
        } else {
            Begin::Mismatch
        });
    }
    if is_old(key.unix_ms(), now) {
        return Ok(Begin::Expired);
    }
    let ahead_ms = key.unix_ms().saturating_sub(now);
    if ahead_ms > AHEAD_MS_MAX {
        return Err(LayerError::KeyAheadOfTime { ahead_ms });
    }
    Ok(Begin::Fresh)
}

/// Records the outcome of a command that [`begin`] called fresh, in the transaction of its effect.
///
/// # Errors
/// [`LayerError::TooLarge`]; the transaction's.
pub async fn conclude(
    tx: &RootTx,
    key: IdempotencyKey,
    digest: [u8; 32],
    outcome: &[u8],
) -> Result<(), LayerError> {
    stored::at_most("the outcome of a command", outcome.len(), OUTCOME_BYTES_MAX)?;
    let row = IdempotencyRow {
        digest: digest.to_vec(),
        outcome: outcome.to_vec(),
        stored_ms: tx.log_time_ms(),
    };
    stored::put(tx, LAYER, row_key(tx, key), &row)?;
    // By the key, so that a transaction that is tried again does the same.
    if key.as_uuid().as_bytes()[15].is_multiple_of(SWEEP_ONE_IN) {
        sweep(tx).await?;
    }
    Ok(())
}

/// Removes rows that are no longer kept, the oldest keys first, at most [`SWEEP_ROWS_MAX`]. Answers how many went.
///
/// # Errors
/// The transaction's.
pub async fn sweep(tx: &RootTx) -> Result<usize, LayerError> {
    let now = tx.log_time_ms();
    let prefix = tx.prefix(LAYER);
    let end = prefix.clone().bytes(oldest_honoured(now)).pack();
    let range = KeyRange {
        start: prefix.range().start,
        end,
    };
    let page = tx.scan(LAYER, range, SWEEP_ROWS_MAX, false).await?;
    let mut gone = 0;
    for (key, version, value) in page.rows {
        let row: IdempotencyRow = stored::read(LAYER, version, &value)?;
        if is_old(row.stored_ms, now) {
            tx.clear(key)?;
            gone += 1;
        }
    }
    Ok(gone)
}

/// Rows lie in order of the time in their keys, which is what a UUID of version 7 begins with.
fn row_key(tx: &RootTx, key: IdempotencyKey) -> Bytes {
    let prefix: Tuple = tx.prefix(LAYER);
    prefix.bytes(key.as_uuid().as_bytes()).pack()
}

/// The first six bytes of the oldest key that is honoured.
fn oldest_honoured(now_ms: u64) -> [u8; 6] {
    let [_, _, time @ ..] = now_ms.saturating_sub(KEPT_MS).to_be_bytes();
    time
}

fn is_old(then_ms: u64, now_ms: u64) -> bool {
    then_ms + KEPT_MS < now_ms
}

#[cfg(test)]
mod tests;
