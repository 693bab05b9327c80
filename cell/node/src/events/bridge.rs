//! The bridge: what people's roots are told, on its way to a broker outside, for one term of one shard.
//!
//! It takes what waits in the order in which the shard told it, cuts each event field by field by what the law lets go to
//! that sink, and adds it to the shard's stream. A row goes, and the mark moves, when the broker has acknowledged and not
//! before. After every failure, of a call, of a process, of this node's lead, the stream itself is asked how it ends, so
//! nothing is in it twice and nothing is missing. What the law keeps wholly is left out and counted; while the law is too
//! old, or a key cannot be had, all waits.

mod preparing;

use std::sync::Arc;
use std::time::Duration;

use cell_bridge_nats::{BridgeError, Broker, Channel, Mark, resume};
use cell_relay::EventKey;
use cell_shard::{BridgeMark, BridgePage, OutboxError, OutboxKey, Shard};
use platform_model::Position;
use platform_model::matrix::Purpose;
use platform_runtime::CancellationToken;

use super::{Parts, faults};
use preparing::Prepared;

/// Events that are published at once; the next are read when the broker has all of these.
const AT_ONCE: usize = 256;
/// Events that may wait in one shard; past it, what would add one is refused as overloaded.
const WAITING_MAX: u64 = 1_000_000;
/// More than that of what takes back.
const TAKEN_BACK_MAX: u64 = 100_000;
/// Rows that are counted at once.
const COUNTED_AT_ONCE: usize = 1_000;
/// How long after a failure it is tried again, and after one that waits for a person.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_STOPPED: Duration = Duration::from_secs(10);

/// Where events go outside.
#[derive(Clone)]
pub struct Bridge {
    pub broker: Arc<dyn Broker>,
    /// What the law calls it.
    pub sink: String,
    /// What it is for, as the law is asked.
    pub purpose: Purpose,
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
    /// Rows that waited when the term began; none: not counted yet.
    before: Option<u64>,
    /// Rows that went since.
    gone: u64,
    waiting: metrics::Gauge,
    stopped: metrics::Gauge,
}

impl Bridging {
    pub(super) fn new(parts: Arc<Parts>, bridge: Bridge, shard: Shard) -> Self {
        let id = shard.id().to_string();
        Self {
            stream: bridge.broker.stream(shard.id()),
            waiting: metrics::gauge!("celld_bridge_events", "shard" => id.clone()),
            stopped: metrics::gauge!("celld_bridge_stopped", "shard" => id),
            before: None,
            gone: 0,
            parts,
            bridge,
            shard,
        }
    }

    /// Until the term ends. Cancel-safe at every point.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let ended = self.shard.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = ended.ended() => {}
            () = self.go() => {}
        }
    }

    async fn go(&mut self) {
        loop {
            let ended = self.pass().await;
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
            self.parts
                .clock
                .sleep(if stops { PAUSE_STOPPED } else { PAUSE })
                .await;
        }
    }

    /// From what the stream says, until something fails.
    async fn pass(&mut self) -> Ended {
        match self.publish_all().await {
            Ok(never) => match never {},
            Err(ended) => ended,
        }
    }

    async fn publish_all(&mut self) -> Result<std::convert::Infallible, Ended> {
        self.count().await?;
        let channel = self.bridge.broker.open(self.shard.id()).await?;
        let mark = self.shard.bridge_mark(&self.stream).await?;
        let mark = mark.map(|mark| Mark {
            sequence: mark.sequence,
            last: event_of(&mark.last),
        });
        let resumed = resume(&self.stream, mark, &channel.tail().await?)?;
        self.stopped.set(0.0);
        let (mut sequence, mut after) = (resumed.sequence, None);
        loop {
            let page = self.shard.bridge_page(after.as_ref(), AT_ONCE).await?;
            let there = |key: &OutboxKey| resumed.upto.is_some_and(|upto| event_of(key) <= upto);
            if let Some(last) = page.found.last() {
                after = Some(*last.key());
                sequence = self.publish(&*channel, &page, there, sequence).await?;
            }
            self.note_waiting();
            if !page.more {
                self.more(page.upto).await?;
            }
        }
    }

    async fn more(&self, seen: Position) -> Result<(), Ended> {
        let grown = self.shard.bridge_grows(seen).await;
        grown.then_some(()).ok_or(Ended::Term)
    }

    /// One page: published but for what is `there` already, acknowledged, and noted, in this order. Answers the number of
    /// the stream's last message.
    async fn publish(
        &mut self,
        channel: &dyn Channel,
        page: &BridgePage,
        there: impl Fn(&OutboxKey) -> bool,
        sequence: u64,
    ) -> Result<u64, Ended> {
        let Prepared {
            messages,
            gone,
            waits,
        } = self.prepared(page, there).await;
        let last = messages.last().and_then(|last| {
            let is_last = |key: &&OutboxKey| event_of(key) == last.key;
            gone.iter().find(is_last).copied()
        });
        let end = sequence + messages.len() as u64;
        let mark = last.map(|last| BridgeMark { sequence: end, last });
        if self.bridge.marks_early || faults::marks_before_the_ack() {
            self.shard.note_bridged(&self.stream, &gone, mark).await?;
        }
        channel.publish(sequence, &messages).await?;
        self.shard.note_bridged(&self.stream, &gone, mark).await?;
        self.gone += gone.len() as u64;
        metrics::counter!("celld_bridge_published_total").increment(messages.len() as u64);
        match waits {
            Some(why) => Err(Ended::Waits(why)),
            None => Ok(end),
        }
    }

    /// How many wait, once for each term: from then on they are counted as they come and go.
    async fn count(&mut self) -> Result<(), Ended> {
        if self.before.is_some() {
            return Ok(());
        }
        let written = self.shard.bridged_rows();
        let (mut count, mut after) = (0, None);
        loop {
            let page = self.shard.bridge_page(after.as_ref(), COUNTED_AT_ONCE).await?;
            count += page.found.len() as u64;
            after = page.found.last().map(|last| *last.key()).or(after);
            if !page.more || count >= WAITING_MAX {
                break;
            }
            tokio::task::yield_now().await;
        }
        // What this term wrote before is among them.
        self.before = Some(count.saturating_sub(written));
        self.note_waiting();
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 events wait")]
    fn note_waiting(&self) {
        let came = self.before.unwrap_or(0) + self.shard.bridged_rows();
        let waiting = came.saturating_sub(self.gone);
        let over = waiting >= WAITING_MAX + TAKEN_BACK_MAX;
        self.shard.set_bridge_full(waiting >= WAITING_MAX, over);
        self.waiting.set(waiting as f64);
    }
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
