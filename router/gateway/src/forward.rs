//! From a decision to a node's answer: bounds, attempts, replay after `moved`, deadline.
//!
//! A request is sent at most three times: once, once more after `moved` (refused before it was executed), once more
//! after a failure if it cannot have been executed or may be executed twice. Nothing streams twice.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, Uri, Version};
use hyper::body::Incoming;
use platform_model::{Code, Problem, header};
use platform_runtime::clock::Clock;
use platform_runtime::telemetry::TraceContext;
use platform_runtime::{random, retry};
use router_table::{Place, Route};

use crate::answer::{OutBody, own};
use crate::moved::{self, Verdict};
use crate::request::body::{BodyFault, BodyLimits, FaultCell, RequestBody};
use crate::request::headers;
use crate::snapshot::{Known, Snapshot};
use crate::upstream::pool::SendError;
use crate::upstream::{Cell, NodeBody, NodePool, Permit, Unreachable};

/// Seconds after which an app should try again when a cell is at its bound or a node is away.
const RETRY_AFTER_S: u32 = 1;
/// Wait before a second attempt at a node that could not be reached.
const BACKOFF: retry::Policy = retry::Policy {
    attempts: 2,
    base: Duration::from_millis(50),
    cap: Duration::from_millis(50),
    within: Duration::from_secs(1),
};

/// Times and bounds of forwarding.
#[derive(Debug, Clone, Copy)]
pub struct ForwardLimits {
    pub body: BodyLimits,
    /// From the whole request to the head of its answer, when the request was kept; also for a kept body to arrive.
    pub request_deadline: Duration,
    /// The same for a body that streams.
    pub upload_deadline: Duration,
    /// Longest pause inside a node's answer.
    pub answer_idle: Duration,
}

/// One request on its way.
pub struct Outbound<'a> {
    pub known: &'a Known,
    pub snapshot: &'a Snapshot,
    pub limits: ForwardLimits,
    pub clock: &'a Clock,
    head: Head,
    /// May be executed twice without harm: a safe method or a command with a key.
    repeatable: bool,
    safe: bool,
}

/// What every attempt sends alike.
struct Head {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

type Refusal = Box<Problem>;
type Answer = Response<OutBody>;

impl<'a> Outbound<'a> {
    /// Prepares a request: what the node will see of it.
    ///
    /// # Errors
    /// `bad-request` when host and path do not make a URI.
    pub fn new(
        (known, snapshot): (&'a Known, &'a Snapshot),
        (limits, clock): (ForwardLimits, &'a Clock),
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
        let repeatable = safe || parts.headers.contains_key(header::IDEMPOTENCY_KEY);
        let head = Head {
            method: parts.method.clone(),
            uri,
            headers,
        };
        Ok(Self {
            known,
            snapshot,
            limits,
            clock,
            head,
            repeatable,
            safe,
        })
    }

    /// Sends the request where `route` says, within the bounds of that node's cell.
    ///
    /// # Errors
    /// The problem that the app is told.
    pub async fn run(&self, body: Incoming, route: Route) -> Result<Answer, Refusal> {
        let permit = admit(&self.snapshot.pool(route.place.node).cell)?;
        let fault = FaultCell::default();
        let taken = RequestBody::take(body, self.limits.body, &fault);
        let body = match tokio::time::timeout(self.limits.request_deadline, taken).await {
            Ok(body) => body.map_err(|fault| self.body_refused(fault))?,
            Err(_) => return Err(Box::new(Problem::new(Code::RequestTimeout))),
        };
        let kept = matches!(body, RequestBody::Kept(_));
        let deadline = if kept {
            self.limits.request_deadline
        } else {
            self.limits.upload_deadline
        };
        match tokio::time::timeout(deadline, self.attempts(body, route.place, permit, &fault)).await {
            Ok(answer) => answer,
            Err(_) => {
                if kept {
                    self.snapshot.pool(route.place.node).failed();
                }
                Err(Box::new(Problem::new(Code::Timeout).retry_after_s(RETRY_AFTER_S)))
            }
        }
    }

    async fn attempts(
        &self,
        body: RequestBody,
        mut place: Place,
        mut permit: Permit,
        fault: &FaultCell,
    ) -> Result<Answer, Refusal> {
        let (mut body, mut replayed, mut retried) = (body, false, false);
        loop {
            let pool = self.snapshot.pool(place.node);
            let again = body.again();
            let failed = match pool.send(self.request(body, place)).await {
                Ok(answer) => match self.judge(pool, place, answer, permit).await? {
                    Judged::Answer(answer) => return Ok(*answer),
                    Judged::Moved { to, permit: next } => {
                        let (Some(copy), false) = (again, replayed) else {
                            return Err(moving());
                        };
                        (body, place, permit, replayed) = (copy, to, next, true);
                        continue;
                    }
                },
                Err(failed) => failed,
            };
            body = self
                .retry(failed, again, fault, (!retried).then_some(&pool.cell))
                .await?;
            place = self.learned(place);
            retried = true;
        }
    }

    /// Where the shard is by now: another request may have learned it meanwhile.
    fn learned(&self, place: Place) -> Place {
        let overrides = self.known.overrides.read();
        overrides
            .find(&self.snapshot.table, place.shard, self.clock.unix_ms())
            .unwrap_or(place)
    }

    fn request(&self, body: RequestBody, place: Place) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = self.head.method.clone();
        *request.uri_mut() = self.head.uri.clone();
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.head.headers.clone();
        request
            .headers_mut()
            .insert(header::SHARD, self.snapshot.shard_header(place.shard));
        request.headers_mut().insert(header::EPOCH, place.epoch.0.into());
        request
    }

