//! The attempts of one request: at most three.
//!
//! Once, once more after `moved` (refused before it was executed), once more after a failure if it cannot have been
//! executed or may be executed twice. Nothing streams twice. Wherever the request goes next, it takes a place in that
//! node's cell before it leaves the one that it has.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::response::Parts;
use hyper::body::Incoming;
use platform_model::{Code, Problem};
use platform_runtime::retry;
use router_table::{Moved, Place};

use super::{Answer, Outbound, RETRY_AFTER_S, Refusal, body_refused};
use crate::answer::OutBody;
use crate::moved::{self, Verdict};
use crate::request::body::{FaultCell, RequestBody};
use crate::request::headers;
use crate::upstream::pool::SendError;
use crate::upstream::{AnswerBroken, Cell, NodeBody, NodePool, Permit, Unreachable, response};

/// Wait before a second attempt at a node that could not be reached.
const BACKOFF: retry::Policy = retry::Policy {
    attempts: 2,
    base: Duration::from_millis(50),
    cap: Duration::from_millis(50),
    within: Duration::from_secs(1),
};

/// Where a request stands between its attempts.
pub(super) struct Attempts<'a> {
    outbound: &'a Outbound<'a>,
    place: Place,
    /// In the cell of `place`. `None` once it went to the answer.
    permit: Option<Permit>,
    fault: &'a FaultCell,
    streams: bool,
    replayed: bool,
    retried: bool,
}

/// What a node's answer comes to.
enum Judged {
    Answer(Box<Answer>),
    Moved(Place),
    Broken(AnswerBroken),
}

impl<'a> Attempts<'a> {
    /// # Errors
    /// `overloaded` when the cell has no place.
    pub(super) fn begin(
        outbound: &'a Outbound<'a>,
        place: Place,
        streams: bool,
        fault: &'a FaultCell,
    ) -> Result<Self, Refusal> {
        let mut attempts = Self {
            outbound,
            place,
            permit: None,
            fault,
            streams,
            replayed: false,
            retried: false,
        };
        attempts.go(place)?;
        Ok(attempts)
    }

    /// # Errors
    /// The problem that the app is told.
    pub(super) async fn run(&mut self, mut body: RequestBody) -> Result<Answer, Refusal> {
        loop {
            let again = body.again();
            let request = self.outbound.request(body, self.place);
            let failed = match self.pool().send(request, self.fault).await {
                Ok(answer) => match self.judge(answer).await? {
                    Judged::Answer(answer) => return Ok(*answer),
                    Judged::Moved(to) => {
                        let (Some(copy), false) = (again, self.replayed) else {
                            return Err(moving());
                        };
                        self.replayed = true;
                        self.go(to)?;
                        body = copy;
                        continue;
                    }
                    Judged::Broken(error) => {
                        self.pool().broke_off(self.fault);
                        SendError::Broken(error)
                    }
                },
                Err(failed) => failed,
            };
            body = self.retry(failed, again).await?;
            self.retried = true;
            self.go(self.learned())?;
        }
    }

    /// The deadline has passed. The node where the request is by now did not answer in time, unless it was the app
    /// that took it.
    pub(super) fn out_of_time(&self) {
        if !self.streams {
            self.pool().failed();
        }
    }

