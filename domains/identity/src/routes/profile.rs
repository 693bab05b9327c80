//! `GET /v1/profile`, `PATCH /v1/profile`: what a person says of himself. The version is also the `ETag`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use cell_layers::RootTx;
use cell_sdk::{Command, Ctx, Mode, Outcome, ProblemResponse};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use platform_model::{Code, Problem};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::input::DisplayName;
use crate::storage::DOMAIN;
use crate::storage::profile::{self, Change};
use crate::view::{self, ProfileView};

/// A merge patch (RFC 7396): what is absent stays, `null` takes away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    #[serde(default, deserialize_with = "present")]
    display_name: Option<Option<String>>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

pub async fn read(ctx: Ctx) -> Result<Response, ProblemResponse> {
    let user = ctx.user;
    let read = |tx: RootTx| async move { profile::get(&tx, user).await };
    let (account, profile) = ctx.read(DOMAIN, read).await?.value;
    let view = ProfileView::new(user, ctx.home.clone(), account, profile);
    let tag = tag(view.version);
    let mut response = Json(view).into_response();
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

/// 200 with the profile as it is then. With `If-Match` only if it still has that version.
pub async fn change(ctx: Ctx, command: Command) -> Result<Response, ProblemResponse> {
    let seen = version(&command.headers)?;
    let patch: Patch = command.json()?;
    let name = patch.display_name;
    let change = Change {
        display_name: name
            .map(|name| name.as_deref().map(DisplayName::parse).transpose())
            .transpose()?,
    };
    let (user, home, change) = (ctx.user, &ctx.home, &change);
    let once = |tx: RootTx| async move {
        let (account, profile) = profile::change(&tx, user, change, seen).await?;
        let view = ProfileView::new(user, home.clone(), account, profile);
        Ok(Outcome::new(StatusCode::OK, view::value(&view)?))
    };
    let answer = ctx.command_outcome(DOMAIN, Mode::Sync, &command, once).await?;
    let (outcome, replayed) = answer.value;
    let version = outcome.body.get("version").and_then(Value::as_u64);
    let mut response = outcome.into_response(answer.position, replayed);
    if let Some(version) = version {
        response.headers_mut().insert(header::ETAG, tag(version));
    }
    Ok(response)
}

fn tag(version: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits between quotes")
}

/// The version that `If-Match` names: `"3"` or `3`; none for `*` and where it does not stand.
fn version(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let version = quoted.unwrap_or(text).parse();
    version
        .map(Some)
        .map_err(|_| Problem::new(Code::BadRequest).detail("`If-Match` takes one version, such as \"3\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_names_one_version() {
        let version = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, HeaderValue::from_static(text));
            version(&headers).map_err(|problem| problem.code)
        };
        assert_eq!(version("\"3\""), Ok(Some(3)));
        assert_eq!(version("3"), Ok(Some(3)));
        assert_eq!(version("*"), Ok(None));
        for bad in ["", "W/\"3\"", "\"3\", \"4\"", "\"3", "-1", "three"] {
            assert_eq!(version(bad), Err(Code::BadRequest), "{bad}");
        }
    }
}
