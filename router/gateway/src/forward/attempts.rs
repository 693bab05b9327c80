//! The attempts of one request: at most five.
//!
//! Once; once more after `moved` and after `home-moved` (refused before it was executed); once more if its connection was gone before it took
//! the request, out of the cell's budget; once more after it was held, which costs no budget. Nothing streams twice.
//! Wherever the request goes next, it takes a place in that node's cell before it leaves the one that it has; while it
//! is held it has none. After that it is decided anew, by the table of then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::response::Parts;
use hyper::body::Incoming;
use platform_model::{Code, HomeId, Problem, ShardId};
use router_table::{Moved, Place, Route, RouteClass, ShardIndex};

use super::salvage::{Failed, told};
use super::{Answer, Means, Outbound, RETRY_AFTER_S, Refusal};
use crate::answer::OutBody;
use crate::hold::Why;
use crate::hold::bounds::Room;
use crate::hold::held::Turn;
use crate::moved::{self, Verdict};
use crate::request::body::{FaultCell, RequestBody};
use crate::request::headers;
use crate::snapshot::Snapshot;
use crate::upstream::{AnswerBroken, Cell, NodeBody, NodePool, Permit, Way, response};

/// How long a node may take before the router looks whether the shard has another primary meanwhile.
const PATIENCE: Duration = Duration::from_millis(250);
/// What a primary that was replaced has to answer what it was sent, if that can be sent again, and if not.
const GRACE: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];

/// Where a request stands between its attempts.
pub(super) struct Attempts<'a> {
    outbound: &'a Outbound<'a>,
    snapshot: Arc<Snapshot>,
    place: Place,
    /// Any shard of its home takes the request, and only that one knows which it is for: a login.
    any_of_home: bool,
    /// In the cell of `place`. `None` while it is held, and once it went to the answer.
    permit: Option<Permit>,
    fault: &'a FaultCell,
    streams: bool,
    moved: bool,
    /// It follows a person to another home.
    rehomed: bool,
    /// It is of a person whom a token names, so that it may follow him.
    of_person: bool,
    retried: bool,
    held: bool,
    /// It waits in a line now.
    waits: Option<Why>,
}

/// What an attempt comes to.
enum Outcome {
    Answer(Box<Answer>),
    Moved(Place),
    /// To the person's home of now.
    Rehomed(Place),
    Failed(Failed),
}

impl<'a> Attempts<'a> {
    pub(super) fn new(
        outbound: &'a Outbound<'a>,
        (snapshot, route): (Arc<Snapshot>, Route),
        streams: bool,
        fault: &'a FaultCell,
    ) -> Self {
        Self {
            outbound,
            snapshot,
            place: route.place,
            any_of_home: route.class == RouteClass::Login,
            permit: None,
            fault,
            streams,
            moved: false,
            rehomed: false,
            of_person: matches!(route.class, RouteClass::Refresh) || route.class.needs_access_token(),
            retried: false,
            held: false,
            waits: None,
        }
    }

    /// `room`: in the line of the shard, which is held already.
    ///
    /// # Errors
    /// The problem that the app is told.
    pub(super) async fn run(
        &mut self,
        mut body: RequestBody,
        room: Option<(Room, Why)>,
    ) -> Result<Answer, Refusal> {
        let mut turn = match room {
            Some((room, why)) => Some(self.wait(room, why).await?),
            None => {
                self.go(self.place)?;
                None
            }
        };
        loop {
            let again = body.again();
            let failed = match (self.attempt(body, turn.as_mut()).await?, &again) {
                (Outcome::Answer(answer), _) => {
                    if let Some(turn) = turn {
                        turn.answered();
                    }
                    return Ok(*answer);
                }
                (Outcome::Moved(to), Some(copy)) if !self.moved => {
                    self.moved = true;
                    self.go(to)?;
                    body = copy.again().expect("a copy can be copied");
                    continue;
                }
                (Outcome::Rehomed(to), Some(copy)) if !self.rehomed => {
                    self.rehomed = true;
                    if let Some(turn) = turn.take() {
                        // The shard that was asked answers.
                        turn.answered();
                    }
                    self.go(to)?;
                    body = copy.again().expect("a copy can be copied");
                    continue;
                }
                (Outcome::Moved(_) | Outcome::Rehomed(_), _) => Failed::Refused,
                (Outcome::Failed(failed), _) => failed,
            };
            let (why, at_once) = (failed.why(), failed.connection_only());
            body = failed.salvage(self.outbound, again, self.fault)?;
            if at_once && self.pay() {
                self.go(self.learned())?;
                continue;
            }
            turn = Some(self.hold(&body, why, turn.take()).await?);
        }
    }

