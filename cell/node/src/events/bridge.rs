//! The bridge: what people's roots are told, on its way to a broker outside, for one term of one shard.
//!
//! It takes what waits in the order in which the shard told it, cuts each event field by field by what the law lets go to
//! that sink, and adds it to the shard's stream, one after the other. A row goes, and the mark moves, when the broker has
//! acknowledged and not before. After every failure, of a call, of a process, of this node's lead, the stream itself is
//! asked how it ends, so nothing is in it twice and nothing is missing. What the law keeps wholly is left out and counted;
//! while the law is too old, or a key cannot be had, all waits.
//!
//! | module | what it is |
//! |---|---|
//! | `preparing` | an event as the broker gets it |
//! | `waiting` | how much waits, of all and of each person, and who may tell no more |

mod preparing;
mod waiting;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cell_bridge_nats::{BridgeError, Broker, Channel, Cursor, Mark, Message, Withheld, resume};
use cell_relay::EventKey;
use cell_shard::{BridgeMark, BridgePage, Found, OutboxError, OutboxKey, Shard};
use platform_model::matrix::Purpose;
use platform_model::{DataClass, Position};
use platform_runtime::CancellationToken;

use super::{Parts, faults};
use preparing::Prepared;
use waiting::Waiting;

/// Rows that are read at once, and removed at once when the broker has them.
const AT_ONCE: usize = 256;
/// Events that may wait in one shard, and of one person; past it, what would add one is refused as overloaded.
pub const WAITING_MAX: u64 = 1_000_000;
pub const WAITING_OF_ONE_MAX: u64 = 50_000;
/// How long after a failure it is tried again: twice as long each time that nothing came of it, up to this; and after one
/// that waits for a person.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(5);
const PAUSE_STOPPED: Duration = Duration::from_secs(10);

/// Where events go outside.
#[derive(Clone)]
pub struct Bridge {
    pub broker: Arc<dyn Broker>,
    /// What the law calls it.
    pub sink: String,
    /// What it is for, as the law is asked.
    pub purpose: Purpose,
    /// Fields of other classes stay, whatever the law says.
    pub classes: Vec<DataClass>,
    /// [`WAITING_MAX`] and [`WAITING_OF_ONE_MAX`], or fewer for tests.
    pub waiting_max: u64,
    pub waiting_of_one_max: u64,
    /// A bug for tests of tests: the mark moves before the broker has acknowledged.
    #[doc(hidden)]
    pub marks_early: bool,
}

