//! How a request came in: what the node's door learnt before a domain sees it.

use axum::extract::FromRequestParts;
use http::request::Parts;
use platform_model::{Code, EpochPosition, Problem, RequestId, ShardId};

use crate::error::ProblemResponse;

/// Put into the request's extensions by the node, once shard and epoch are found to be its own.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The shard that the router meant, served here.
    pub shard: ShardId,
    pub request_id: RequestId,
    /// The last write that the caller saw: it is served no older state.
    pub not_older_than: Option<EpochPosition>,
}

impl<S: Send + Sync> FromRequestParts<S> for Arrival {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ProblemResponse> {
        let arrival = parts.extensions.get::<Self>().cloned();
        Ok(arrival.ok_or_else(|| Problem::new(Code::Internal).detail("the node's door was not passed"))?)
    }
}
