//! The HTTP routes of training: below `/v1/activities` the person's own, below `/v1/following` what others show him. Handlers translate; rules are in [`crate::import`] and
//! [`crate::storage`].

mod body;
pub mod query;
mod read;
mod remove;
mod rename;
mod shared;
mod upload;

use axum::routing::{get, post};
use axum::{Extension, Router};
use cell_sdk::{Lent, ProblemResponse};
use platform_model::Code;
use uuid::Uuid;

use crate::gate::Gate;

/// All routes; `gate` bounds the files that are read at once on this node.
pub fn routes(gate: Gate) -> Router<Lent> {
    Router::new()
        .route("/v1/activities", post(upload::upload).get(read::list))
        .route(
            "/v1/activities/{id}",
            get(read::detail).patch(rename::rename).delete(remove::remove),
        )
        .route("/v1/activities/{id}/streams", get(read::streams))
        .route("/v1/activities/{id}/original", get(read::original))
        .route("/v1/following/activities", get(shared::list))
        .layer(Extension(gate))
}

/// The activity that a path names; what is no id names none.
fn id_of(text: &str) -> Result<Uuid, ProblemResponse> {
    Uuid::try_parse(text).map_err(|_| Code::NotFound.into())
}

#[cfg(test)]
pub(crate) mod tests;
