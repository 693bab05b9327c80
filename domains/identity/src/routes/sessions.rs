//! `GET /v1/sessions`, `DELETE /v1/sessions/current`, `DELETE /v1/sessions/{id}`: who is logged in, and out.
//!
//! An ended session's access tokens are refused from then on, wherever they are shown.

use axum::extract::{FromRequest, Path, Request};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use cell_layers::RootTx;
use cell_sdk::command::set_position;
use cell_sdk::context::bearer;
use cell_sdk::{AnonymousCtx, Command, Ctx, DomainError, Mode, Outcome, ProblemResponse, RootCtx};
use http::StatusCode;
use platform_model::header::IDEMPOTENCY_KEY;
use platform_model::{Actor, Code, EpochPosition};
use uuid::Uuid;

use crate::domain::Identity;
use crate::storage::DOMAIN;
use crate::storage::session;
use crate::view::SessionListView;

/// The caller's living sessions, oldest first.
pub async fn list(ctx: Ctx, Extension(identity): Extension<Identity>) -> Result<Response, ProblemResponse> {
    let settings = &*identity.settings;
    let read = |tx: RootTx| async move { session::list(&tx, settings).await };
    let rows = ctx.read(DOMAIN, read).await?.value;
    Ok(Json(SessionListView::new(&rows, ctx.claims.session)).into_response())
}

/// Ends the session of the token that asks. To end what has ended is the same: so a retry whose first answer was lost
/// hears 204 too, with and without an `Idempotency-Key`, and the session is not looked at first.
pub async fn log_out(ctx: AnonymousCtx, request: Request) -> Result<Response, ProblemResponse> {
    let (parts, _) = request.into_parts();
    let claims = ctx.services.verify_token(bearer(&parts)?)?;
    let root = match ctx.open(&claims.home, claims.user).await {
        Ok(root) => root,
        Err(problem) if problem.code == Code::NotFound => return Err(Code::InvalidToken.into()),
        Err(problem) => return Err(problem.into()),
    };
    let root = RootCtx {
        actor: Actor::User(claims.user),
        ..root
    };
    let session = claims.session;
    let write = |tx: RootTx| async move { session::end(&tx, session).await };
    let ended = root.write(DOMAIN, Mode::Sync, write).await?;
    Ok(no_content(ended.position))
}

/// Ends one of the caller's sessions. With an `Idempotency-Key` a repeated command gets the same answer; without one it
/// is `not-found`.
pub async fn end(ctx: Ctx, Path(id): Path<String>, request: Request) -> Result<Response, ProblemResponse> {
    let id = Uuid::try_parse(&id).map_err(|_| Code::NotFound)?;
    if request.headers().contains_key(IDEMPOTENCY_KEY) {
        let command = Command::from_request(request, &()).await?;
        let once = |tx: RootTx| async move {
            end_one(&tx, id).await?;
            Ok(Outcome::no_content())
        };
        return Ok(ctx.command(DOMAIN, Mode::Sync, &command, once).await?);
    }
    let write = |tx: RootTx| async move { end_one(&tx, id).await };
    let ended = ctx.write(DOMAIN, Mode::Sync, write).await?;
    Ok(no_content(ended.position))
}

async fn end_one(tx: &RootTx, id: Uuid) -> Result<(), DomainError> {
    if session::end(tx, id).await? {
        Ok(())
    } else {
        Err(Code::NotFound.into())
    }
}

fn no_content(position: EpochPosition) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_position(response.headers_mut(), position);
    response
}