    /// The deadline has passed. The node where the request is by now did not answer in time, unless it was the app
    /// that took it.
    pub(super) fn out_of_time(&self) -> Refusal {
        if let Some(why) = self.waits {
            return told(why);
        }
        if !self.streams {
            self.pool().failed();
        }
        Box::new(Problem::new(Code::Timeout).retry_after_s(RETRY_AFTER_S))
    }

    fn pool(&self) -> &Arc<NodePool> {
        self.snapshot.pool(self.place.node)
    }

    /// Takes a place for the request where it goes next.
    fn go(&mut self, to: Place) -> Result<(), Refusal> {
        self.place = to;
        let cell = Arc::clone(&self.pool().cell);
        if self.permit.as_ref().is_some_and(|permit| permit.is_of(&cell)) {
            return Ok(());
        }
        let mut permit = cell.admit().ok_or_else(|| overloaded(&cell))?;
        if self.streams && !permit.stream() {
            return Err(overloaded(&cell));
        }
        self.permit = Some(permit);
        Ok(())
    }

    /// Where the shard is by now: another request may have learned it meanwhile.
    fn learned(&self) -> Place {
        let means = self.outbound.means;
        let overrides = means.known.overrides.read();
        overrides
            .find(&self.snapshot.table, self.place.shard, means.clock.unix_ms())
            .unwrap_or(self.place)
    }

    /// Holds the request for the first time; a second time is once too often.
    async fn hold(&mut self, body: &RequestBody, why: Why, turn: Option<Turn>) -> Result<Turn, Refusal> {
        let means = self.outbound.means;
        if let Some(turn) = turn {
            turn.refused(why, means.clock.monotonic());
        }
        if self.held {
            return Err(told(why));
        }
        let held = means
            .holds
            .begin(self.snapshot.table.shard(self.place.shard), why);
        let bytes = self.outbound.head.bytes() + body.kept_bytes();
        let room = means.holds.room(&held, bytes, &self.pool().cell);
        let room = room.map_err(|not_held| not_held.problem(why, RETRY_AFTER_S))?;
        self.wait(room, why).await
    }

    /// Waits in the line of the shard, then is decided anew.
    async fn wait(&mut self, room: Room, why: Why) -> Result<Turn, Refusal> {
        let means = self.outbound.means;
        let shard = self.snapshot.table.shard(self.place.shard).clone();
        (self.permit, self.held, self.waits) = (None, true, Some(why));
        let turn = means.holds.wait(&shard, why, room).await;
        let turn = turn.map_err(|not_held| not_held.problem(why, RETRY_AFTER_S))?;
        self.waits = None;
        let snapshot = means.known.snapshot.load_full();
        let mut place = (means.decide)(&snapshot)?.place;
        let rehomed = self.of_person && snapshot.table.shard(place.shard).home() != shard.home();
        if *snapshot.table.shard(place.shard) != shard && !rehomed {
            // Someone new would be taken elsewhere by now: that is for a request of its own.
            let stays = self.any_of_home.then_some(&snapshot.table);
            let index = stays.and_then(|table| table.shard_index(&shard));
            let known = index.and_then(|index| {
                means
                    .known
                    .place_of(&snapshot.table, index, means.clock.unix_ms())
            });
            place = known.ok_or_else(|| told(Why::Moving))?;
        }
        self.snapshot = snapshot;
        self.go(place)?;
        Ok(turn)
    }

    /// Sends the request once and reads what the answer means.
    async fn attempt(&mut self, body: RequestBody, turn: Option<&mut Turn>) -> Result<Outcome, Refusal> {
        let request = self.outbound.request(body, &self.snapshot, self.place);
        let (pool, means, fault) = (Arc::clone(self.pool()), self.outbound.means, self.fault);
        let sent = AtomicBool::new(false);
        let way = Way {
            fault,
            turn,
            sent: &sent,
        };
        let grace = GRACE[usize::from(!self.outbound.repeatable)];
        let replaced = replaced(means, Arc::clone(&self.snapshot), self.place, grace);
        let exchange = async {
            match pool.send(request, way).await {
                Ok(answer) => self.judge(answer).await,
                Err(failed) => Ok(Outcome::Failed(failed.into())),
            }
        };
        tokio::select! {
            biased;
            outcome = exchange => outcome,
            () = replaced => {
                pool.broke_off(fault);
                let executed = sent.load(Ordering::Relaxed);
                let failed = if executed { Failed::Unknown(None) } else { Failed::Refused };
                Ok(Outcome::Failed(failed))
            }
        }
    }

