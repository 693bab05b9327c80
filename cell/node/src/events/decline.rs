//! Before an event is set aside for what the law says, or this node does not know: whether its receiver has it.
//!
//! An answer may have been lost before, here or at the primary of an earlier term. So its receiver is asked, in a transaction
//! that decides it for good: it took effect, or never will under its key, whatever of it is under way still. Only then may
//! it be told again under another. A home that he has left says nothing of it: its mark went along, to where he is asked.

use cell_layers::event;
use cell_layers::{LayerError, RootTx};
use cell_sdk::DomainError;
use cell_shard::{OutboxKey, Shard, Tx, WriteError};
use platform_model::{Actor, Code, RootRef, ShardId, UserId};
use platform_wire::CallError;
use platform_wire::events::{Declined, EventAt};

use super::receive::request;
use super::relay::{Place, event_at, event_key};
use super::send::{Came, FULL, HOMES_MAX, target};
use super::{Parts, home_of};
use crate::relocation::gone;

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
        // Declined and not set aside, it would be a repeat to its receiver when it may go later, and lost.
        match source.has_room_aside(key).await {
            Ok(true) => {}
            Ok(false) => return Came::Later(format!("{why}{FULL}")),
            Err(error) => return Came::Later(error.to_string()),
        }
        let (mut to, mut asked) = (to.clone(), Vec::new());
        while asked.len() < HOMES_MAX && !asked.contains(&to) {
            match self.ask_to_decline(source.id(), &to, key).await {
                Ok(Declined::Taken) => return Came::Delivered,
                Ok(Declined::Never) => return self.aside(source, key, why).await,
                Ok(Declined::HomeMoved(home)) => {
                    let next = self.place_in(home, key);
                    if next.shard.is_none() {
                        return Came::Later("the table knows no such home yet".to_owned());
                    }
                    asked.push(std::mem::replace(&mut to, next));
                }
                Err(came) if asked.is_empty() => return came,
                Err(came) => return came.elsewhere(),
            }
        }
        Came::Moved
    }

    async fn ask_to_decline(&self, source: &ShardId, to: &Place, key: &OutboxKey) -> Result<Declined, Came> {
        let (Some(shard), Some(user)) = (&to.shard, key.to.as_user()) else {
            // Nobody was ever sent it.
            return Ok(Declined::Never);
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

    /// The receiver's side: whether the event of `source` took effect, or was parked, or who is to be asked that. Idempotent.
    pub(super) async fn decline(
        &self,
        source: &ShardId,
        shard: &Shard,
        to: UserId,
        key: EventAt,
    ) -> Result<Declined, NotSaid> {
        let table = self.followed.current();
        let home = home_of(shard.id()).ok_or(NotSaid::Moved)?;
        if table.shard_of_user(home, to).as_ref() != Some(shard.id()) {
            return Err(NotSaid::Moved);
        }
        self.has_come_so_far(source, key).map_err(NotSaid::Later)?;
        let opened = match self.keys.open(&self.followed, home, to).await {
            Ok(opened) => opened,
            // Nobody is here who could have taken it, unless he has taken it along.
            Err(problem) if problem.code == Code::NotFound => {
                let gone = gone(shard, to).await;
                let gone = gone.map_err(|problem| NotSaid::Later(problem.code.as_str().to_owned()))?;
                return Ok(gone.map_or(Declined::Never, |(home, _)| Declined::HomeMoved(home)));
            }
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
            Ok(answer) if answer.value => Ok(Declined::Taken),
            Ok(_) => Ok(Declined::Never),
            Err(WriteError::Rejected(DomainError::Layer(LayerError::Gone { to, .. }))) => {
                Ok(Declined::HomeMoved(to))
            }
            Err(WriteError::Fenced) => Err(NotSaid::Moved),
            Err(error) => Err(NotSaid::Later(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use cell_layers::event::{EventField, EventRecord};
    use cell_layers::place::Standing;
    use cell_sdk::{Address, tell};
    use cell_shard::{ASIDE_PER_ROOT_MAX, Found, OutboxRow};
    use platform_wire::events::{Delivery, Receipt};

    use super::*;
    use crate::events::send::{Batch, Sent, Waiting};
    use crate::events::tests::bench::{
        ABROAD, AUTHORS, BEYOND, Bench, FOLLOWERS, delivery, shard_of, titles, user,
    };

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
        newest(bench).await
    }

    /// Of those for one root.
    async fn newest(bench: &Bench) -> OutboxRow {
        let page = bench.shard(AUTHORS).outbox().page().await.expect("read");
        match page.unwrap_or_default().pop() {
            Some(Found::Row(row)) => row,
            other => panic!("{other:?}"),
        }
    }

    fn gone_to(home: &str) -> Standing {
        Standing {
            place: cell_relay::Place::Gone {
                to: home.parse().expect("a home"),
                user_epoch: 2,
            },
            ..Standing::native()
        }
    }

    fn followers(bench: &Bench, row: &OutboxRow) -> Place {
        bench
            .parts()
            .place_in(FOLLOWERS.parse().expect("a home"), &row.key)
    }

    /// As the relay sends it.
    async fn send(bench: &Bench, row: OutboxRow) -> Sent {
        let waiting = Waiting {
            key: row.key,
            low: row.key.at,
        };
        let batch = Batch {
            to: followers(bench, &row),
            waiting: vec![waiting],
            rows: vec![Some(row)],
        };
        bench.parts().send(&bench.shard(AUTHORS), 0, batch).await
    }

    /// What broke: it was declined before it was known that no more may be set aside. It waited in the outbox, and when it might
    /// go it was a repeat to its receiver: nobody ever had it.
    #[tokio::test]
    async fn what_cannot_be_set_aside_is_not_declined_and_takes_effect_once_it_may_go() {
        let bench = Bench::new().await;
        let (author, follower) = (bench.person(AUTHORS, 1).await, bench.person(FOLLOWERS, 2).await);
        let shard = bench.shard(AUTHORS);
        for number in 0..=ASIDE_PER_ROOT_MAX {
            let row = strange(&bench, author, follower).await;
            let to = followers(&bench, &row);
            let came = bench.parts().kept_out(&shard, &to, &row.key, "kept").await;
            if number < ASIDE_PER_ROOT_MAX {
                assert_eq!(came, Came::Gone, "it is set aside");
            } else {
                assert!(matches!(came, Came::Later(_)), "{came:?}");
            }
        }
        let waits = newest(&bench).await;
        let sent = Delivery {
            key: event_at(&waits.key),
            ..delivery(follower, 1)
        };
        assert_eq!(bench.receive(&sent).await, Receipt::Delivered);
        assert_eq!(bench.seen(follower).await, titles([1]));
        bench.end().await;
    }

    /// What broke: the home that he has left, which answers, was left alone for one that does not; or his event went there
    /// again at once, and again, for ever.
    #[tokio::test]
    async fn one_who_lives_where_nobody_answers_has_only_his_own_events_wait() {
        let bench = Bench::new().await;
        let (author, follower) = (bench.person(AUTHORS, 1).await, bench.person(FOLLOWERS, 2).await);
        bench.stand(FOLLOWERS, follower, &gone_to(ABROAD)).await;
        let kept_at_once = strange(&bench, author, follower).await;
        bench.tell(author, follower, 1).await;
        let kept_on_the_way = newest(&bench).await;
        assert_ne!(kept_on_the_way.key, kept_at_once.key);
        for row in [kept_at_once, kept_on_the_way] {
            let sent = send(&bench, row).await;
            assert!(matches!(sent.came[..], [(_, Came::Later(_))]), "{:?}", sent.came);
            assert_eq!(sent.unreached, None);
        }
        bench.end().await;
    }

    /// What broke: it was set aside though he has moved there, where it may have taken effect; a retry would tell it anew.
    #[tokio::test]
    async fn an_event_follows_to_a_home_that_the_table_does_not_know_yet_once_it_does() {
        let bench = Bench::new().await;
        let (author, follower) = (bench.person(AUTHORS, 1).await, bench.person(FOLLOWERS, 2).await);
        bench.stand(FOLLOWERS, follower, &gone_to("eu/eu-north")).await;
        bench.tell(author, follower, 1).await;
        let sent = send(&bench, newest(&bench).await).await;
        assert!(matches!(sent.came[..], [(_, Came::Later(_))]), "{:?}", sent.came);
        let (parked, _) = bench.parts().list_parked().await.expect("listed");
        assert_eq!(parked, []);
        bench.end().await;
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
        // Whoever leads the source next, and finds it in the outbox still, is to set it aside: it would be lost as delivered.
        let refused = bench.receive(&late).await;
        assert!(matches!(refused, Receipt::Unlawful(_)), "{refused:?}");
        assert_eq!(bench.seen(follower).await, titles([]));
        let (source, shard) = (shard_of(AUTHORS), bench.shard(FOLLOWERS));
        let again = bench.parts().decline(&source, &shard, follower, late.key);
        assert_eq!(again.await, Ok(Declined::Never), "however often it is asked");
        bench.end().await;
    }

    /// What broke: the home that he has left said that it never would take effect, and a retry told him a second time.
    #[tokio::test]
    async fn one_who_has_moved_is_asked_where_he_lives_whether_it_took_effect() {
        let bench = Bench::new().await;
        let author = bench.person(AUTHORS, 1).await;
        let (had_it, had_it_not) = (user(2), user(3));
        let gone = gone_to(BEYOND);
        for number in [2, 3] {
            let follower = bench.person(FOLLOWERS, number).await;
            bench.person(BEYOND, number).await;
            bench.stand(FOLLOWERS, follower, &gone).await;
        }
        let (source, there) = (shard_of(AUTHORS), bench.shard(BEYOND));
        let receive = async |sent: &Delivery| bench.parts().receive(&source, &there, sent).await;
        let row = strange(&bench, author, had_it).await;
        let sent = Delivery {
            key: event_at(&row.key),
            ..delivery(had_it, 1)
        };
        // As his mark came along, from where it took effect.
        assert_eq!(receive(&sent).await, Receipt::Delivered);
        let row = strange(&bench, author, had_it_not).await;
        let late = Delivery {
            key: event_at(&row.key),
            ..delivery(had_it_not, 2)
        };
        bench.events.relay(&bench.tasks);
        bench.until_delivered().await;
        let (parked, _) = bench.parts().list_parked().await.expect("listed");
        assert!(
            matches!(parked.as_slice(), [one] if one.undelivered && one.to == had_it_not),
            "{parked:?}"
        );
        bench.until_seen_in(BEYOND, had_it, &titles([1])).await;
        assert!(matches!(receive(&late).await, Receipt::Unlawful(_)), "declined");
        bench.until_seen_in(BEYOND, had_it_not, &titles([])).await;
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
            Ok(Declined::Never)
        );
        bench.end().await;
    }
}
