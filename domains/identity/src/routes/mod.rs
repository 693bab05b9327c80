//! The HTTP routes of identity. Handlers translate; rules are in the modules that they call.
//!
//! | route | proves itself by |
//! |---|---|
//! | `POST /v1/register/{country}`, `POST /v1/locate` | nothing |
//! | `POST /v1/homes/{home}/login` | a password |
//! | `POST /v1/sessions/refresh` | a refresh token |
//! | `/v1/profile`, `/v1/sessions`, `/v1/followers`, `/v1/following`, `/v1/relocation`, `/v1/export` | an access token |
//! | `POST /v1/erasure` | an access token and the password |

mod body;
mod erasure;
mod export;
mod following;
mod locate;
mod login;
mod profile;
mod refresh;
mod register;
mod relocation;
mod sessions;
mod token_answer;

use axum::routing::{delete, get, post};
use axum::{Extension, Router};
use cell_sdk::Lent;

use crate::domain::Identity;

/// All routes; they share the bounds of `identity`.
pub fn routes(identity: Identity) -> Router<Lent> {
    Router::new()
        .route("/v1/register/{country}", post(register::register))
        .route("/v1/locate", post(locate::locate))
        .route("/v1/homes/{home}/login", post(login::login))
        .route("/v1/sessions/refresh", post(refresh::refresh))
        .route("/v1/sessions", get(sessions::list))
        .route("/v1/sessions/current", delete(sessions::log_out))
        .route("/v1/sessions/{id}", delete(sessions::end))
        .route("/v1/profile", get(profile::read).patch(profile::change))
        .route("/v1/followers", get(following::followers).post(following::admit))
        .route("/v1/followers/{user}", delete(following::dismiss))
        .route("/v1/following", get(following::followed))
        .route("/v1/relocation", get(relocation::show).put(relocation::ask))
        .route("/v1/relocation", delete(relocation::withdraw))
        .route("/v1/export", get(export::read))
        .route("/v1/erasure", post(erasure::ask))
        .layer(Extension(identity))
}

#[cfg(test)]
mod tests;
