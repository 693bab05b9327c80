//! How a request came in: what the node's door learnt before a domain sees it.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use parking_lot::Mutex;
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
    /// What its answer will show.
    pub seen: Seen,
}

/// The newest state of the request's shard that went into its answer. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pair: Arc<Mutex<Option<EpochPosition>>>,
}

impl Seen {
    pub fn note(&self, pair: EpochPosition) {
        let mut seen = self.pair.lock();
        *seen = (*seen).max(Some(pair));
    }

    /// None if no transaction of the shard went into the answer.
    pub fn newest(&self) -> Option<EpochPosition> {
        *self.pair.lock()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Arrival {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ProblemResponse> {
        let arrival = parts.extensions.get::<Self>().cloned();
        Ok(arrival.ok_or_else(|| Problem::new(Code::Internal).detail("the node's door was not passed"))?)
    }
}