    /// Passes an answer on, or reads where the shard has moved to.
    async fn judge(
        &self,
        pool: &NodePool,
        place: Place,
        answer: Response<Incoming>,
        permit: Permit,
    ) -> Result<Judged, Refusal> {
        let said = match moved::read(answer).await {
            Verdict::Other(answer) => {
                let mut answer = answer.map(|body| {
                    OutBody::Node(Box::new(NodeBody::new(body, self.limits.answer_idle, permit)))
                });
                headers::for_app(answer.headers_mut());
                return Ok(Judged::Answer(Box::new(answer)));
            }
            Verdict::NotMoved(parts, bytes) => return Ok(whole(parts, bytes)),
            Verdict::Moved(said) => said,
        };
        pool.cell.meters.moved.increment(1);
        let said = said.ok_or_else(moving)?;
        let learned =
            self.known
                .overrides
                .write()
                .learn(&self.snapshot.table, place.shard, said, self.clock.unix_ms());
        let to = learned.map_err(|error| {
            tracing::warn!(node = %pool.node, %error, "a node's `moved` is not followed");
            moving()
        })?;
        let cell = &self.snapshot.pool(to.node).cell;
        let permit = if Arc::ptr_eq(cell, &pool.cell) {
            permit
        } else {
            admit(cell)?
        };
        Ok(Judged::Moved { to, permit })
    }

    /// The body for a second attempt, if there may be one. `cell` pays for it; `None` when it was had already.
    async fn retry(
        &self,
        failed: SendError,
        again: Option<RequestBody>,
        fault: &FaultCell,
        cell: Option<&Arc<Cell>>,
    ) -> Result<RequestBody, Refusal> {
        let pay = || {
            cell.filter(|cell| cell.budget.spend())
                .map(|cell| cell.meters.retries.increment(1))
                .is_some()
        };
        match failed {
            SendError::NotSent(request, None) if pay() => Ok(request.into_body()),
            SendError::NotSent(_, None) => Err(unavailable()),
            SendError::NotSent(request, Some(why)) => {
                tracing::debug!(error = &why as &dyn std::error::Error, "a node cannot be reached");
                if matches!(why, Unreachable::BreakerOpen(_)) || !pay() {
                    return Err(unavailable());
                }
                self.clock.sleep(BACKOFF.wait(1)).await;
                Ok(request.into_body())
            }
            SendError::Broken(error) => {
                if let Some(fault) = fault.get() {
                    return Err(self.body_refused(fault));
                }
                tracing::debug!(%error, "a node's connection broke under a request");
                match again {
                    Some(copy) if self.repeatable && pay() => Ok(copy),
                    _ if self.safe => Err(unavailable()),
                    _ => Err(Box::new(
                        Problem::new(Code::OutcomeUnknown).retry_after_s(RETRY_AFTER_S),
                    )),
                }
            }
        }
    }

    fn body_refused(&self, fault: BodyFault) -> Refusal {
        let problem = Problem::new(fault.code()).detail(fault.to_string());
        match fault {
            BodyFault::TooLarge => Box::new(problem.with("limit_bytes", self.limits.body.body_max)),
            _ => Box::new(problem),
        }
    }
}

enum Judged {
    Answer(Box<Answer>),
    Moved { to: Place, permit: Permit },
}

fn whole(parts: http::response::Parts, bytes: Bytes) -> Judged {
    let mut answer = Response::from_parts(parts, own(bytes));
    headers::for_app(answer.headers_mut());
    Judged::Answer(Box::new(answer))
}

fn admit(cell: &Arc<Cell>) -> Result<Permit, Refusal> {
    cell.admit().ok_or_else(|| {
        cell.meters.overloaded.increment(1);
        Box::new(Problem::new(Code::Overloaded).retry_after_s(RETRY_AFTER_S))
    })
}

fn moving() -> Refusal {
    Box::new(Problem::new(Code::Moving).retry_after_s(RETRY_AFTER_S))
}

fn unavailable() -> Refusal {
    Box::new(Problem::new(Code::Unavailable).retry_after_s(RETRY_AFTER_S))
}

/// A fresh request id as a header value.
pub fn request_id() -> HeaderValue {
    HeaderValue::try_from(random::uuid_v7().to_string()).expect("a UUID is ASCII")
}
