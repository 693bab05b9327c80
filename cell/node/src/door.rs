//! What a request of an app must show before a domain sees it: a router's certificate, a shard that is open here, in
//! the epoch that the router knows. Bounded: past the node's limit it is told to come again. A router that only asks
//! may wait for its answer: [`waiting`].

pub mod waiting;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use cell_law::Law;
use cell_sdk::command::set_position;
use cell_sdk::{Arrival, ProblemResponse, Seen};
use cell_shard::Standing;
use http::HeaderMap;
use http::request::Parts;
use platform_model::{Code, Epoch, PROBE_PATH, Problem, RegionId, RequestId, Role, ShardId, header};
use platform_runtime::clock::Clock;
use platform_runtime::telemetry::TraceContext;
use platform_runtime::tls::SpiffeId;
use platform_runtime::{PeerIdentity, random};
use platform_wire::follow::Followed;
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::hosted::Hosted;
use crate::problems::{moving, newer_epoch, not_here_in};
use waiting::WaitingRoom;

/// Clones share it.
#[derive(Clone)]
pub struct Door {
    pub hosted: Hosted,
    pub followed: Followed,
    pub law: Law,
    pub clock: Clock,
    pub room: Arc<Semaphore>,
    pub waiting: WaitingRoom,
}

/// Who was let in, and his place.
type Entered = (Arrival, tokio::sync::OwnedSemaphorePermit);

/// Lets a request in, or answers it. Measures both.
pub async fn pass(State(door): State<Door>, request: Request, next: Next) -> Response {
    let began = door.clock.monotonic();
    #[cfg(feature = "failpoints")]
    planted::log_request(&request);
    let (head, body) = request.into_parts();
    let path = head.extensions.get::<MatchedPath>();
    let path = path.map(|path| path.as_str().to_owned());
    let trace = head
        .headers
        .get(header::TRACEPARENT)
        .and_then(|value| value.to_str().ok());
    let trace = TraceContext::continue_or_new(trace);
    let response = match door.admit_or_wait(&head).await {
        Ok((arrival, _room)) => {
            let span =
                tracing::info_span!("request", request = %arrival.request_id, trace = %trace.trace_id());
            let seen = arrival.seen.clone();
            let mut request = Request::from_parts(head, body);
            request.extensions_mut().insert(arrival);
            let response = trace.scope(next.run(request)).instrument(span).await;
            positioned(response, &seen)
        }
        Err(problem) => ProblemResponse(problem).into_response(),
    };
    measure(
        path.as_deref(),
        response.status().as_u16(),
        door.clock.monotonic().saturating_sub(began),
    );
    response
}

/// Whatever the answer is, it says which state of the shard it comes from: its caller may ask for none older.
fn positioned(mut response: Response, seen: &Seen) -> Response {
    if let Some(pair) = seen.newest() {
        set_position(response.headers_mut(), pair);
    }
    response
}

/// Route and class of status only: no id of a person becomes a label.
fn measure(path: Option<&str>, status: u16, took: Duration) {
    let route = path.unwrap_or("none").to_owned();
    let class = match status {
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    };
    metrics::counter!("celld_requests_total", "route" => route.clone(), "status" => class).increment(1);
    metrics::histogram!("celld_request_seconds", "route" => route).record(took.as_secs_f64());
}

impl Door {
    fn admit(&self, head: &Parts) -> Result<Entered, Problem> {
        let router = from_router(head)?;
        let headers = &head.headers;
        let shard: ShardId = required(headers, header::SHARD)?;
        self.check_law(&shard, &router.region)?;
        self.check_shard(&shard, Epoch(required(headers, header::EPOCH)?))?;
        self.check_moving(&shard, head)?;
        let room = Arc::clone(&self.room).try_acquire_owned();
        let room = room.map_err(|_| Problem::new(Code::Overloaded).retry_after_s(1))?;
        let request_id = optional(headers, header::REQUEST_ID).ok().flatten();
        let arrival = Arrival {
            shard,
            request_id: request_id.unwrap_or_else(|| RequestId::from_uuid(random::uuid_v7())),
            not_older_than: optional(headers, header::POSITION)?,
            seen: Seen::default(),
        };
        Ok((arrival, room))
    }

    /// A router asks the law before it reads a request; one that did not is found out here.
    fn check_law(&self, shard: &ShardId, region: &RegionId) -> Result<(), Problem> {
        let table = self.followed.current();
        self.law.may_have_seen(&table, shard, region).map_err(|denied| {
            metrics::counter!("celld_denied_total", "door" => "law").increment(1);
            tracing::warn!(target: "audit", %shard, %region, "a router forwarded what it may not see");
            Problem::new(Code::LawForbids).detail(denied.to_string())
        })
    }

    /// While a shard is handed over it is still read here, and not written; a router that asks whether to let those
    /// who wait go on is told to wait, or each of them would be refused once more.
    fn check_moving(&self, shard: &ShardId, head: &Parts) -> Result<(), Problem> {
        let reads = head.method.is_safe() && head.uri.path() != PROBE_PATH;
        if !reads && self.hosted.standing(shard) == Some(Standing::Moving) {
            return Err(moving("the shard is handed over"));
        }
        Ok(())
    }

    /// The epoch is the first of the three fences: a router that knows an older owner is told the newer one.
    fn check_shard(&self, shard: &ShardId, asked: Epoch) -> Result<(), Problem> {
        let open = self.hosted.get(shard);
        let open = open.ok_or_else(|| not_here_in(&self.followed.current(), &self.hosted, shard, asked))?;
        match open.epoch() {
            here if here == asked => Ok(()),
            here if here > asked => Err(newer_epoch(self.hosted.node(), shard, here)),
            _ => Err(moving("this node's table is older than the router's")),
        }
    }
}

/// Planted fault of failpoint builds: what a request says stands in the log. The search for canaries must notice it.
#[cfg(feature = "failpoints")]
mod planted {
    use axum::extract::Request;

    pub fn log_request(request: &Request) {
        if fail::eval("door-logs-requests", |_| ()).is_some() {
            tracing::warn!(uri = %request.uri(), headers = ?request.headers(), "planted");
        }
    }
}

/// Apps come through routers only.
fn from_router(head: &Parts) -> Result<&SpiffeId, Problem> {
    match head.extensions.get::<PeerIdentity>() {
        Some(PeerIdentity(id)) if id.role() == Role::Router => Ok(id),
        _ => {
            metrics::counter!("celld_denied_total", "door" => "apps").increment(1);
            Err(Problem::new(Code::Forbidden).detail("takes the certificate of a router"))
        }
    }
}

fn required<T: std::str::FromStr>(headers: &HeaderMap, name: &'static str) -> Result<T, Problem> {
    optional(headers, name)?.ok_or_else(|| bad(name, "is missing"))
}

fn optional<T: std::str::FromStr>(headers: &HeaderMap, name: &'static str) -> Result<Option<T>, Problem> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let parsed = value.to_str().ok().and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or_else(|| bad(name, "cannot be read"))
}

fn bad(name: &str, what: &str) -> Problem {
    Problem::new(Code::BadRequest).detail(format!("the header {name} {what}"))
}
