//! Before an event is set aside for what the law says, or this node does not know: whether its receiver has it.
//!
//! An answer may have been lost before, here or at the primary of an earlier term. So its receiver is asked, in a transaction
//! that decides it for good: it took effect, or never will under its key, whatever of it is under way still. Only then may
//! it be told again under another.

use cell_layers::event;
use cell_layers::{LayerError, RootTx};
use cell_sdk::DomainError;
use cell_shard::{OutboxKey, Shard, Tx, WriteError};
use platform_model::{Actor, Code, RootRef, ShardId, UserId};
use platform_wire::CallError;
use platform_wire::events::EventAt;

use super::receive::request;
use super::relay::{Place, event_at, event_key};
use super::send::{Came, target};
use super::{Parts, home_of};

/// Why it cannot be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotSaid {
    #[error("its root is served elsewhere")]
    Moved,
    #[error("{0}")]
    Later(String),
}

impl Parts {
    /// Sets the event aside, unless its receiver has it.
    pub(super) async fn kept_out(&self, source: &Shard, to: &Place, key: &OutboxKey, why: &str) -> Came {
        match self.ask_to_decline(source.id(), to, key).await {
            Ok(true) => Came::Delivered,
            Ok(false) => self.aside(source, key, why).await,
            Err(came) => came,
        }
    }

    async fn ask_to_decline(&self, source: &ShardId, to: &Place, key: &OutboxKey) -> Result<bool, Came> {
        let (Some(shard), Some(user)) = (&to.shard, key.to.as_user()) else {
            // Nobody was ever sent it.
            return Ok(false);
        };
        if let Some(here) = self.hosted.get(shard) {
            let said = self.decline(source, &here, user, event_at(key)).await;
            return said.map_err(|why| match why {
                NotSaid::Moved => Came::Moved,
                NotSaid::Later(why) => Came::Later(why),
            });
        }
        let table = self.followed.current();
        let target = target(&table, self.hosted.node(), shard).ok_or(Came::Unreached)?;
        let said = self.client.decline(&target, source, user, event_at(key)).await;
        said.map_err(|error| match error {
            // One of an older build: it is asked again.
            CallError::Refused(_) | CallError::Unimplemented { .. } => Came::Later(error.to_string()),
            _ => Came::Unreached,
        })
    }

