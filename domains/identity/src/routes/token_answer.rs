//! The answer that holds tokens: made once its session is durable, and never kept by a cache.

use axum::response::Response;
use cell_sdk::{Outcome, RootCtx, Services};
use http::{HeaderValue, StatusCode, header};
use platform_model::{EpochPosition, Problem};
use uuid::Uuid;

use crate::domain::Identity;
use crate::{tokens, view};

/// Makes the tokens of a session and answers with them (RFC 6749, 5.1: `no-store`).
///
/// # Errors
/// As [`tokens::issue`]. The session is there then, and the request may be sent again.
pub async fn answer(
    identity: &Identity,
    services: &dyn Services,
    root: &RootCtx,
    session: (Uuid, u32),
    (status, position, replayed): (StatusCode, EpochPosition, bool),
) -> Result<Response, Problem> {
    let view = tokens::issue(services, &identity.settings, root, session).await?;
    let outcome = Outcome::new(status, view::value(&view)?);
    let mut response = outcome.into_response(position, replayed);
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}
