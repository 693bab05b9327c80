//! One relay: the pure machine of `cell-relay` over the outbox of one shard, for one term of it.
//!
//! It begins with all that lies in the outbox, and goes on with what the committer hands over. What was delivered is
//! removed; a failover in between delivers it again, and the receiver's mark knows it. A destination that stays away holds
//! only its own events, with a pause that grows; they wait in the outbox, on disk.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use cell_layers::event::Posted;
use cell_relay::{Answer, EventKey, Relay, RelayAction};
use cell_shard::{Found, OutboxError, OutboxKey, OutboxRow, Shard, Taken};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use platform_model::RootRef;
use platform_runtime::CancellationToken;
use platform_wire::events::EventAt;

use super::Parts;
use super::send::{Batch, Came, Sent, Waiting};
use authors::{Author, Authors, Fullness};
use destinations::{Destinations, Heading};

pub(super) use destinations::Place;

mod authors;
pub(super) mod destinations;

/// Events that may wait in the outbox of one shard; past it, what would add one is refused as overloaded.
const WAITING_MAX: usize = 200_000;
/// More than that of what takes back: who is let go, or what is removed, is not shown for as long as others are away.
const TAKEN_BACK_MAX: usize = 100_000;
/// Rows that are kept in memory; others are read again when their turn comes.
const ROWS_KEPT: usize = 4_096;
/// Rows that are removed at once, and how long fewer than that may wait.
const CLEAR_AT: usize = 128;
const CLEAR_AFTER: Duration = Duration::from_millis(20);
/// How long one root is left alone that cannot take an event now.
const LATER: Duration = Duration::from_millis(500);
/// Longest sleep of a relay that has nothing to do.
const IDLE: Duration = Duration::from_secs(1);
/// How soon a relay looks again that has many roots to look through.
const ROOTS_PER_LOOK: usize = 1_000;
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What is kept of each event that waits, wherever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    heading: Heading,
    /// None: nobody can read whose it is.
    author: Option<Author>,
}

/// What came back of something that runs beside.
enum Done {
    Sent(Sent),
    Cleared(Vec<OutboxKey>, Result<(), OutboxError>),
}

pub(super) struct Running {
    parts: Arc<Parts>,
    shard: Shard,
    relay: Relay<Told>,
    destinations: Destinations,
    authors: Authors,
    rows: HashMap<OutboxKey, OutboxRow>,
    beside: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Roots that could not take an event, until when they are left alone.
    later: BinaryHeap<Reverse<(u64, RootRef, EventKey)>>,
    delivered: Vec<OutboxKey>,
    /// Since when the first of them waits to be removed.
    delivered_since: Option<u64>,
    clearing: bool,
    looked_at: u64,
    /// Roots with an event that cannot be read.
    stopped: BTreeSet<RootRef>,
    gauge: metrics::Gauge,
}

/// The outbox could not be read: the term is over, or its store is away.
struct Ended;

impl Running {
    pub(super) fn new(parts: Arc<Parts>, shard: Shard) -> Self {
        let gauge = metrics::gauge!("celld_outbox_events", "shard" => shard.id().to_string());
        Self {
            parts,
            shard,
            // What was sent comes back, or fails by its call's deadline: the machine need not send it again by itself.
            relay: Relay::new(u64::MAX),
            destinations: Destinations::default(),
            authors: Authors::default(),
            rows: HashMap::new(),
            beside: FuturesUnordered::new(),
            later: BinaryHeap::new(),
            delivered: Vec::new(),
            delivered_since: None,
            clearing: false,
            looked_at: 0,
            stopped: BTreeSet::new(),
            gauge,
        }
    }

