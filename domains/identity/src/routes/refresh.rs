//! `POST /v1/sessions/refresh`: a refresh token, as the bearer token of the request, buys the next pair.
//!
//! No idempotency key is needed: the token itself names the command, and a retry gets the same successor
//! ([`crate::refresh`]).

use axum::Extension;
use axum::extract::Request;
use axum::response::Response;
use cell_layers::RootTx;
use cell_sdk::context::bearer;
use cell_sdk::{AnonymousCtx, Mode, ProblemResponse, RootCtx};
use http::StatusCode;
use platform_model::{Code, EpochPosition, Problem};
use platform_token::RefreshToken;

use super::{body, token_answer};
use crate::domain::Identity;
use crate::storage::DOMAIN;
use crate::storage::session::{self, Refreshed};

/// 200 with the next tokens. Acknowledged when it is durable on every in-sync copy, and so is the end of a session whose
/// token came a second time.
pub async fn refresh(
    ctx: AnonymousCtx,
    Extension(identity): Extension<Identity>,
    request: Request,
) -> Result<Response, ProblemResponse> {
    let (parts, content) = request.into_parts();
    let token: RefreshToken = bearer(&parts)?.parse().map_err(|_| Code::InvalidToken)?;
    body::none(Request::from_parts(parts, content)).await?;
    let root = ctx
        .open_by_token(&token.home, token.user)
        .await
        .map_err(without_person)?;
    let (generation, position) = rotate(&identity, &root, &token).await?;
    let (session, how) = ((token.session, generation), (StatusCode::OK, position, false));
    Ok(token_answer::answer(&identity, &*ctx.services, &root, session, how).await?)
}

async fn rotate(
    identity: &Identity,
    root: &RootCtx,
    token: &RefreshToken,
) -> Result<(u32, EpochPosition), Problem> {
    let (key, settings) = (&root.open.key, &*identity.settings);
    let write = |tx: RootTx| async move { session::refresh(&tx, key, token, settings).await };
    let refreshed = root.write(DOMAIN, Mode::Sync, write).await?;
    match refreshed.value {
        Refreshed::Generation(generation) => Ok((generation, refreshed.position)),
        Refreshed::Reused => {
            tracing::warn!(session = %token.session, "a refresh token was used twice");
            Err(Code::RefreshReused.into())
        }
        Refreshed::Ended => Err(Code::RevokedToken.into()),
        Refreshed::Forged => Err(Code::InvalidToken.into()),
    }
}

/// A token whose person is not there is no good.
fn without_person(problem: Problem) -> Problem {
    if problem.code == Code::NotFound {
        Code::InvalidToken.into()
    } else {
        problem
    }
}