    fn pool(&self) -> &'a NodePool {
        self.outbound.means.snapshot.pool(self.place.node)
    }

    /// Takes a place for the request where it goes next.
    fn go(&mut self, to: Place) -> Result<(), Refusal> {
        self.place = to;
        let cell = &self.pool().cell;
        if self.permit.as_ref().is_some_and(|permit| permit.is_of(cell)) {
            return Ok(());
        }
        let mut permit = cell.admit().ok_or_else(|| overloaded(cell))?;
        if self.streams && !permit.stream() {
            return Err(overloaded(cell));
        }
        self.permit = Some(permit);
        Ok(())
    }

    /// Where the shard is by now: another request may have learned it meanwhile.
    fn learned(&self) -> Place {
        let means = self.outbound.means;
        let overrides = means.known.overrides.read();
        overrides
            .find(&means.snapshot.table, self.place.shard, means.clock.unix_ms())
            .unwrap_or(self.place)
    }

    /// Passes an answer on, or reads where the shard has moved to.
    async fn judge(&mut self, answer: Response<Incoming>) -> Result<Judged, Refusal> {
        match moved::read(answer).await {
            Verdict::Other(answer) => self.pass_on(answer).await,
            Verdict::NotMoved(parts, bytes) => Ok(whole(parts, bytes)),
            Verdict::Moved(said) => {
                self.pool().cell.meters.moved.increment(1);
                self.learn(said.ok_or_else(moving)?).map(Judged::Moved)
            }
        }
    }

    /// A small answer is kept, so that nothing of the cell waits for the app to read it; a larger one streams.
    async fn pass_on(&mut self, answer: Response<Incoming>) -> Result<Judged, Refusal> {
        let means = self.outbound.means;
        let (parts, body) = answer.into_parts();
        if response::is_small(&body) {
            return Ok(match response::keep(body, means.limits.answer_idle).await {
                Ok(bytes) => whole(parts, bytes),
                Err(error) => Judged::Broken(error),
            });
        }
        let mut permit = self
            .permit
            .take()
            .expect("a request that is under way has a place");
        // What was executed is not refused any more.
        if !permit.stream() && self.outbound.safe {
            return Err(overloaded(&self.pool().cell));
        }
        let watch = (means.clock, means.tasks);
        let body = NodeBody::begin(body, permit, means.app, means.limits.answer_idle, watch);
        Ok(finished(parts, OutBody::Node(Box::new(body))))
    }

    fn learn(&self, said: Moved) -> Result<Place, Refusal> {
        let means = self.outbound.means;
        let (table, now_ms) = (&means.snapshot.table, means.clock.unix_ms());
        let learned = means
            .known
            .overrides
            .write()
            .learn(table, self.place.shard, said, now_ms);
        learned.map_err(|error| {
            tracing::warn!(node = %self.pool().node, %error, "a node's `moved` is not followed");
            moving()
        })
    }

    /// The body for a second attempt, if there may be one and the cell's budget pays for it.
    async fn retry(&self, failed: SendError, again: Option<RequestBody>) -> Result<RequestBody, Refusal> {
        match failed {
            SendError::NotSent(request, None) if self.pay() => Ok(request.into_body()),
            SendError::NotSent(_, None) => Err(unavailable()),
            SendError::NotSent(request, Some(why)) => {
                tracing::debug!(error = &why as &dyn std::error::Error, "a node cannot be reached");
                if matches!(why, Unreachable::BreakerOpen(_)) || !self.pay() {
                    return Err(unavailable());
                }
                self.outbound.means.clock.sleep(BACKOFF.wait(1)).await;
                Ok(request.into_body())
            }
            SendError::Broken(error) => {
                if let Some(fault) = self.fault.get() {
                    return Err(body_refused(fault, self.outbound.means.limits.body));
                }
                tracing::debug!(%error, "an exchange with a node broke off");
                match again {
                    Some(copy) if self.outbound.repeatable && self.pay() => Ok(copy),
                    _ if self.outbound.safe => Err(unavailable()),
                    _ => Err(Box::new(
                        Problem::new(Code::OutcomeUnknown).retry_after_s(RETRY_AFTER_S),
                    )),
                }
            }
        }
    }

    /// One retry for a request, out of its cell's budget.
    fn pay(&self) -> bool {
        let cell = &self.pool().cell;
        let paid = !self.retried && cell.budget.spend();
        if paid {
            cell.meters.retries.increment(1);
        }
        paid
    }
}

fn finished(parts: Parts, body: OutBody) -> Judged {
    let mut answer = Response::from_parts(parts, body);
    headers::for_app(answer.headers_mut());
    Judged::Answer(Box::new(answer))
}

fn whole(parts: Parts, bytes: Bytes) -> Judged {
    finished(parts, OutBody::Own(bytes))
}

fn overloaded(cell: &Arc<Cell>) -> Refusal {
    cell.meters.overloaded.increment(1);
    Box::new(Problem::new(Code::Overloaded).retry_after_s(RETRY_AFTER_S))
}

fn moving() -> Refusal {
    Box::new(Problem::new(Code::Moving).retry_after_s(RETRY_AFTER_S))
}

fn unavailable() -> Refusal {
    Box::new(Problem::new(Code::Unavailable).retry_after_s(RETRY_AFTER_S))
}
