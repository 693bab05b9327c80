//! `DELETE /v1/activities/{id}`. With an `Idempotency-Key` a repeated removal gets the same answer; without one it is
//! `not-found`.

use axum::extract::{FromRequest, Path, Request};
use axum::response::{IntoResponse, Response};
use cell_layers::RootTx;
use cell_sdk::command::set_position;
use cell_sdk::{Command, Ctx, Mode, Outcome, ProblemResponse};
use http::StatusCode;
use platform_model::header::IDEMPOTENCY_KEY;

use super::id_of;
use crate::storage::{self, DOMAIN};

/// Acknowledged when it is durable on every in-sync copy, like every removal.
pub async fn remove(ctx: Ctx, Path(id): Path<String>, request: Request) -> Result<Response, ProblemResponse> {
    let id = id_of(&id)?;
    if request.headers().contains_key(IDEMPOTENCY_KEY) {
        let command = Command::from_request(request, &()).await?;
        let once = |tx: RootTx| async move {
            storage::remove(&tx, id).await?;
            Ok(Outcome::no_content())
        };
        return Ok(ctx.command(DOMAIN, Mode::Sync, &command, once).await?);
    }
    let removed = ctx
        .write(DOMAIN, Mode::Sync, |tx: RootTx| async move {
            storage::remove(&tx, id).await
        })
        .await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_position(response.headers_mut(), removed.position);
    Ok(response)
}