    /// The receiver's side: whether the event of `source` took effect, or was parked. Idempotent.
    pub(super) async fn decline(
        &self,
        source: &ShardId,
        shard: &Shard,
        to: UserId,
        key: EventAt,
    ) -> Result<bool, NotSaid> {
        let table = self.followed.current();
        let home = home_of(shard.id()).ok_or(NotSaid::Moved)?;
        if table.shard_of_user(home, to).as_ref() != Some(shard.id()) {
            return Err(NotSaid::Moved);
        }
        self.has_come_so_far(source, key).map_err(NotSaid::Later)?;
        let opened = match self.keys.open(&self.followed, home, to).await {
            Ok(opened) => opened,
            // Nobody is here who could have taken it.
            Err(problem) if problem.code == Code::NotFound => return Ok(false),
            Err(problem) => return Err(NotSaid::Later(problem.code.as_str().to_owned())),
        };
        let (root, opened) = (RootRef::user(to), &opened);
        let decline = |tx: Tx| async move {
            let tx = RootTx::new(tx, root, event::DOMAIN, opened).enter().await?;
            if !domains_identity::is_registered(&tx, to).await? {
                return Ok(false);
            }
            Ok::<_, DomainError>(event::decline(&tx, source, event_key(key)).await?)
        };
        let request = request(to, Actor::Service(event::DOMAIN.to_owned()));
        match shard.write(&request, decline).await {
            Ok(answer) => Ok(answer.value),
            Err(WriteError::Rejected(DomainError::Layer(LayerError::Gone { .. }))) => Ok(false),
            Err(WriteError::Fenced) => Err(NotSaid::Moved),
            Err(error) => Err(NotSaid::Later(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {

    use cell_layers::event::{EventField, EventRecord};
    use cell_sdk::{Address, tell};
    use cell_shard::{Found, OutboxRow};
    use platform_wire::events::{Delivery, Receipt};

    use super::*;
    use crate::events::tests::bench::{AUTHORS, Bench, FOLLOWERS, delivery, shard_of, titles};

    /// No domain tells it: its gate keeps it.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Strange {
        #[prost(uint32, tag = "1")]
        number: u32,
    }

    impl EventRecord for Strange {
        const NAME: &'static str = "never_heard_of";
        const VERSION: u32 = 1;
        const FIELDS: &'static [EventField] = &[];
    }

    async fn strange(bench: &Bench, author: UserId, to: UserId) -> OutboxRow {
        let to = &Address {
            home: FOLLOWERS.parse().expect("a home"),
            user: to,
        };
        let told = |tx: RootTx| async move { tell(&tx, to, &Strange { number: 1 }) };
        bench.write(AUTHORS, author, "training", told).await;
        let page = bench.shard(AUTHORS).outbox().page().await.expect("read");
        match page.unwrap_or_default().pop() {
            Some(Found::Row(row)) => row,
            other => panic!("{other:?}"),
        }
    }

    /// What broke: an event whose answer was lost was set aside by its source's gate, and a retry told it a second time.
    #[tokio::test]
    async fn an_event_that_took_effect_is_not_set_aside_whatever_the_gate_says_by_now() {
        let bench = Bench::new().await;
        let (author, follower) = (bench.person(AUTHORS, 1).await, bench.person(FOLLOWERS, 2).await);
        let row = strange(&bench, author, follower).await;
        let sent = Delivery {
            key: event_at(&row.key),
            ..delivery(follower, 1)
        };
        assert_eq!(
            bench.receive(&sent).await,
            Receipt::Delivered,
            "and the answer is lost"
        );
        bench.events.relay(&bench.tasks);
        bench.until_delivered().await;
        let (parked, _) = bench.parts().list_parked().await.expect("listed");
        assert_eq!(parked, [], "nothing that could be told again");
        assert_eq!(bench.seen(follower).await, titles([1]));
        bench.end().await;
    }

    #[tokio::test]
    async fn what_was_declined_takes_no_effect_when_it_comes_late_and_is_set_aside() {
        let bench = Bench::new().await;
        let (author, follower) = (bench.person(AUTHORS, 1).await, bench.person(FOLLOWERS, 2).await);
        let row = strange(&bench, author, follower).await;
        bench.events.relay(&bench.tasks);
        bench.until_delivered().await;
        let (parked, _) = bench.parts().list_parked().await.expect("listed");
        assert!(
            matches!(parked.as_slice(), [one] if one.undelivered),
            "{parked:?}"
        );
        let late = Delivery {
            key: event_at(&row.key),
            ..delivery(follower, 1)
        };
        assert_eq!(bench.receive(&late).await, Receipt::Delivered, "a repeat");
        assert_eq!(bench.seen(follower).await, titles([]));
        let (source, shard) = (shard_of(AUTHORS), bench.shard(FOLLOWERS));
        let again = bench.parts().decline(&source, &shard, follower, late.key);
        assert_eq!(again.await, Ok(false), "however often it is asked");
        bench.end().await;
    }

    #[tokio::test]
    async fn nobody_declines_for_a_source_that_has_not_come_so_far() {
        let bench = Bench::new().await;
        let follower = bench.person(FOLLOWERS, 2).await;
        let (source, shard) = (shard_of(AUTHORS), bench.shard(FOLLOWERS));
        let mut key = delivery(follower, 1).key;
        key.at.epoch = platform_model::Epoch(u64::MAX);
        let ahead = bench.parts().decline(&source, &shard, follower, key).await;
        assert!(matches!(ahead, Err(NotSaid::Later(_))), "{ahead:?}");
        let nobody = UserId::from_uuid(uuid::Uuid::from_u128(99));
        let key = delivery(nobody, 1).key;
        assert_eq!(
            bench.parts().decline(&source, &shard, nobody, key).await,
            Ok(false)
        );
        bench.end().await;
    }
}
