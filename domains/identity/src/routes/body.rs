//! Bodies of requests without an access token: small, and read before anything else is done.

use axum::extract::Request;
use cell_sdk::command::{json, read_body};
use http::HeaderMap;
use platform_model::{Code, Problem};
use serde::Deserialize;

/// The largest such body, in bytes.
pub const BODY_BYTES_MAX: usize = 16 * 1024;

/// Headers and document of a request.
///
/// # Errors
/// `body-too-large`, `invalid-body`; neither repeats what was sent.
pub async fn read<T: for<'de> Deserialize<'de>>(request: Request) -> Result<(HeaderMap, T), Problem> {
    let headers = request.headers().clone();
    let body = read_body(request, BODY_BYTES_MAX).await?;
    Ok((headers, json(&body)?))
}

/// For a path that takes no body: nothing, or an empty document.
///
/// # Errors
/// As [`read`].
pub async fn none(request: Request) -> Result<(), Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    let body = read_body(request, BODY_BYTES_MAX).await?;
    if body.is_empty() {
        return Ok(());
    }
    json::<Nothing>(&body)
        .map(|Nothing {}| ())
        .map_err(|_| Problem::new(Code::InvalidBody).detail("this path takes no body"))
}
