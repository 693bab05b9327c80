//! The call that takes events to whoever serves their roots: another node, or this one.

use cell_shard::{OutboxKey, OutboxRow, SetAside, Shard};
use futures::future::join_all;
use platform_model::{EpochPosition, HomeId, ShardId};
use platform_wire::CallError;
use platform_wire::events::{Delivery, EventsTarget, Receipt};

use super::Parts;
use super::cargo::{Kept, law_revision};
#[cfg(feature = "failpoints")]
use super::faults;
use super::relay::Place;

/// Events of one call.
pub(super) const DELIVERIES_MAX: usize = 64;

/// Homes that an event follows its receiver through at once.
pub(super) const HOMES_MAX: usize = 16;

/// Ends the reason of what waits because too much like it is set aside.
pub(super) const FULL: &str = "; and as many are set aside as may be";

/// An event whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    pub key: OutboxKey,
    /// The source has nothing more to send below.
    pub low: EpochPosition,
}

/// Events of different roots of one shard.
pub(super) struct Batch {
    pub to: Place,
    pub waiting: Vec<Waiting>,
    /// Of each, if it is in memory.
    pub rows: Vec<Option<OutboxRow>>,
}

/// What came of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Came {
    /// It may be removed.
    Delivered,
    /// It is in the outbox no more.
    Gone,
    Moved,
    /// The root cannot take it now.
    Later(String),
    /// Nobody answered.
    Unreached,
}

impl Came {
    /// Of another place than the one that was called, which is not left alone for it.
    pub(super) fn elsewhere(self) -> Self {
        match self {
            Self::Unreached => Self::Later("where its receiver lives by now cannot be asked".to_owned()),
            other => other,
        }
    }
}

/// What came of a batch.
pub(super) struct Sent {
    pub heading: u32,
    pub came: Vec<(OutboxKey, Came)>,
    /// Why nobody answered.
    pub unreached: Option<String>,
}

impl Parts {
    /// Sends a batch and waits for its receipts. Whatever goes wrong, the same may be sent again.
    pub(super) async fn send(&self, source: &Shard, heading: u32, batch: Batch) -> Sent {
        let Batch { to, waiting, rows } = batch;
        let mut sent = Sent {
            heading,
            came: Vec::with_capacity(waiting.len()),
            unreached: None,
        };
        let rows = match self.rows(source, &waiting, rows).await {
            Ok(rows) => rows,
            Err(why) => return sent.nobody(waiting.iter().map(|one| one.key), why),
        };
        let (mut keys, mut deliveries) = (Vec::new(), Vec::new());
        let to_place = &to;
        let loaded = waiting.iter().zip(rows).map(|(one, row)| async move {
            let row = row.ok_or(Came::Gone);
            let loaded = match &row {
                Ok(row) => self.load(source, to_place, row).await,
                Err(gone) => Err(gone.clone()),
            };
            (one, loaded)
        });
        for (one, loaded) in join_all(loaded).await {
            match loaded {
                Ok(delivery) => {
                    keys.push(one.key);
                    deliveries.push(Delivery {
                        low: one.low,
                        ..delivery
                    });
                }
                Err(came) => sent.note(one.key, came),
            }
        }
        if deliveries.is_empty() {
            return sent;
        }
        match self.carry(source.id(), &to, &deliveries).await {
            Ok(receipts) => {
                for (key, receipt) in keys.into_iter().zip(receipts) {
                    let came = match receipt {
                        Receipt::HomeMoved(home) => self.follow(source, &key, home).await,
                        other => self.judge(source, &to, &key, other).await,
                    };
                    sent.note(key, came);
                }
                sent
            }
            Err(why) => sent.nobody(keys.into_iter(), why),
        }
    }

    /// The rows that are not in memory are read.
    async fn rows(
        &self,
        source: &Shard,
        waiting: &[Waiting],
        rows: Vec<Option<OutboxRow>>,
    ) -> Result<Vec<Option<OutboxRow>>, String> {
        let unread = waiting.iter().zip(&rows).filter(|(_, row)| row.is_none());
        let unread: Vec<OutboxKey> = unread.map(|(one, _)| one.key).collect();
        if unread.is_empty() {
            return Ok(rows);
        }
        let read = source.outbox_rows(&unread).await;
        let mut read = read.map_err(|error| error.to_string())?.into_iter();
        let filled = rows.into_iter().map(|row| row.or_else(|| read.next().flatten()));
        Ok(filled.collect())
    }

    async fn load(&self, source: &Shard, to: &Place, row: &OutboxRow) -> Result<Delivery, Came> {
        #[cfg(feature = "failpoints")]
        if faults::comes_late(source, row, self.clock.monotonic()).await {
            return Err(Came::Later("it is planted that it comes late".to_owned()));
        }
        let Some(home) = to.home.as_ref().filter(|_| to.shard.is_some()) else {
            return Err(self.aside(source, &row.key, "the table knows no such home").await);
        };
        match self.loaded(source.id(), home, row).await {
            Ok(delivery) => Ok(delivery),
            Err(Kept::Later(why)) => Err(Came::Later(why)),
            Err(Kept::Aside(why)) => Err(self.kept_out(source, to, &row.key, &why).await),
            Err(Kept::Unknown) => {
                let why = "no domain here tells such an event";
                Err(self.kept_out(source, to, &row.key, why).await)
            }
            Err(Kept::Erased) => {
                metrics::counter!("celld_events_of_erased_total").increment(1);
                Err(Came::Delivered)
            }
        }
    }