/// Why a pass ended. Whatever it was, the next one begins with what the stream says.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the term is over")]
    Term,
    #[error("the shard: {0}")]
    Shard(#[from] OutboxError),
    #[error(transparent)]
    Broker(#[from] BridgeError),
    #[error("an event waits: {0}")]
    Waits(String),
}

pub(super) struct Bridging {
    parts: Arc<Parts>,
    bridge: Bridge,
    shard: Shard,
    stream: String,
    waiting: Arc<Waiting>,
    stopped: metrics::Gauge,
}

impl Bridging {
    pub(super) fn new(parts: Arc<Parts>, bridge: Bridge, shard: Shard) -> Self {
        let most = (bridge.waiting_max, bridge.waiting_of_one_max);
        Self {
            stream: bridge.broker.stream(shard.id()),
            waiting: Arc::new(Waiting::new(shard.clone(), parts.clock.clone(), most)),
            stopped: metrics::gauge!("celld_bridge_stopped", "shard" => shard.id().to_string()),
            parts,
            bridge,
            shard,
        }
    }

    /// Until the term ends. Cancel-safe at every point.
    pub(super) async fn run(self, stop: CancellationToken) {
        let (ended, waiting) = (self.shard.clone(), Arc::clone(&self.waiting));
        tokio::select! {
            () = stop.cancelled() => {}
            () = ended.ended() => {}
            // What waits grows while the broker is away.
            () = waiting.follow() => {}
            () = self.go() => {}
        }
    }

    async fn go(&self) {
        let mut pause = PAUSE;
        loop {
            let mut progress = false;
            let ended = match self.publish_all(&mut progress).await {
                Ok(never) => match never {},
                Err(ended) => ended,
            };
            let stops = match &ended {
                Ended::Term => return,
                Ended::Broker(error) => !error.retryable(),
                Ended::Shard(_) | Ended::Waits(_) => false,
            };
            self.stopped.set(if stops { 1.0 } else { 0.0 });
            if stops {
                tracing::error!(shard = %self.shard.id(), stream = self.stream, error = %ended, "the bridge waits for a person");
            } else {
                tracing::warn!(shard = %self.shard.id(), stream = self.stream, error = %ended, "the bridge tries again");
            }
            pause = if progress { PAUSE } else { PAUSE_MAX.min(pause * 2) };
            let pause = if stops { PAUSE_STOPPED } else { pause };
            self.parts.clock.sleep(pause).await;
        }
    }

    /// From what the stream says, until something fails; and whether anything came of it until then.
    async fn publish_all(&self, progress: &mut bool) -> Result<Infallible, Ended> {
        let channel = self.bridge.broker.open(self.shard.id()).await?;
        let noted = self.shard.bridge_mark(&self.stream).await?.map(read_mark);
        let mut cursor = resume(&self.stream, noted, &channel.tail().await?)?;
        if cursor.mark() != noted {
            // What a kill kept from being noted: the stream may let its last message go before the next one comes.
            self.note(&[], &cursor).await?;
        }
        self.stopped.set(0.0);
        let mut after = None;
        loop {
            let page = self.shard.bridge_page(after.as_ref(), AT_ONCE).await?;
            if let Some(last) = page.found.last() {
                after = Some(*last.key());
                self.publish(&*channel, &page, &mut cursor, progress).await?;
            }
            if !page.more {
                self.more(page.upto).await?;
            }
        }
    }

    async fn more(&self, seen: Position) -> Result<(), Ended> {
        let grown = self.shard.bridge_grows(seen).await;
        grown.then_some(()).ok_or(Ended::Term)
    }

    /// One page, as far as it gets, and noted so far. Nothing overtakes what has to wait.
    async fn publish(
        &self,
        channel: &dyn Channel,
        page: &BridgePage,
        cursor: &mut Cursor,
        progress: &mut bool,
    ) -> Result<(), Ended> {
        let (mut gone, mut outcome) = (0, Ok(()));
        for found in &page.found {
            outcome = self.publish_one(channel, found, cursor).await;
            if outcome.is_err() {
                break;
            }
            gone += 1;
        }
        self.note(&page.found[..gone], cursor).await?;
        *progress |= gone > 0;
        outcome
    }

    async fn publish_one(
        &self,
        channel: &dyn Channel,
        found: &Found,
        cursor: &mut Cursor,
    ) -> Result<(), Ended> {
        let key = event_of(found.key());
        let Some(after) = cursor.behind(key) else {
            return Ok(());
        };
        let message = match self.prepared(found).await {
            Prepared::Message(message) => message,
            Prepared::LeftOut => return Ok(()),
            Prepared::Waits(why) => return Err(Ended::Waits(why)),
        };
        if self.bridge.marks_early || faults::notes_before_the_broker() {
            let mut early = *cursor;
            early.taken(key);
            self.note(std::slice::from_ref(found), &early).await?;
        }
        self.send(channel, after, message).await?;
        cursor.taken(key);
        metrics::counter!("celld_bridge_published_total").increment(1);
        Ok(())
    }

    /// What the broker never takes as it is stands in the stream without what it says: it holds up nothing for ever.
    async fn send(&self, channel: &dyn Channel, after: u64, message: Message) -> Result<(), BridgeError> {
        let outcome = channel.publish(after, &message).await;
        let (sent, named) = match outcome {
            Err(BridgeError::TooLarge { .. }) if message.withheld.is_none() => {
                let named = message.without_payload(Withheld::TooLarge);
                (channel.publish(after, &named).await, named)
            }
            outcome => (outcome, message),
        };
        if let (Ok(()), Some(why)) = (&sent, named.withheld) {
            let (domain, event, why) = (&named.domain, &named.name, why.as_str());
            tracing::error!(shard = %self.shard.id(), stream = self.stream, after, domain, event, why, "an event is named to the broker without what it says");
            metrics::counter!("celld_bridge_withheld_total", "why" => why).increment(1);
        }
        sent
    }

    /// The rows go and the mark moves, in one transaction.
    async fn note(&self, gone: &[Found], cursor: &Cursor) -> Result<(), OutboxError> {
        let keys: Vec<OutboxKey> = gone.iter().map(|found| *found.key()).collect();
        let mark = cursor.mark().map(|mark| BridgeMark {
            sequence: mark.sequence,
            at: mark.last.at,
            index: mark.last.index,
            event: mark.last.event,
        });
        if keys.is_empty() && mark.is_none() {
            return Ok(());
        }
        self.shard.note_bridged(&self.stream, &keys, mark).await?;
        self.waiting.went(gone);
        Ok(())
    }
}

fn read_mark(mark: BridgeMark) -> Mark {
    let BridgeMark {
        sequence,
        at,
        index,
        event,
    } = mark;
    let last = EventKey { at, index, event };
    Mark { sequence, last }
}

fn event_of(key: &OutboxKey) -> EventKey {
    EventKey {
        at: key.at,
        index: key.index,
        event: key.event,
    }
}

#[cfg(test)]
mod tests;
