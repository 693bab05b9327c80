//! The way of one request: checks, caller, decision, forwarding; then what every answer carries and what is counted.
//!
//! Whatever goes wrong ends as a [`Problem`] with a stable code. Nothing that names a person is logged or counted.

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderValue, Request, Response, Version, header};
use hyper::body::Incoming;
use platform_model::{Code, HomeId, Problem, RoutingTable};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use platform_token::Verifier;
use router_table::{Caller, Decision, Door as PathDoor, Moment, RequestHead, Route, RouteClass, decide};

use crate::answer::{self, OutBody};
use crate::apps::Activity;
use crate::faults::Faults;
use crate::forward::{self, ForwardLimits, Means, Outbound};
use crate::hold::Holds;
use crate::meters::{self, CellMeters};
use crate::request::cors::Cors;
use crate::request::{caller, headers};
use crate::snapshot::{Known, Snapshot};
use crate::upstream::Cell;

type Refusal = Box<Problem>;
type Answer = Response<OutBody>;

/// What all requests share.
pub struct Door {
    pub known: Arc<Known>,
    pub holds: Arc<Holds>,
    pub verifier: Verifier,
    pub clock: Clock,
    pub cors: Cors,
    pub limits: ForwardLimits,
    pub header_bytes_max: u64,
    /// For answers that no cell gave.
    pub meters: CellMeters,
    pub faults: Faults,
    /// Where answers that stream are watched.
    pub tasks: TaskGroup,
}

/// What is known of one request while it is answered, for log and metrics.
struct Note {
    began: Duration,
    id: HeaderValue,
    method: &'static str,
    version: Version,
    class: RouteClass,
    cell: Option<Arc<Cell>>,
}

impl Door {
    /// Answers one request that came on the connection of `app`. `refused` ends if the framing of this request is
    /// found bad, in its head or under way.
    pub async fn answer(
        &self,
        request: Request<Incoming>,
        refused: impl Future<Output = Code>,
        app: &Arc<Activity>,
    ) -> Answer {
        let (parts, body) = request.into_parts();
        let mut note = Note::new(&self.clock, &parts);
        let outcome = tokio::select! {
            biased;
            code = refused => Err(Box::new(Problem::new(code))),
            outcome = self.outcome(&mut note, &parts, body, app) => outcome,
        };
        let mut response = outcome.unwrap_or_else(|problem| {
            meters::refused(problem.code);
            answer::problem(&problem)
        });
        self.stamp(&note, parts.headers.get(header::ORIGIN), &mut response);
        self.count(&note, &response);
        response.map(|body| body.held_by(app))
    }

    async fn outcome(
        &self,
        note: &mut Note,
        parts: &Parts,
        body: Incoming,
        app: &Arc<Activity>,
    ) -> Result<Answer, Refusal> {
        let host = headers::check(parts, self.header_bytes_max)?;
        if let Some(answer) = self.cors.preflight(&parts.method, &parts.headers) {
            return Ok(answer);
        }
        let snapshot = self.known.snapshot.load_full();
        self.faults.before_routing().await?;
        note.class = PathDoor::of(parts.method.as_str(), parts.uri.path())?.class();
        let route = self.route(&snapshot, parts, &host)?;
        note.cell = Some(Arc::clone(&snapshot.pool(route.place.node).cell));
        let means = Means {
            known: &self.known,
            holds: &self.holds,
            decide: &|snapshot| self.route(snapshot, parts, &host),
            rehome: &|home, user_epoch| self.rehome(parts, home, user_epoch),
            faults: &self.faults,
            limits: self.limits,
            clock: &self.clock,
            tasks: &self.tasks,
            app,
        };
        Outbound::new(means, parts, &host, &note.id)?
            .run(body, snapshot, route)
            .await
    }

    fn named(&self, plain: &RoutingTable, parts: &Parts) -> Result<Option<caller::Named>, Refusal> {
        let door = PathDoor::of(parts.method.as_str(), parts.uri.path())?;
        Ok(match door {
            PathDoor::Homed(_) => {
                let now_s = self.clock.unix_s();
                Some(caller::access(&parts.headers, &self.verifier, plain, now_s)?)
            }
            PathDoor::Refresh => Some(caller::refresh(&parts.headers)?),
            _ => None,
        })
    }

