//! The receiver's side: effect and mark in one transaction that every in-sync copy has before the source is told.
//!
//! An event that is never taken - of a version or kind that no domain here knows, or refused by the one that takes it - is
//! parked in the same way, so that it holds nobody up. What only fails for now is sent again.

use cell_layers::event::{self, Parked};
use cell_layers::keys::UserKey;
use cell_layers::{LayerError, RootTx};
use cell_relay::{EventKey, Floors, Marks, Received as Judged};
use cell_sdk::{Address, Domain, DomainError, Received};
use cell_shard::{Mode, Request, Scope, Shard, Tx, WriteError};
use platform_model::{Actor, Code, HomeId, RequestId, RootRef, ShardId, UserId};
use platform_runtime::random;
use platform_wire::events::{Delivery, Receipt};

use super::relay::event_key;
use super::{Parts, faults, home_of};
use crate::relocation::gone;

const DEADLINE: std::time::Duration = std::time::Duration::from_secs(3);

/// What the transaction came to.
enum Taken {
    Done,
    NoRoot,
    /// It was promised that it never takes effect under this name.
    Declined,
    /// Parked, because of this.
    Parked(String),
}

/// One event, its receiver's root open.
struct Arrival<'a> {
    source: &'a ShardId,
    event: EventKey,
    to: UserId,
    key: &'a UserKey,
    received: Received,
    /// Why no domain here can take it, whatever it says.
    refused: Option<String>,
}

impl Parts {
    /// Takes an event for a root of `shard`, which is served here. Idempotent.
    pub(super) async fn receive(&self, source: &ShardId, shard: &Shard, delivery: &Delivery) -> Receipt {
        if faults::answers_before_the_effect() {
            return Receipt::Delivered;
        }
        #[cfg(feature = "failpoints")]
        if let Some(receipt) = self.out_of_order(source, shard, delivery).await {
            return receipt;
        }
        self.admit_and_take(source, shard, delivery).await
    }

    pub(super) async fn admit_and_take(
        &self,
        source: &ShardId,
        shard: &Shard,
        delivery: &Delivery,
    ) -> Receipt {
        match self.admit(source, shard, delivery).await {
            Ok((home, key)) => self.take(source, shard, delivery, (home, &key)).await,
            Err(receipt) => receipt,
        }
    }

    /// Everything that is asked before the root is looked at.
    async fn admit(
        &self,
        source: &ShardId,
        shard: &Shard,
        delivery: &Delivery,
    ) -> Result<(HomeId, UserKey), Receipt> {
        let table = self.followed.current();
        let (Some(from), Some(home)) = (home_of(source), home_of(shard.id())) else {
            return Err(Receipt::Moved);
        };
        if table.shard_of_user(home, delivery.to).as_ref() != Some(shard.id()) {
            return Err(Receipt::Moved);
        }
        self.is_of_its_source(source, delivery)?;
        let key = match self.keys.open(&self.followed, home, delivery.to).await {
            Ok(key) => key,
            Err(problem) if problem.code == Code::NotFound => {
                let gone = gone(shard, delivery.to).await;
                let gone = gone.map_err(|problem| Receipt::Later(problem.code.as_str().to_owned()))?;
                return Err(gone.map_or(Receipt::NoRoot, |(home, _)| Receipt::HomeMoved(home)));
            }
            Err(problem) => return Err(Receipt::Later(problem.code.as_str().to_owned())),
        };
        if from != home
            && let Err(kept_out) = self.may_be_kept(source, home, delivery).await
        {
            // What took effect before is not undone by a law that came since, and not to be told again.
            let known = was_taken(source, shard, delivery, &key).await;
            return Err(if known { Receipt::Delivered } else { kept_out });
        }
        Ok((home.clone(), key))
    }

