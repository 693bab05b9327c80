//! Writing an upload: parts in bounded transactions, then the row.

use std::sync::Arc;

use cell_layers::blob::{self, BlobWriter, Progress};
use cell_layers::samples::{self, Column};
use cell_layers::{LayerError, Query, RootTx};
use cell_sdk::{DomainError, Mode, RootCtx};
use platform_model::{Code, Problem};
use uuid::Uuid;

use super::{ACTIVITIES, DOMAIN, LAPS, PENDING, TIMELINE, sharing};
use crate::stored::{Activity, LapPage, PendingUpload};

/// Values that one transaction writes: coded, at most 5 bytes each.
const STEP_VALUES_MAX: usize = 120_000;
/// How long an upload may rest before its samples are removed, in milliseconds of log time.
const PENDING_MS: u64 = 24 * 60 * 60 * 1_000;
/// Uploads that one sweep looks at.
const SWEEP_ROWS_MAX: usize = 16;
/// Blob steps of one upload, at most: 32 MiB in steps of 1 MiB, and some for other uploads of the same bytes.
const BLOB_STEPS_MAX: usize = 64;

/// All that an upload writes.
#[derive(Clone)]
pub struct Parts {
    pub id: Uuid,
    pub activity: Activity,
    pub laps: Vec<LapPage>,
    pub columns: Vec<(&'static str, Column)>,
    pub file: BlobWriter,
}

/// What the last transaction of an upload found.
#[derive(Debug, Clone, PartialEq)]
pub enum Commit {
    New(Activity),
    /// The same bytes are there already.
    Known(Activity),
}

/// Writes samples and file, which nobody reads before [`commit`]. Sent again, it goes on or writes the same.
///
/// Cancel-safe: what was written and never committed is removed by the upload of a later day.
///
/// # Errors
/// What the shard answers.
pub async fn stage(ctx: &RootCtx, parts: &Arc<Parts>) -> Result<(), Problem> {
    let mut next = 0;
    while next < parts.columns.len() {
        let end = step_end(&parts.columns, next);
        let step = |tx: RootTx| {
            let parts = Arc::clone(parts);
            async move { stage_columns(&tx, &parts, next..end).await }
        };
        ctx.write(DOMAIN, Mode::Async, step).await?;
        next = end;
    }
    for _ in 0..BLOB_STEPS_MAX {
        let step = |tx: RootTx| {
            let file = parts.file.clone();
            async move { Ok(file.step(&tx).await?) }
        };
        if !matches!(
            ctx.write(DOMAIN, Mode::Async, step).await?.value,
            Progress::More { .. }
        ) {
            return Ok(());
        }
    }
    Err(Code::Conflict.into())
}

/// Columns from `start` that one transaction takes: at least one.
fn step_end(columns: &[(&'static str, Column)], start: usize) -> usize {
    let mut values = 0;
    let taken = columns[start..].iter().take_while(|(_, column)| {
        values += column.len();
        values <= STEP_VALUES_MAX
    });
    start + taken.count().max(1)
}

async fn stage_columns(tx: &RootTx, parts: &Parts, range: std::ops::Range<usize>) -> Result<(), DomainError> {
    if range.start == 0 {
        sweep(tx).await?;
    }
    let pending = PendingUpload {
        id: parts.id.as_bytes().to_vec(),
        touched_ms: tx.log_time_ms(),
    };
    PENDING.put(tx, &pending).await?;
    for (name, column) in &parts.columns[range] {
        samples::write(tx, parts.id, name, column).await?;
    }
    Ok(())
}

/// Removes what one upload of an earlier day left behind: the rows of several are more than a transaction may write.
async fn sweep(tx: &RootTx) -> Result<(), LayerError> {
    blob::sweep(tx).await?;
    let now = tx.log_time_ms();
    for row in PENDING.scan(tx, Query::first(SWEEP_ROWS_MAX)).await?.rows {
        if row.touched_ms + PENDING_MS >= now {
            continue;
        }
        if ACTIVITIES.get(tx, &row.id).await?.is_none() {
            samples::delete(tx, &row.id).await?;
        }
        PENDING.delete(tx, &row.id).await?;
        break;
    }
    Ok(())
}

/// Makes a staged upload visible, in the transaction of its command, which also tells the person's followers.
///
/// # Errors
/// `conflict` when a removal took the parts meanwhile: stage again.
pub async fn commit(tx: &RootTx, parts: &Parts) -> Result<Commit, DomainError> {
    PENDING.delete(tx, parts.id).await?;
    if let Some(known) = ACTIVITIES.get(tx, parts.id).await? {
        return Ok(Commit::Known(known));
    }
    match parts.file.finish(tx).await {
        Err(LayerError::UploadIncomplete) => return Err(Code::Conflict.into()),
        other => other?,
    };
    let there = samples::channels(tx, parts.id).await?;
    let whole = |(name, column): &(&str, Column)| {
        there
            .iter()
            .any(|one| one.name == *name && one.values == column.len() as u64)
    };
    if there.len() != parts.columns.len() || !parts.columns.iter().all(whole) {
        return Err(Code::Conflict.into());
    }
    let activity = Activity {
        uploaded_ms: tx.log_time_ms(),
        ..parts.activity.clone()
    };
    ACTIVITIES.insert(tx, &activity).await?;
    for page in &parts.laps {
        LAPS.put(tx, page).await?;
    }
    TIMELINE.insert(tx, activity.started_ms, parts.id).await?;
    sharing::share(tx, &activity).await?;
    Ok(Commit::New(activity))
}