    /// The receiver lives in another home by now: the gate is asked again, for that one, and the event goes there; and on from
    /// there, for he may have moved more than once since he was known. Nobody comes back to a home, so a home that is told twice
    /// only says that somebody is not up to date: asked again later.
    async fn follow(&self, source: &Shard, key: &OutboxKey, home: HomeId) -> Came {
        let row = match source.outbox_rows(&[*key]).await {
            Ok(rows) => rows.into_iter().next().flatten(),
            Err(error) => return Came::Later(error.to_string()),
        };
        let Some(row) = row else { return Came::Gone };
        let (mut home, mut asked) = (home, Vec::new());
        while asked.len() < HOMES_MAX && !asked.contains(&home) {
            let to = self.place_in(home.clone(), key);
            if to.shard.is_none() {
                // Whoever names it knows more than this node; and there it may have taken effect.
                return Came::Later("the table knows no such home yet".to_owned());
            }
            asked.push(home);
            let delivery = match self.load(source, &to, &row).await {
                Ok(delivery) => delivery,
                Err(came) => return came.elsewhere(),
            };
            let receipts = match self.carry(source.id(), &to, &[delivery]).await {
                Ok(receipts) => receipts,
                Err(why) => return Came::Later(why),
            };
            match receipts.into_iter().next() {
                Some(Receipt::HomeMoved(next)) => home = next,
                Some(receipt) => return self.judge(source, &to, key, receipt).await.elsewhere(),
                None => return Came::Moved,
            }
        }
        Came::Moved
    }

    /// Where the receiver of an event is in that home.
    pub(super) fn place_in(&self, home: HomeId, key: &OutboxKey) -> Place {
        let user = key.to.as_user();
        Place {
            shard: user.and_then(|user| self.followed.current().shard_of_user(&home, user)),
            home: Some(home),
        }
    }

    async fn carry(
        &self,
        source: &ShardId,
        to: &Place,
        deliveries: &[Delivery],
    ) -> Result<Vec<Receipt>, String> {
        let shard = to.shard.as_ref().ok_or("it goes nowhere")?;
        if let Some(here) = self.hosted.get(shard) {
            let received = deliveries.iter().map(|one| self.receive(source, &here, one));
            return Ok(join_all(received).await);
        }
        let table = self.followed.current();
        let target = target(&table, self.hosted.node(), shard).ok_or("nobody serves its shard")?;
        let sent = self
            .client
            .deliver(&target, source, law_revision(&table), deliveries);
        sent.await.map_err(|error: CallError| error.to_string())
    }

    async fn judge(&self, source: &Shard, to: &Place, key: &OutboxKey, receipt: Receipt) -> Came {
        match receipt {
            Receipt::Delivered => {
                metrics::counter!("celld_events_delivered_total").increment(1);
                Came::Delivered
            }
            Receipt::Moved | Receipt::HomeMoved(_) => Came::Moved,
            Receipt::Later(why) => Came::Later(why),
            Receipt::NoRoot => match self.aside(source, key, "there never was such a root").await {
                // Nobody will ever take it, and as many like it are kept as may be: one more says nothing new.
                Came::Later(why) if why.ends_with(FULL) => {
                    metrics::counter!("celld_events_dropped_total").increment(1);
                    tracing::warn!(target: "audit", source = %source.id(), to = %key.to, "an event for nobody is dropped");
                    Came::Delivered
                }
                other => other,
            },
            Receipt::Unlawful(why) => {
                let why = format!("its receiver keeps it out: {why}");
                self.kept_out(source, to, key, &why).await
            }
        }
    }

    /// Out of the outbox, so that nothing behind it waits.
    pub(super) async fn aside(&self, source: &Shard, key: &OutboxKey, reason: &str) -> Came {
        match source.set_aside(key, reason).await {
            Ok(SetAside::Done) => {
                metrics::counter!("celld_events_parked_total").increment(1);
                tracing::warn!(target: "audit", source = %source.id(), to = %key.to, reason, "an event is set aside");
                Came::Gone
            }
            Ok(SetAside::NotThere) => Came::Gone,
            Ok(SetAside::Full) => Came::Later(format!("{reason}{FULL}")),
            Err(error) => Came::Later(error.to_string()),
        }
    }
}

impl Sent {
    fn note(&mut self, key: OutboxKey, came: Came) {
        if came == Came::Unreached {
            self.unreached = Some("its receiver cannot be asked".to_owned());
        }
        self.came.push((key, came));
    }

    fn nobody(mut self, keys: impl Iterator<Item = OutboxKey>, why: String) -> Self {
        self.came.extend(keys.map(|key| (key, Came::Unreached)));
        self.unreached = Some(why);
        self
    }
}

pub(super) fn target(
    table: &platform_model::RoutingTable,
    me: &platform_model::NodeId,
    shard: &ShardId,
) -> Option<EventsTarget> {
    // Named for this node, and not served yet.
    let (route, node) = table.primary_of(shard).filter(|(route, _)| route.node != *me)?;
    let cell = table.cells.get(&route.node.cell)?;
    Some(EventsTarget {
        node: route.node.clone(),
        region: cell.region.clone(),
        address: node.address.clone(),
        shard: shard.clone(),
        epoch: route.epoch,
    })
}