    async fn take(
        &self,
        source: &ShardId,
        shard: &Shard,
        delivery: &Delivery,
        (home, key): (HomeId, &UserKey),
    ) -> Receipt {
        let from_home = home_of(source).cloned().unwrap_or_else(|| home.clone());
        let arrival = Arrival {
            source,
            event: event_key(delivery.key),
            to: delivery.to,
            key,
            refused: self.nobody_takes(delivery),
            received: Received {
                domain: delivery.domain.clone(),
                name: delivery.name.clone(),
                version: delivery.event_version,
                from: Address {
                    home: from_home,
                    user: delivery.from,
                },
                known_at: delivery.known_at.clone().filter(|known| *known != home),
                to: Address {
                    home,
                    user: delivery.to,
                },
                message: delivery.message.to_vec(),
            },
        };
        let taken = match &arrival.refused {
            None => self.apply(shard, &arrival).await,
            Some(why) => park(shard, &arrival, why.clone()).await,
        };
        let taken = match taken {
            Err(WriteError::Rejected(error)) => match refusal(&error) {
                Some(why) => park(shard, &arrival, why).await,
                None => Err(WriteError::Rejected(error)),
            },
            other => other,
        };
        match taken {
            Err(WriteError::Rejected(DomainError::Layer(LayerError::Gone { to, .. }))) => {
                Receipt::HomeMoved(to)
            }
            Ok(Taken::Done) => Receipt::Delivered,
            Ok(Taken::NoRoot) => Receipt::NoRoot,
            // Its source has not set it aside, as it said it would: now it does.
            Ok(Taken::Declined) => Receipt::Unlawful("it was declined before".to_owned()),
            Ok(Taken::Parked(why)) => {
                metrics::counter!("celld_events_parked_total").increment(1);
                let (event, domain) = (&delivery.name, &delivery.domain);
                tracing::warn!(%source, to = %delivery.to, domain, event, why, "an event is parked");
                Receipt::Delivered
            }
            Err(WriteError::Fenced) => Receipt::Moved,
            // It shows only at the end of the transaction: no domain can take it.
            Err(WriteError::TooLarge) => {
                match park(shard, &arrival, "what it leads to is too large".to_owned()).await {
                    Ok(Taken::NoRoot) => Receipt::NoRoot,
                    Ok(Taken::Declined) => Receipt::Unlawful("it was declined before".to_owned()),
                    Ok(_) => Receipt::Delivered,
                    Err(error) => not_now(&error),
                }
            }
            Err(error) => not_now(&error),
        }
    }

    /// Why no domain of this node can take it; none: some can.
    fn nobody_takes(&self, delivery: &Delivery) -> Option<String> {
        let mut takers = self.takers(&delivery.domain, &delivery.name).peekable();
        if takers.peek().is_none() {
            return Some("no domain here takes such an event".to_owned());
        }
        let newest = takers.map(|(_, version)| version).min()?;
        (delivery.event_version > newest).then(|| {
            let version = delivery.event_version;
            format!("it is of version {version}, and up to {newest} is understood here")
        })
    }

    pub(super) fn takers<'a>(
        &'a self,
        domain: &'a str,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a dyn Domain, u32)> + 'a {
        self.domains.iter().flat_map(move |taker| {
            let takes = taker.takes().iter();
            takes
                .filter(move |takes| takes.domain == domain && takes.event == name)
                .map(|takes| (taker.as_ref(), takes.version))
        })
    }

    /// One transaction of the receiver's root: what the domains make of it, and the mark.
    async fn apply(&self, shard: &Shard, arrival: &Arrival<'_>) -> Result<Taken, WriteError<DomainError>> {
        let apply = |tx: Tx| async move {
            let tx = arrival.root_tx(tx).await?;
            if !domains_identity::is_registered(&tx, arrival.to).await? {
                return Ok(Taken::NoRoot);
            }
            if let Some(known) = arrival.known(&tx).await? {
                return Ok(known);
            }
            self.handle(&tx, &arrival.received).await?;
            if !faults::forgets_the_mark() {
                event::note_mark(&tx, arrival.source, arrival.event)?;
            }
            Ok(Taken::Done)
        };
        let request = request(arrival.to, Actor::Service(event::DOMAIN.to_owned()));
        Ok(shard.write(&request, apply).await?.value)
    }

    /// Every domain that takes the event, in the receiver's transaction.
    pub(super) async fn handle(&self, tx: &RootTx, received: &Received) -> Result<(), DomainError> {
        for (domain, _) in self.takers(&received.domain, &received.name) {
            domain.handle(&tx.of_domain(domain.name()), received).await?;
        }
        Ok(())
    }
}

