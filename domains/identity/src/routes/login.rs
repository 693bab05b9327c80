//! `POST /v1/homes/{home}/login`, the home written `eu~eu-central`: a person comes back.
//!
//! It arrives at any shard of the home. An address that nobody holds, one of another home and a wrong password get the
//! same answer after the same hashing.

use axum::Extension;
use axum::extract::{Path, Request};
use axum::response::Response;
use cell_sdk::{AnonymousCtx, ProblemResponse, RootCtx};
use http::StatusCode;
use platform_model::{Code, HomeId, Problem};
use serde::Deserialize;

use super::{body, token_answer};
use crate::domain::Identity;
use crate::input::{Address, Password};
use crate::sign_in::{nobody, sign_in};
use crate::storage::registration::EMAIL;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    email: String,
    password: String,
}

/// 200 with the tokens of a new session, durable on every in-sync copy.
pub async fn login(
    mut ctx: AnonymousCtx,
    Path(home): Path<String>,
    Extension(identity): Extension<Identity>,
    request: Request,
) -> Result<Response, ProblemResponse> {
    let home = home_of(&ctx, &home)?;
    let (_, body) = body::read::<Body>(request).await?;
    let address = Address::parse(&body.email)?;
    let password = Password::tried(&body.password)?;
    // What the caller saw last may have been another person's.
    ctx.arrival.not_older_than = None;
    let Some(root) = holder(&ctx, &home, &address).await? else {
        return Err(nobody(&identity, &password).await.into());
    };
    let session = sign_in(&identity, &root, &password, None).await?;
    let how = (StatusCode::OK, session.position, false);
    Ok(token_answer::answer(&identity, &*ctx.services, &root, (session.value, 0), how).await?)
}

/// The home that the path names, if the request has come to one of its shards.
fn home_of(ctx: &AnonymousCtx, text: &str) -> Result<HomeId, Problem> {
    let home = text.split_once('~').and_then(|(jurisdiction, region)| {
        let (jurisdiction, region) = (jurisdiction.parse().ok()?, region.parse().ok()?);
        Some(HomeId { jurisdiction, region })
    });
    let known = home.filter(|home| ctx.services.table().homes.contains_key(home));
    let home = known.ok_or_else(|| {
        Problem::new(Code::UnknownHome).detail("written as jurisdiction~region: eu~eu-central")
    })?;
    if ctx.arrival.shard.home() == Some(&home) {
        Ok(home)
    } else {
        Err(Problem::new(Code::BadRequest).detail("this shard is of another home"))
    }
}

/// The root of the person who holds the address in this home.
async fn holder(ctx: &AnonymousCtx, home: &HomeId, address: &Address) -> Result<Option<RootCtx>, Problem> {
    let directory = ctx.services.directory();
    let digest = directory.digest(EMAIL, address.looked_up());
    let entry = directory.lookup(&home.jurisdiction, digest).await?;
    let Some(entry) = entry.filter(|entry| entry.home == *home) else {
        return Ok(None);
    };
    match ctx.open(home, entry.user).await {
        Ok(root) => Ok(Some(root)),
        Err(problem) if problem.code == Code::NotFound => Ok(None),
        Err(problem) => Err(problem),
    }
}
