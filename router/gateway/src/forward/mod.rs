//! From a decision to a node's answer: bounds, attempts, replays, deadline.
//!
//! A request of a shard that is held joins its line before its body is read, so that it is refused without it past a
//! bound; a body that is too large to keep waits unread.
//! A request takes a place in its cell only once there is something to send: a body that is kept has arrived whole by
//! then. It gives it back as soon as its answer is here. What happens in between is in [`attempts`].

mod attempts;
mod salvage;

use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderMap;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, Uri, Version};
use hyper::body::{Body, Incoming};
use platform_model::{Code, HomeId, Problem, header};
use platform_runtime::clock::Clock;
use platform_runtime::telemetry::TraceContext;
use platform_runtime::{TaskGroup, random};
use router_table::{Place, Route, RouteClass};

use self::attempts::Attempts;
use crate::answer::OutBody;
use crate::apps::Activity;
use crate::faults::Faults;
use crate::hold::bounds::Room;
use crate::hold::{Holds, Why};
use crate::request::body::{BodyFault, BodyLimits, FaultCell, RequestBody};
use crate::request::headers;
use crate::snapshot::{Known, Snapshot};

/// Seconds after which an app should try again when a cell is at its bound or a node is away.
const RETRY_AFTER_S: u32 = 1;
/// Largest body of a person whom no token names: nothing that is sent without one is longer, and it never streams.
const STRANGERS_BODY_MAX: usize = 64 * 1024;

/// Times and bounds of forwarding.
#[derive(Debug, Clone, Copy)]
pub struct ForwardLimits {
    pub body: BodyLimits,
    /// From the whole request to the head of its answer, when the request was kept; also for a kept body to arrive.
    pub request_deadline: Duration,
    /// The same for a body that streams.
    pub upload_deadline: Duration,
    /// Longest pause inside a node's answer, and for an app to read on.
    pub answer_idle: Duration,
}

impl ForwardLimits {
    fn body_of(&self, class: RouteClass) -> BodyLimits {
        if class.needs_access_token() {
            return self.body;
        }
        let body_max = self.body.body_max.min(STRANGERS_BODY_MAX as u64);
        BodyLimits {
            body_max,
            replay_max: STRANGERS_BODY_MAX,
            ..self.body
        }
    }
}

/// What a request is forwarded with.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    pub known: &'a Known,
    pub holds: &'a Arc<Holds>,
    /// The decision on this request by a table: asked again after it was held.
    pub decide: &'a (dyn Fn(&Snapshot) -> Result<Route, Refusal> + Send + Sync),
    /// Notes where the person of the request lives by now, and since which user epoch.
    pub rehome: &'a (dyn Fn(&HomeId, u64) + Send + Sync),
    pub faults: &'a Faults,
    pub limits: ForwardLimits,
    pub clock: &'a Clock,
    /// Where answers that stream are watched.
    pub tasks: &'a TaskGroup,
    /// The connection that the request came on.
    pub app: &'a Arc<Activity>,
}

/// One request on its way.
pub struct Outbound<'a> {
    means: Means<'a>,
    head: Head,
    /// May be executed twice without harm: a safe method or a command with a key that the node sees.
    repeatable: bool,
    safe: bool,
}

/// What every attempt sends alike.
struct Head {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Head {
    /// What it takes of memory, about.
    fn bytes(&self) -> usize {
        let fields = self.headers.iter();
        let fields: usize = fields
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        fields + self.uri.path().len() + self.uri.query().map_or(0, str::len)
    }
}

type Refusal = Box<Problem>;
type Answer = Response<OutBody>;

impl<'a> Outbound<'a> {
    /// Prepares a request: what the node will see of it.
    ///
    /// # Errors
    /// `bad-request` when host and path do not make a URI.
    pub fn new(
        means: Means<'a>,
        parts: &Parts,
        host: &str,
        request_id: &HeaderValue,
    ) -> Result<Self, Refusal> {
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        let uri = Uri::builder()
            .scheme("https")
            .authority(host)
            .path_and_query(target)
            .build();
        let uri = uri.map_err(|_| Box::new(Problem::new(Code::BadRequest).detail("the host is no name")))?;
        let trace = parts
            .headers
            .get(header::TRACEPARENT)
            .and_then(|value| value.to_str().ok());
        let trace = TraceContext::continue_or_new(trace).child().to_header();
        let mut headers = headers::for_node(&parts.headers);
        headers.insert(header::REQUEST_ID, request_id.clone());
        headers.insert(
            header::TRACEPARENT,
            HeaderValue::try_from(trace).expect("hex digits and hyphens"),
        );
        let safe = parts.method.is_safe();
        let repeatable = safe || headers.contains_key(header::IDEMPOTENCY_KEY);
        let head = Head {
            method: parts.method.clone(),
            uri,
            headers,
        };
        Ok(Self {
            means,
            head,
            repeatable,
            safe,
        })
    }