impl Arrival<'_> {
    async fn root_tx(&self, tx: Tx) -> Result<RootTx, LayerError> {
        RootTx::new(tx, RootRef::user(self.to), event::DOMAIN, self.key)
            .enter()
            .await
    }

    /// What became of it before.
    async fn known(&self, tx: &RootTx) -> Result<Option<Taken>, LayerError> {
        let mut marks = Marks::default();
        if let Some(mark) = event::mark(tx, self.source).await? {
            marks.note(self.source, mark);
        }
        if marks.judge(&Floors::default(), &self.source, self.event) != Judged::Again {
            return Ok(None);
        }
        let declined = event::was_declined(tx, self.source, self.event).await?;
        Ok(Some(if declined { Taken::Declined } else { Taken::Done }))
    }
}

/// Whether it took effect, or was parked, before.
async fn was_taken(source: &ShardId, shard: &Shard, delivery: &Delivery, key: &UserKey) -> bool {
    let root = RootRef::user(delivery.to);
    let told = event_key(delivery.key);
    let look = |tx: Tx| async move {
        let tx = RootTx::new(tx, root, event::DOMAIN, key);
        let known = event::mark(&tx, source).await?.is_some_and(|mark| mark >= told);
        Ok::<_, DomainError>(known && !event::was_declined(&tx, source, told).await?)
    };
    let request = request(delivery.to, Actor::Service(event::DOMAIN.to_owned()));
    let taken = shard.read(&request, look).await;
    taken.is_ok_and(|taken| taken.value)
}

/// The mark moves, and the event is kept with its reason.
async fn park(
    shard: &Shard,
    arrival: &Arrival<'_>,
    reason: String,
) -> Result<Taken, WriteError<DomainError>> {
    let received = &arrival.received;
    let parked = Parked {
        domain: received.domain.clone(),
        name: received.name.clone(),
        version: received.version,
        from: received.from.root(),
        from_home: received.from.home.clone(),
        message: received.message.clone().into(),
        reason: reason.clone(),
        parked_ms: 0,
    };
    let (parked, reason) = (&parked, &reason);
    let park = |tx: Tx| async move {
        let tx = arrival.root_tx(tx).await?;
        if !domains_identity::is_registered(&tx, arrival.to).await? {
            return Ok(Taken::NoRoot);
        }
        if let Some(known) = arrival.known(&tx).await? {
            return Ok(known);
        }
        event::park(&tx, arrival.source, arrival.event, parked).await?;
        event::note_mark(&tx, arrival.source, arrival.event)?;
        Ok(Taken::Parked(reason.clone()))
    };
    let request = request(arrival.to, Actor::Service(event::DOMAIN.to_owned()));
    Ok(shard.write(&request, park).await?.value)
}

/// What its source is told of one that is neither taken nor parked. Where as many are parked as may be, its source keeps it
/// aside: whoever fills a root with what it cannot take holds up nobody else who tells it something.
fn not_now(error: &WriteError<DomainError>) -> Receipt {
    match error {
        WriteError::Rejected(DomainError::Layer(error)) if is_full(error) => {
            Receipt::Unlawful("as many events are parked in its root as may be".to_owned())
        }
        other => Receipt::Later(other.to_string()),
    }
}

fn is_full(error: &LayerError) -> bool {
    matches!(error, LayerError::TooLarge { what, .. } if what.starts_with("parked"))
}

/// Why an event will never be taken; none: it may be, later.
pub(super) fn refusal(error: &DomainError) -> Option<String> {
    match error {
        DomainError::Problem(problem) => match problem.code {
            Code::Unavailable | Code::Overloaded | Code::Timeout | Code::Conflict | Code::Moving => None,
            code => Some(format!("its domain refuses it: {}", code.as_str())),
        },
        DomainError::Layer(error) if is_full(error) => None,
        // His root is elsewhere: nothing can be parked here.
        DomainError::Layer(LayerError::Gone { .. }) => None,
        DomainError::Layer(error) if error.retryable() => None,
        DomainError::Layer(error) => Some(format!("its domain fails: {error}")),
    }
}

/// A transaction of a person's root that an event leads to.
pub(super) fn request(user: UserId, actor: Actor) -> Request {
    Request {
        actor,
        domain: event::DOMAIN,
        request_id: RequestId::from_uuid(random::uuid_v7()),
        mode: Mode::Sync,
        scope: Scope::Root(RootRef::user(user)),
        not_older_than: None,
        deadline: DEADLINE,
    }
}
