//! `/v1/relocation`: a person changes home. What he asks for is his consent, in so many words: with it goes what the law lets go
//! only so. The node carries it out; here it is asked for, shown and withdrawn.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use cell_sdk::{Ctx, Lent, ProblemResponse};
use http::StatusCode;
use platform_model::{Code, HomeId, Problem};
use serde::Deserialize;

use super::body;
use crate::view::RelocationView;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    home: HomeId,
    /// That all that is his goes there.
    consent: bool,
}

/// 202: it has begun, now or since an earlier try. Asking again changes nothing.
pub async fn ask(
    ctx: Ctx,
    State(services): State<Lent>,
    request: Request,
) -> Result<Response, ProblemResponse> {
    let (_, body) = body::read::<Body>(request).await?;
    if !body.consent {
        let problem = Problem::new(Code::BadRequest)
            .detail("a relocation takes the person's consent: all that is his goes to the other home");
        return Err(problem.into());
    }
    let begun = services.relocate(&ctx.home, ctx.user, &body.home).await?;
    Ok((StatusCode::ACCEPTED, Json(RelocationView::from(begun))).into_response())
}

/// How it stands, or how the last one ended.
pub async fn show(ctx: Ctx, State(services): State<Lent>) -> Result<Response, ProblemResponse> {
    let now = services.relocation(&ctx.home, ctx.user).await?;
    Ok((StatusCode::OK, Json(RelocationView::from(now))).into_response())
}

/// 202: it is to be cancelled; `conflict` if none is under way, or it is past that.
pub async fn withdraw(ctx: Ctx, State(services): State<Lent>) -> Result<Response, ProblemResponse> {
    let now = services.withdraw_relocation(&ctx.home, ctx.user).await?;
    Ok((StatusCode::ACCEPTED, Json(RelocationView::from(now))).into_response())
}
