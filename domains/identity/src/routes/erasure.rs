//! `POST /v1/erasure`: a person is erased on his own request, for ever and at once. An access token is not enough for it: whoever
//! asks proves himself by the password, and a wrong one counts as at log-in.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use cell_sdk::{Ctx, Lent, ProblemResponse};
use http::StatusCode;
use platform_model::{Code, Problem};
use serde::Deserialize;

use super::body;
use crate::domain::Identity;
use crate::input::Password;
use crate::sign_in::sign_in;
use crate::view::ErasureView;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    password: String,
    /// That there is no way back.
    forever: bool,
}

/// 200 with the number of the certificate, once nothing of him is left. Whoever does not hear it asks again: then he is nobody.
pub async fn ask(
    ctx: Ctx,
    State(services): State<Lent>,
    Extension(identity): Extension<Identity>,
    request: Request,
) -> Result<Response, ProblemResponse> {
    let (_, body) = body::read::<Body>(request).await?;
    if !body.forever {
        let problem = Problem::new(Code::BadRequest)
            .detail("an erasure is asked for with `forever`: there is no way back");
        return Err(problem.into());
    }
    let password = Password::tried(&body.password)?;
    // The session that this begins goes with him.
    sign_in(&identity, &ctx, &password, None).await?;
    let erased = services.erase(&ctx.home, ctx.user).await?;
    let view = ErasureView {
        certificate: erased.certificate,
    };
    Ok((StatusCode::OK, Json(view)).into_response())
}
