//! `/v1/followers`: whom a person lets see what he shows to followers; `/v1/following`: whom he follows, as they show
//! themselves.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use cell_layers::RootTx;
use cell_sdk::{Address, Command, Ctx, Mode, Outcome, ProblemResponse};
use http::StatusCode;
use platform_model::{Code, HomeId, UserId};
use serde::Deserialize;

use crate::storage::{DOMAIN, following};
use crate::view::{FollowedListView, FollowerListView};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    user: UserId,
    home: HomeId,
}

/// 204, also for one who follows already. What he sees is told to him by events, as far as the law of the person's
/// jurisdiction lets it come to his home.
pub async fn admit(ctx: Ctx, command: Command) -> Result<Response, ProblemResponse> {
    let body: Body = command.json()?;
    let follower = Address {
        home: body.home,
        user: body.user,
    };
    let (me, follower) = (&me(&ctx), &follower);
    let once = |tx: RootTx| async move {
        following::admit(&tx, me, follower).await?;
        Ok(Outcome::no_content())
    };
    Ok(ctx.command(DOMAIN, Mode::Sync, &command, once).await?)
}

/// 204, or `not-found`.
pub async fn dismiss(
    ctx: Ctx,
    Path(follower): Path<String>,
    command: Command,
) -> Result<Response, ProblemResponse> {
    let follower: UserId = follower.parse().map_err(|_| Code::NotFound)?;
    let me = &me(&ctx);
    let once = |tx: RootTx| async move {
        if following::dismiss(&tx, me, follower).await? {
            Ok(Outcome::no_content())
        } else {
            Err(Code::NotFound.into())
        }
    };
    Ok(ctx.command(DOMAIN, Mode::Sync, &command, once).await?)
}

/// All of them: there are never more than one page.
pub async fn followers(ctx: Ctx) -> Result<Response, ProblemResponse> {
    let read = |tx: RootTx| async move { following::followers(&tx).await };
    let rows = ctx.read(DOMAIN, read).await?.value;
    Ok((StatusCode::OK, Json(FollowerListView::new(&rows))).into_response())
}

/// All of them: there are never more than one page.
pub async fn followed(ctx: Ctx) -> Result<Response, ProblemResponse> {
    let read = |tx: RootTx| async move { following::followed(&tx).await };
    let rows = ctx.read(DOMAIN, read).await?.value;
    Ok((StatusCode::OK, Json(FollowedListView::new(&rows))).into_response())
}

fn me(ctx: &Ctx) -> Address {
    Address {
        home: ctx.home.clone(),
        user: ctx.user,
    }
}