    /// Until the term ends. Cancel-safe at every point: what was under way is sent again by the next relay.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let ended = self.shard.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = ended.ended() => {}
            _ = self.go() => {}
        }
    }

    async fn go(&mut self) -> Result<(), Ended> {
        self.read_outbox().await?;
        loop {
            self.clear();
            self.send_due();
            let (clock, pause) = (self.parts.clock.clone(), self.pause());
            let shard = self.shard.clone();
            tokio::select! {
                alive = shard.emitted() => {
                    if !alive {
                        return Err(Ended);
                    }
                    self.take_in().await?;
                }
                Some(done) = self.beside.next(), if !self.beside.is_empty() => self.came_back(done),
                () = clock.sleep(pause) => {}
            }
        }
    }

    /// Everything that is committed and was not delivered before.
    async fn read_outbox(&mut self) -> Result<(), Ended> {
        let mut walk = self.shard.outbox();
        loop {
            match walk.page().await {
                Ok(Some(found)) => {
                    for found in found {
                        match found {
                            Found::Row(row) => self.feed(row),
                            Found::Unreadable(key) => self.stop_root(&key),
                        }
                    }
                    self.note_waiting();
                    // A long outbox keeps nobody from the thread.
                    tokio::task::yield_now().await;
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    tracing::warn!(shard = %self.shard.id(), %error, "the outbox cannot be read");
                    self.parts.clock.sleep(LATER).await;
                    if self.shard.status().ended.is_some() {
                        return Err(Ended);
                    }
                }
            }
        }
    }

    /// What its root is told after it must not overtake it: until somebody reads it, the root's events wait.
    fn stop_root(&mut self, key: &OutboxKey) {
        if self.stopped.insert(key.to) {
            metrics::counter!("celld_events_unreadable_total").increment(1);
            tracing::error!(shard = %self.shard.id(), to = %key.to, "an event of a later version, or a damaged one, waits with all behind it");
        }
    }

    async fn take_in(&mut self) -> Result<(), Ended> {
        match self.shard.take_emitted() {
            Taken::Rows(rows) => rows.into_iter().for_each(|row| self.feed(row)),
            Taken::PassedOver => self.read_outbox().await?,
        }
        self.note_waiting();
        Ok(())
    }

    fn feed(&mut self, row: OutboxRow) {
        if self.stopped.contains(&row.key.to) {
            return;
        }
        let key = key_of(&row.key);
        // A repeat was read twice: from the outbox and from the committer's hand.
        if self.relay.has_seen(row.key.to, key) {
            return;
        }
        let posted = Posted::read(&row.payload);
        let table = self.parts.followed.current();
        let told = posted.as_ref().map(|posted| self.authors.told(posted.from));
        self.note_author(told.and_then(|(_, changed)| changed));
        let told = Told {
            heading: self.destinations.of(&table, &row.key, posted.as_ref()),
            author: told.map(|(author, _)| author),
        };
        self.relay.committed(row.key.to, key, told);
        if self.rows.len() < ROWS_KEPT {
            self.rows.insert(row.key, row);
        }
    }

    fn note_author(&self, changed: Option<Fullness>) {
        if let Some(Fullness { root, full, over }) = changed {
            tracing::warn!(shard = %self.shard.id(), %root, full, "what one person tells waits");
            self.shard.set_outbox_full_of(root, full, over);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 events wait")]
    fn note_waiting(&self) {
        let waiting = self.relay.waiting();
        self.shard
            .set_outbox_full(waiting >= WAITING_MAX, waiting >= WAITING_MAX + TAKEN_BACK_MAX);
        self.gauge.set(waiting as f64);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.parts.clock.monotonic().as_micros()).unwrap_or(u64::MAX)
    }

    fn send_due(&mut self) {
        let now = self.now();
        let crowded = self.relay.roots() > ROOTS_PER_LOOK;
        if crowded && now - self.looked_at < micros(LOOK_AGAIN) {
            return;
        }
        self.looked_at = now;
        while let Some(Reverse((due, root, key))) = self.later.peek().copied()
            && due <= now
        {
            self.later.pop();
            self.relay.failed(root, key);
        }
        let destinations = &self.destinations;
        for action in self.relay.tick(now, |told| destinations.holds(told.heading, now)) {
            if let RelayAction::Deliver {
                to,
                key,
                low,
                payload,
            } = action
            {
                let key = outbox_key(to, key);
                self.destinations
                    .queue(payload.heading, Waiting { key, low: low.at });
            }
        }
        self.send_queued(now);
    }

    fn send_queued(&mut self, now: u64) {
        for (heading, to, waiting) in self.destinations.due(now) {
            let rows = waiting.iter().map(|one| self.rows.get(&one.key).cloned());
            let batch = Batch {
                rows: rows.collect(),
                waiting,
                to,
            };
            let (parts, shard) = (Arc::clone(&self.parts), self.shard.clone());
            let sending = async move { Done::Sent(parts.send(&shard, heading.number(), batch).await) };
            self.beside.push(Box::pin(sending));
        }
    }

    fn came_back(&mut self, done: Done) {
        match done {
            Done::Sent(sent) => self.sent(sent),
            Done::Cleared(_, Ok(())) => {
                self.clearing = false;
                self.relay.forget_idle();
                self.note_waiting();
            }
            Done::Cleared(keys, Err(error)) => {
                tracing::debug!(shard = %self.shard.id(), %error, "delivered events are removed later");
                self.clearing = false;
                self.delivered.extend(keys);
                let now = self.now();
                self.delivered_since.get_or_insert(now);
            }
        }
    }

    fn sent(&mut self, sent: Sent) {
        let now = self.now();
        self.destinations
            .came_back(sent.heading, now, sent.unreached.is_some());
        for (key, came) in sent.came {
            let event = key_of(&key);
            // Whatever became of it, it is looked for anew before it goes out again: it may be set aside by now.
            self.rows.remove(&key);
            match came {
                Came::Delivered => {
                    self.acknowledge(&key, event);
                    self.delivered.push(key);
                    self.delivered_since.get_or_insert(now);
                }
                Came::Gone => self.acknowledge(&key, event),
                Came::Moved => {
                    // The table is asked again when it goes out again.
                    let _ = self.relay.answered(key.to, event, Answer::Moved);
                    self.later.push(Reverse((now + micros(LATER) / 5, key.to, event)));
                }
                Came::Later(why) => {
                    tracing::debug!(shard = %self.shard.id(), to = %key.to, why, "an event waits");
                    self.later.push(Reverse((now + micros(LATER), key.to, event)));
                }
                Came::Unreached => self.relay.failed(key.to, event),
            }
        }
    }

    fn acknowledge(&mut self, key: &OutboxKey, event: EventKey) {
        let first = self.relay.first(key.to).filter(|(first, _)| *first == event);
        // An answer that comes twice changes nothing.
        if self.relay.answered(key.to, event, Answer::Delivered).is_ok() {
            let author = first.and_then(|(_, told)| told.author);
            let changed = author.and_then(|author| self.authors.went(author));
            self.note_author(changed);
        }
    }

    /// Removes what was delivered, some at once.
    fn clear(&mut self) {
        let waits = self.delivered_since.map(|since| self.now() - since);
        let due = self.delivered.len() >= CLEAR_AT || waits.is_some_and(|waits| waits >= micros(CLEAR_AFTER));
        if self.clearing || self.delivered.is_empty() || !due {
            return;
        }
        self.clearing = true;
        self.delivered_since = None;
        let keys = std::mem::take(&mut self.delivered);
        let shard = self.shard.clone();
        self.beside.push(Box::pin(async move {
            let cleared = shard.clear_outbox(&keys).await;
            Done::Cleared(keys, cleared)
        }));
    }

    /// Until something is due by the clock.
    fn pause(&self) -> Duration {
        let now = self.now();
        let later = self.later.peek().map(|Reverse((due, ..))| *due);
        // While some are being removed the others wait for that, not for the clock.
        let clear = self.delivered_since.filter(|_| !self.clearing);
        let clear = clear.map(|since| since + micros(CLEAR_AFTER));
        let crowded = (self.relay.roots() > ROOTS_PER_LOOK).then(|| self.looked_at + micros(LOOK_AGAIN));
        let due = [later, clear, crowded, self.destinations.next_due(now)];
        let next = due.into_iter().flatten().min();
        next.map_or(IDLE, |due| {
            Duration::from_micros(due.saturating_sub(now)).min(IDLE)
        })
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn key_of(key: &OutboxKey) -> EventKey {
    EventKey {
        at: key.at,
        index: key.index,
        event: key.event,
    }
}

fn outbox_key(to: RootRef, key: EventKey) -> OutboxKey {
    let EventKey { at, index, event } = key;
    OutboxKey { to, at, index, event }
}

/// As it travels.
pub(super) fn event_at(key: &OutboxKey) -> EventAt {
    EventAt {
        at: key.at,
        index: key.index,
        event: key.event,
    }
}

/// As it came.
pub(super) fn event_key(at: EventAt) -> EventKey {
    let EventAt { at, index, event } = at;
    EventKey { at, index, event }
}
