//! `PATCH /v1/activities/{id}`: the title of a workout. Takes a JSON merge patch (RFC 7396) of the one member `name`; `null`
//! takes the title away. Followers keep the title under which they were shown it.

use axum::extract::{FromRequest, Path, Request};
use axum::response::{IntoResponse, Response};
use cell_layers::RootTx;
use cell_sdk::{Command, Ctx, ProblemResponse};
use http::StatusCode;
use platform_model::{Code, Problem};
use serde::{Deserialize, Deserializer};

use super::id_of;
use super::upload::outcome;
use crate::domain::MODE;
use crate::import::NAME_CHARS_MAX;
use crate::storage::{self, DOMAIN};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    #[serde(default, deserialize_with = "present")]
    name: Option<Option<String>>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// 200 with the activity as it is then. Acknowledged as the domain says, so before the standbys have it: a failover may
/// bring the title of a moment ago back.
pub async fn rename(ctx: Ctx, Path(id): Path<String>, request: Request) -> Result<Response, ProblemResponse> {
    let id = id_of(&id)?;
    let command = Command::from_request(request, &()).await?;
    let patch: Patch = command.json()?;
    let name = patch.name.map(|name| name.map(title).transpose()).transpose()?;
    let once = |tx: RootTx| {
        let name = name.clone();
        async move {
            let activity = match name {
                Some(name) => storage::rename(&tx, id, name).await?,
                None => storage::get(&tx, id).await?,
            };
            outcome(StatusCode::OK, activity)
        }
    };
    Ok(ctx.command(DOMAIN, MODE, &command, once).await?.into_response())
}

fn title(text: String) -> Result<String, Problem> {
    let fits = (1..=NAME_CHARS_MAX).contains(&text.chars().count());
    if fits && !text.chars().any(char::is_control) {
        Ok(text)
    } else {
        let rule = format!("`name` takes 1 to {NAME_CHARS_MAX} characters, no control characters");
        Err(Problem::new(Code::InvalidBody).detail(rule))
    }
}
