//! `POST /v1/activities`: a file comes in.

use std::sync::Arc;

use axum::Extension;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use cell_layers::blob::BlobWriter;
use cell_layers::{RootTx, idempotency};
use cell_sdk::{Command, CommandHead, Ctx, DomainError, Mode, Outcome, ProblemResponse, RootCtx};
use http::StatusCode;
use platform_model::{Code, Problem};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::body;
use crate::gate::Gate;
use crate::import::import;
use crate::numbers::compute;
use crate::storage::{self, Commit, DOMAIN, Parts};
use crate::stored::{Activity, Source, lap_pages};
use crate::view::ActivityView;
use crate::{columns, import::ImportError};

/// How often an upload writes its parts again because a removal took them.
const STAGE_ATTEMPTS_MAX: usize = 3;

/// Takes a file. 201 with the activity; 200 when the same bytes are there already. Acknowledged when it is durable on
/// every in-sync copy.
pub async fn upload(
    ctx: Ctx,
    Extension(gate): Extension<Gate>,
    request: Request,
) -> Result<Response, ProblemResponse> {
    let head = CommandHead::of(&request)?;
    // Keeps its room in memory until the answer.
    let file = body::read(&gate, request).await?;
    let bytes = file.bytes.clone();
    let hash = move || {
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        (sha256, head.with_body(bytes))
    };
    let (sha256, command) = gate.run(hash).await?;
    let id = activity_id(&ctx, &sha256);
    if is_answered_or_known(&ctx, &command, id).await? {
        return Ok(answer_known(&ctx, &command, id).await?);
    }
    let bytes = command.body.clone();
    let read = gate.run(move || read_file(id, sha256, bytes)).await?;
    let parts = Arc::new(read.map_err(|error| error.problem())?);
    Ok(store(&ctx, &command, &parts).await?)
}

/// The same bytes of the same person are the same activity; without the person's key the id says nothing of the bytes.
fn activity_id(ctx: &RootCtx, sha256: &[u8; 32]) -> Uuid {
    let digest = ctx.open.key.digest("training/activity", sha256);
    uuid::Builder::from_custom_bytes(std::array::from_fn(|at| digest[at])).into_uuid()
}

/// Whether nothing need be read: the command was answered before (or must be refused), or the activity is there.
async fn is_answered_or_known(ctx: &RootCtx, command: &Command, id: Uuid) -> Result<bool, Problem> {
    let (key, digest) = (command.key, command.digest);
    let look = |tx: RootTx| async move {
        if idempotency::begin(&tx, key, digest).await? != idempotency::Begin::Fresh {
            return Ok(true);
        }
        match storage::get(&tx, id).await {
            Ok(_) => Ok(true),
            Err(DomainError::Problem(problem)) if problem.code == Code::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    };
    Ok(ctx.read(DOMAIN, look).await?.value)
}

async fn answer_known(ctx: &RootCtx, command: &Command, id: Uuid) -> Result<Response, Problem> {
    let known = |tx: RootTx| async move {
        match storage::get(&tx, id).await {
            // Removed since it was seen: the app sends the file again.
            Err(DomainError::Problem(problem)) if problem.code == Code::NotFound => {
                Err(Code::Conflict.into())
            }
            other => outcome(StatusCode::OK, other?),
        }
    };
    ctx.command(DOMAIN, Mode::Sync, command, known).await
}

pub(super) fn read_file(id: Uuid, sha256: [u8; 32], bytes: Bytes) -> Result<Parts, ImportError> {
    let workout = import(&bytes)?;
    let numbers = compute(&workout);
    let gzip = bytes.starts_with(&[0x1f, 0x8b]);
    let source = Source {
        id,
        sha256,
        size_bytes: bytes.len() as u64,
        gzip,
    };
    let too_large = |_| ImportError::TooLarge {
        bytes_max: crate::import::FILE_BYTES_MAX,
        when: "as sent",
    };
    Ok(Parts {
        id,
        activity: Activity::of(&workout, &numbers, &source),
        laps: lap_pages(id, &numbers.laps),
        columns: columns::of(&workout.records),
        file: BlobWriter::new(id, sha256, bytes).map_err(too_large)?,
    })
}

async fn store(ctx: &RootCtx, command: &Command, parts: &Arc<Parts>) -> Result<Response, Problem> {
    if is_dropped() {
        let activity = parts.activity.clone();
        let forget = |_: RootTx| std::future::ready(outcome(StatusCode::CREATED, activity.clone()));
        return ctx.command(DOMAIN, Mode::Sync, command, forget).await;
    }
    let mut last = Problem::new(Code::Conflict);
    for _ in 0..STAGE_ATTEMPTS_MAX {
        storage::stage(ctx, parts).await?;
        let commit = |tx: RootTx| {
            let parts = Arc::clone(parts);
            async move {
                match storage::commit(&tx, &parts).await? {
                    Commit::New(activity) => outcome(StatusCode::CREATED, activity),
                    Commit::Known(activity) => outcome(StatusCode::OK, activity),
                }
            }
        };
        match ctx.command(DOMAIN, Mode::Sync, command, commit).await {
            Err(problem) if problem.code == Code::Conflict => last = problem,
            other => return other,
        }
    }
    Err(last)
}

/// The activity as the answer to a command.
pub(super) fn outcome(status: StatusCode, activity: Activity) -> Result<Outcome, DomainError> {
    let view = serde_json::to_value(ActivityView::from(activity));
    Ok(Outcome::new(
        status,
        view.map_err(|_| Problem::new(Code::Internal))?,
    ))
}

/// Planted bug of failpoint builds: an upload is acknowledged and never written.
#[cfg(feature = "failpoints")]
fn is_dropped() -> bool {
    fail::eval("drop-upload", |_| ()).is_some()
}

#[cfg(not(feature = "failpoints"))]
fn is_dropped() -> bool {
    false
}