    /// Passes an answer on, or reads where the shard has moved to.
    async fn judge(&mut self, answer: Response<Incoming>) -> Result<Outcome, Refusal> {
        match moved::read(answer).await {
            Verdict::Other(answer) => self.pass_on(answer).await,
            Verdict::Whole(parts, bytes) => Ok(whole(parts, bytes)),
            Verdict::Moving => Ok(Outcome::Failed(Failed::Refused)),
            Verdict::HomeMoved(said) => {
                let to = said.and_then(|(home, user_epoch)| self.rehome(home, user_epoch));
                Ok(to.map_or(Outcome::Failed(Failed::Refused), Outcome::Rehomed))
            }
            Verdict::Moved(said) => {
                self.pool().cell.meters.moved.increment(1);
                let to = said.and_then(|said| self.learn(said));
                Ok(to.map_or(Outcome::Failed(Failed::Refused), Outcome::Moved))
            }
        }
    }

    /// A small answer is kept, so that nothing of the cell waits for the app to read it; a larger one streams.
    async fn pass_on(&mut self, answer: Response<Incoming>) -> Result<Outcome, Refusal> {
        let means = self.outbound.means;
        let (parts, body) = answer.into_parts();
        if response::is_small(&body) {
            return Ok(match response::keep(body, means.limits.answer_idle).await {
                Ok(bytes) => whole(parts, bytes),
                Err(error) => self.broken(error),
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

    fn broken(&self, error: AnswerBroken) -> Outcome {
        self.pool().broke_off(self.fault);
        Outcome::Failed(Failed::Unknown(Some(error)))
    }

    fn learn(&self, said: Moved) -> Option<Place> {
        let means = self.outbound.means;
        let now_ms = means.clock.unix_ms();
        let table = &self.snapshot.table;
        let asked = self.asked(&said.shard);
        let learned = means.known.learn(table, asked, said, now_ms);
        learned
            .inspect_err(|error| {
                tracing::warn!(node = %self.pool().node, %error, "a node's `moved` is not followed");
            })
            .ok()
    }

    /// Where the person lives by now; taken only from the node that the table names for the shard where he lived, and only where
    /// the law lets this router process for that home.
    fn rehome(&self, home: HomeId, user_epoch: u64) -> Option<Place> {
        let (means, table) = (self.outbound.means, &self.snapshot.table);
        let named = means
            .known
            .place_of(table, self.place.shard, means.clock.unix_ms());
        if !self.of_person || named.is_none_or(|named| named.node != self.place.node) {
            return None;
        }
        (means.rehome)(&home, user_epoch);
        let route = (means.decide)(&self.snapshot);
        let route = route.inspect_err(|problem| {
            tracing::warn!(node = %self.pool().node, %home, code = %problem.code, "a node's `home-moved` is not followed");
        });
        let place = route.ok()?.place;
        (table.shard(place.shard).home() == Some(&home)).then_some(place)
    }

    /// The shard that a node speaks of: the one that it was asked for, or of a request that any shard of a home takes
    /// another of that home.
    fn asked(&self, said: &ShardId) -> ShardIndex {
        let (table, own) = (&self.snapshot.table, self.place.shard);
        let same_home = table.shard(own).home() == said.home();
        let other = (self.any_of_home && same_home).then(|| table.shard_index(said));
        other.flatten().unwrap_or(own)
    }

    /// One retry for a request, out of its cell's budget.
    fn pay(&mut self) -> bool {
        let cell = &self.pool().cell;
        let paid = !self.retried && cell.budget.spend();
        if paid {
            cell.meters.retries.increment(1);
        }
        self.retried |= paid;
        paid
    }
}

/// Returns when the shard has been in a later epoch than the one that the request was sent in for `grace`, and the
/// node has not answered yet: a primary that was replaced may be stopped, or cut off.
async fn replaced(means: Means<'_>, sent_by: Arc<Snapshot>, to: Place, grace: Duration) {
    means.clock.sleep(PATIENCE).await;
    let mut changes = means.known.changes();
    let shard = sent_by.table.shard(to.shard);
    loop {
        changes.borrow_and_update();
        let now = means.known.place(shard, means.clock.unix_ms());
        if now.is_some_and(|(_, now)| now.epoch > to.epoch) {
            return means.clock.sleep(grace).await;
        }
        if changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn finished(parts: Parts, body: OutBody) -> Outcome {
    let mut answer = Response::from_parts(parts, body);
    headers::for_app(answer.headers_mut());
    Outcome::Answer(Box::new(answer))
}

fn whole(parts: Parts, bytes: Bytes) -> Outcome {
    finished(parts, OutBody::Own(bytes))
}

fn overloaded(cell: &Arc<Cell>) -> Refusal {
    cell.meters.overloaded.increment(1);
    Box::new(Problem::new(Code::Overloaded).retry_after_s(RETRY_AFTER_S))
}