    /// Sends the request where `route` says, within the bounds of that node's cell.
    ///
    /// # Errors
    /// The problem that the app is told.
    pub async fn run(
        &self,
        body: Incoming,
        snapshot: Arc<Snapshot>,
        route: Route,
    ) -> Result<Answer, Refusal> {
        let (limits, fault) = (self.means.limits, FaultCell::default());
        let body_limits = limits.body_of(route.class);
        let mut room = self.room_if_held(&snapshot, route, &body, body_limits)?;
        let body = self.take(body, body_limits, &fault).await?;
        if let Some((room, _)) = &mut room {
            room.shrink(self.head.bytes() + body.kept_bytes());
        }
        let streams = matches!(body, RequestBody::Streaming(_));
        let deadline = if streams {
            limits.upload_deadline
        } else {
            limits.request_deadline
        };
        let mut attempts = Attempts::new(self, (snapshot, route), streams, &fault);
        match tokio::time::timeout(deadline, attempts.run(body, room)).await {
            Ok(answer) => answer,
            Err(_) => Err(attempts.out_of_time()),
        }
    }

    /// Room in the line of a shard that is held already, for a body that is not read yet.
    fn room_if_held(
        &self,
        snapshot: &Snapshot,
        Route { place, learned, .. }: Route,
        body: &Incoming,
        limits: BodyLimits,
    ) -> Result<Option<(Room, Why)>, Refusal> {
        let (holds, shard) = (self.means.holds, snapshot.table.shard(place.shard));
        let held = match holds.find(shard) {
            Some(held) => held,
            // Whom the table names is gone; a node may have named the next one meanwhile.
            None if !learned && snapshot.table.is_leaderless(place.shard) => holds.begin(shard, Why::Away),
            None => return Ok(None),
        };
        let told = body.size_hint();
        let body_bytes = match told.exact() {
            // It waits unread.
            _ if told.lower() > limits.replay_max as u64 => 0,
            Some(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
            None => limits.replay_max,
        };
        let (bytes, why) = (self.head.bytes() + body_bytes, held.why());
        let room = holds.room(&held, bytes, &snapshot.pool(place.node).cell);
        room.map(|room| Some((room, why)))
            .map_err(|not_held| Box::new(not_held.problem(why, RETRY_AFTER_S)))
    }

    /// Reads as much of a body as is kept.
    async fn take(
        &self,
        body: Incoming,
        limits: BodyLimits,
        fault: &FaultCell,
    ) -> Result<RequestBody, Refusal> {
        let taken = async {
            let _turn = match body.is_end_stream() {
                true => None,
                false => Some(self.means.app.body_turn().await),
            };
            RequestBody::take(body, limits, fault).await
        };
        match tokio::time::timeout(self.means.limits.request_deadline, taken).await {
            Ok(body) => body.map_err(|fault| body_refused(fault, limits)),
            Err(_) => Err(Box::new(Problem::new(Code::RequestTimeout))),
        }
    }

    fn request(&self, body: RequestBody, snapshot: &Snapshot, place: Place) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = self.head.method.clone();
        *request.uri_mut() = self.head.uri.clone();
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.head.headers.clone();
        let shard = snapshot.shard_header(place.shard);
        request.headers_mut().insert(header::SHARD, shard);
        request.headers_mut().insert(header::EPOCH, place.epoch.0.into());
        request
    }
}

fn body_refused(fault: BodyFault, limits: BodyLimits) -> Refusal {
    let problem = Problem::new(fault.code()).detail(fault.to_string());
    match fault {
        BodyFault::TooLarge => Box::new(problem.with("limit_bytes", limits.body_max)),
        _ => Box::new(problem),
    }
}

/// A fresh request id as a header value.
pub fn request_id() -> HeaderValue {
    HeaderValue::try_from(random::uuid_v7().to_string()).expect("a UUID is ASCII")
}