    /// A node has said that the caller lives in another home than his token says.
    fn rehome(&self, parts: &Parts, home: &HomeId, user_epoch: u64) {
        let snapshot = self.known.snapshot.load_full();
        if !snapshot.plain.homes.contains_key(home) {
            return;
        }
        if let Ok(Some(named)) = self.named(&snapshot.plain, parts) {
            let user = named.caller().user;
            let mut homes = self.known.homes.write();
            homes.learn(user, home.clone(), user_epoch, self.clock.unix_ms());
        }
    }

    fn route(&self, snapshot: &Snapshot, parts: &Parts, host: &str) -> Result<Route, Refusal> {
        let named = self.named(&snapshot.plain, parts)?;
        let caller = named.as_ref().map(caller::Named::caller);
        let lives = caller.and_then(|caller| {
            let homes = self.known.homes.read();
            homes
                .find(caller.user, caller.home, self.clock.unix_ms())
                .cloned()
        });
        let Some((caller, lives)) = caller.zip(lives.as_ref()) else {
            return self.decided(snapshot, parts, host, caller);
        };
        let there = Some(Caller {
            home: lives,
            ..caller
        });
        match self.decided(snapshot, parts, host, there) {
            // He came by the name of the home before: that was right until he moved.
            Err(problem) if problem.code == Code::WrongHost => {
                let before = self.decided(snapshot, parts, host, Some(caller));
                if before.is_err_and(|problem| problem.code == Code::WrongHost) {
                    return Err(problem);
                }
                self.decided(snapshot, parts, snapshot.table.common_host(), there)
            }
            other => other,
        }
    }

    fn decided(
        &self,
        snapshot: &Snapshot,
        parts: &Parts,
        host: &str,
        caller: Option<Caller<'_>>,
    ) -> Result<Route, Refusal> {
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        let idempotency_key = headers::idempotency_key(&parts.headers)?;
        let head = RequestHead {
            method,
            host,
            path,
            caller,
            idempotency_key,
        };
        let decision = decide(
            &snapshot.table,
            &self.known.overrides.read(),
            &head,
            Moment {
                now_ms: self.clock.unix_ms(),
                table_age_ms: self.known.age_ms().unwrap_or(u64::MAX),
            },
        );
        match decision {
            Decision::Forward(route) => Ok(self.faults.reroute(&snapshot.table, &head, route)),
            Decision::Answer(_, problem) => Err(problem),
        }
    }

    fn stamp(&self, note: &Note, origin: Option<&HeaderValue>, response: &mut Answer) {
        let headers = response.headers_mut();
        headers.insert(platform_model::header::REQUEST_ID, note.id.clone());
        if let Some(age_ms) = self.known.age_ms() {
            headers.insert(platform_model::header::TABLE_AGE, age_ms.into());
        }
        self.cors.stamp(origin, headers);
    }

    fn count(&self, note: &Note, response: &Answer) {
        let took = self.clock.monotonic().saturating_sub(note.began);
        let meters = note.cell.as_ref().map_or(&self.meters, |cell| &cell.meters);
        meters.answered(note.class, response.status(), took);
        tracing::info!(
            target: "access",
            request = note.id.to_str().unwrap_or_default(),
            class = note.class.as_str(),
            method = note.method,
            protocol = ?note.version,
            cell = note.cell.as_ref().map_or(meters::DOOR, |cell| cell.id.as_str()),
            status = response.status().as_u16(),
            us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        );
    }
}

impl Note {
    fn new(clock: &Clock, parts: &Parts) -> Self {
        Self {
            began: clock.monotonic(),
            id: forward::request_id(),
            method: method_label(parts.method.as_str()),
            version: parts.version,
            class: RouteClass::Other,
            cell: None,
        }
    }
}

/// Methods are free text: only the usual ones are written down.
fn method_label(method: &str) -> &'static str {
    const USUAL: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    USUAL
        .into_iter()
        .find(|usual| *usual == method)
        .unwrap_or("other")
}
