//! Events between two homes of one node: told, relayed, taken once and in order, parked where they cannot be.

pub(crate) mod bench;
mod for_ever;

use cell_layers::RootTx;
use cell_layers::event::EventField;
use cell_sdk::{Address, Domain, tell};
use domains_identity::stored::FollowerChanged;
use platform_model::matrix::{Destination, Purpose};
use platform_model::{DataClass, HomeId};
use platform_wire::events::{Delivery, Receipt, Settle};

use super::cargo::Kept;
use crate::gateway;
use bench::{ABROAD, AUTHORS, Bench, FOLLOWERS, delivery, titles, until, user, workout};

#[tokio::test]
async fn what_a_shard_tells_takes_effect_at_another_homes_root_once_and_in_order() {
    let bench = Bench::new().await;
    let author = bench.person(AUTHORS, 1).await;
    let (one, other) = (bench.person(FOLLOWERS, 2).await, bench.person(FOLLOWERS, 3).await);
    // Some before anybody relays, and some after.
    for number in 0..20 {
        bench
            .tell(author, if number % 2 == 0 { one } else { other }, number)
            .await;
    }
    bench.events.relay(&bench.tasks);
    for number in 20..40 {
        bench
            .tell(author, if number % 2 == 0 { one } else { other }, number)
            .await;
    }
    bench.until_seen(one, &titles((0..40).step_by(2))).await;
    bench.until_seen(other, &titles((1..40).step_by(2))).await;
    bench.until_delivered().await;
    bench.end().await;
}

#[tokio::test]
async fn a_delivery_that_comes_again_or_late_changes_nothing() {
    let bench = Bench::new().await;
    let follower = bench.person(FOLLOWERS, 2).await;
    for position in [5, 5, 7, 6, 5, 7] {
        assert_eq!(
            bench.receive(&delivery(follower, position)).await,
            Receipt::Delivered
        );
    }
    assert_eq!(
        bench.seen(follower).await,
        titles([5, 7]),
        "6 was overtaken: a repeat"
    );
    bench.end().await;
}

#[tokio::test]
async fn two_that_come_at_once_take_effect_once() {
    let bench = Bench::new().await;
    let follower = bench.person(FOLLOWERS, 2).await;
    let one = delivery(follower, 5);
    let both = tokio::join!(bench.receive(&one), bench.receive(&one));
    assert_eq!(both, (Receipt::Delivered, Receipt::Delivered));
    assert_eq!(bench.seen(follower).await, titles([5]));
    bench.end().await;
}

#[tokio::test]
async fn an_event_of_a_later_version_or_that_is_refused_is_parked_and_holds_nobody_up() {
    let bench = Bench::new().await;
    let follower = bench.person(FOLLOWERS, 2).await;
    let later = Delivery {
        event_version: 9,
        ..delivery(follower, 5)
    };
    let strange = Delivery {
        name: "never_heard_of".into(),
        ..delivery(follower, 6)
    };
    // The workout's id as a number.
    let broken = Delivery {
        message: vec![8, 1].into(),
        ..delivery(follower, 7)
    };
    for event in [&later, &strange, &broken, &delivery(follower, 8)] {
        assert_eq!(bench.receive(event).await, Receipt::Delivered, "{event:?}");
        assert_eq!(bench.receive(event).await, Receipt::Delivered, "again");
    }
    assert_eq!(bench.seen(follower).await, titles([8]));
    let (parked, more) = bench.parts().list_parked().await.expect("listed");
    let reasons: Vec<&str> = parked.iter().map(|event| event.reason.as_str()).collect();
    assert_eq!(reasons.len(), 3, "{reasons:?}");
    assert!(!more && reasons[0].contains("version 9") && reasons[2].contains("bad-request"));
    let settle = |drop, dry_run| Settle {
        id: parked[0].id.clone(),
        drop,
        reason: "a test".into(),
        dry_run,
    };
    let by = "spiffe://a/region/eu-central/operator/sre/kim";
    let again = bench.parts().settle_parked(&settle(false, false), by).await;
    let again = again.expect("answered");
    assert!(!again.settled, "still of a later version: {again:?}");
    let dry = bench.parts().settle_parked(&settle(true, true), by).await;
    assert!(!dry.expect("answered").settled);
    let gone = bench.parts().settle_parked(&settle(true, false), by).await;
    assert!(gone.expect("answered").settled);
    let gone = bench.parts().settle_parked(&settle(true, false), by).await;
    assert!(gone.is_err(), "once");
    assert_eq!(bench.parts().list_parked().await.expect("listed").0.len(), 2);
    bench.end().await;
}

/// One that is full of what it cannot take: the next is kept aside by its source, and what is behind it arrives.
#[tokio::test]
async fn where_no_more_may_be_parked_the_next_is_kept_aside_by_its_source() {
    let bench = Bench::new().await;
    let (author, follower) = (bench.person(AUTHORS, 1).await, bench.person(FOLLOWERS, 2).await);
    bench.fill_parked(follower).await;
    let strange = Delivery {
        name: "never_heard_of".into(),
        ..delivery(follower, 1)
    };
    let receipt = bench.receive(&strange).await;
    assert!(matches!(receipt, Receipt::Unlawful(_)), "{receipt:?}");
    bench.tell(author, follower, 2).await;
    bench.events.relay(&bench.tasks);
    bench.until_seen(follower, &titles([2])).await;
    bench.end().await;
}

/// Who tells ever more to those who cannot be reached closes the outbox to himself, and to nobody else of his shard.
#[tokio::test]
async fn one_author_of_whom_as_much_waits_as_may_holds_up_no_other() {
    let bench = Bench::new().await;
    let (author, other) = (bench.person(AUTHORS, 1).await, bench.person(AUTHORS, 4).await);
    let follower = bench.person(FOLLOWERS, 2).await;
    let abroad = &Address {
        home: ABROAD.parse().expect("a home"),
        user: user(9),
    };
    for _ in 0..40 {
        let many =
            |tx: RootTx| async move { (0..500).try_for_each(|number| tell(&tx, abroad, &workout(number))) };
        bench.write(AUTHORS, author, "training", many).await;
    }
    bench.events.relay(&bench.tasks);
    let refused = async || bench.try_tell(author, follower, 1).await.is_err();
    until("he tells no more", refused).await;
    bench.tell(other, follower, 7).await;
    let seen = async || bench.seen(follower).await.contains(&"7".to_owned());
    until("another does", seen).await;
    bench.end().await;
}

#[tokio::test]
async fn an_event_for_a_root_that_never_was_is_set_aside_and_those_behind_it_arrive() {
    let bench = Bench::new().await;
    let (author, follower) = (bench.person(AUTHORS, 1).await, bench.person(FOLLOWERS, 2).await);
    bench.tell(author, user(99), 1).await;
    bench.tell(author, follower, 2).await;
    bench.events.relay(&bench.tasks);
    bench.until_seen(follower, &titles([2])).await;
    let parked = async || bench.parts().list_parked().await.expect("listed").0;
    until("it is set aside", async || parked().await.len() == 1).await;
    let aside = parked().await.remove(0);
    assert!(
        aside.undelivered && aside.reason.contains("never was"),
        "{aside:?}"
    );
    // He comes after all, and it is told again.
    bench.person(FOLLOWERS, 99).await;
    let settle = Settle {
        id: aside.id,
        drop: false,
        reason: "he is there now".into(),
        dry_run: false,
    };
    let by = "spiffe://a/region/eu-central/operator/sre/kim";
    let settled = bench.parts().settle_parked(&settle, by).await;
    assert!(settled.expect("answered").settled);
    bench.until_seen(user(99), &titles([1])).await;
    bench.end().await;
}

#[tokio::test]
async fn a_field_that_the_law_keeps_is_left_out_and_without_its_ids_an_event_stays() {
    let bench = Bench::new().await;
    let field = |class| EventField {
        tag: 1,
        name: "a_field",
        class,
    };
    let passes = |source: &str, to: &str, class| {
        let to: HomeId = to.parse().expect("a home");
        let heading = super::cargo::Heading {
            destination: Destination::Home(&to.jurisdiction),
            purpose: Purpose::Service,
        };
        bench
            .parts()
            .passes(&source.parse().expect("a shard"), heading, &field(class))
    };
    // The plain law: what is of a jurisdiction stays in its regions.
    assert_eq!(passes("eu/eu-west/000", FOLLOWERS, DataClass::Health), Ok(true));
    assert_eq!(passes("us/us-east/000", FOLLOWERS, DataClass::Health), Ok(false));
    let kept = passes("us/us-east/000", FOLLOWERS, DataClass::Operational);
    assert!(matches!(kept, Err(Kept::Aside(_))), "{kept:?}");
    bench.end().await;
}

#[tokio::test]
async fn a_field_without_a_class_or_of_another_law_does_not_come_in() {
    let bench = Bench::new().await;
    let follower = bench.person(FOLLOWERS, 2).await;
    // A field that no catalogue knows, called harmless by its sender.
    let message = [&delivery(follower, 5).message[..], &[0x98, 0x06, 1]].concat();
    let unclassed = Delivery {
        message: message.into(),
        classes: vec![
            (1, DataClass::Operational),
            (2, DataClass::Social),
            (99, DataClass::Operational),
        ],
        ..delivery(follower, 5)
    };
    let refused = bench.receive(&unclassed).await;
    assert!(matches!(refused, Receipt::Unlawful(_)), "{refused:?}");
    let mut ahead = delivery(follower, 5);
    ahead.key.at.epoch = platform_model::Epoch(u64::MAX);
    let refused = bench.receive(&ahead).await;
    assert!(
        matches!(refused, Receipt::Later(_)),
        "a key past all others: {refused:?}"
    );
    let shard = bench.shard(FOLLOWERS);
    let abroad = "us/us-east/000".parse().expect("a shard");
    let refused = bench
        .parts()
        .receive(&abroad, &shard, &delivery(follower, 5))
        .await;
    assert!(matches!(refused, Receipt::Unlawful(_)), "{refused:?}");
    // Of the home that its author lives in, and not of his shard.
    let anothers = "eu/eu-west/001".parse().expect("a shard");
    let refused = bench
        .parts()
        .receive(&anothers, &shard, &delivery(follower, 5))
        .await;
    assert!(
        matches!(&refused, Receipt::Unlawful(why) if why.contains("another shard")),
        "{refused:?}"
    );
    assert!(bench.seen(follower).await.is_empty());
    bench.end().await;
}

/// The planted omission: it stands in the outbox under the name of whoever took it, opens for nobody, and is set aside.
#[tokio::test]
async fn what_a_domain_tells_when_it_takes_an_event_is_told_under_its_own_name() {
    let bench = Bench::new().await;
    bench.events.relay(&bench.tasks);
    let author = bench.person(AUTHORS, 1).await;
    let follower = bench.person(FOLLOWERS, 2).await;
    let me = &Address {
        home: AUTHORS.parse().expect("a home"),
        user: author,
    };
    let follows = |follows| FollowerChanged {
        follower: follower.as_bytes().to_vec(),
        home: FOLLOWERS.to_owned(),
        follows,
    };
    for (change, seen) in [(follows(true), titles([1])), (follows(false), titles([]))] {
        let change = &change;
        if change.follows {
            bench.tell(author, follower, 1).await;
        }
        bench
            .write(
                AUTHORS,
                author,
                "identity",
                |tx| async move { tell(&tx, me, change) },
            )
            .await;
        // That he follows no more leads to another event, to him.
        until("he sees that", async || bench.seen(follower).await == seen).await;
    }
    bench.until_delivered().await;
    let aside = bench.shard(AUTHORS).aside(None, 10).await.expect("read");
    assert!(aside.is_empty(), "{aside:?}");
    bench.end().await;
}

#[test]
fn every_event_that_a_domain_tells_has_fields_by_which_it_is_known() {
    for domain in gateway::domains() {
        for event in Domain::events(domain.as_ref()) {
            let known = event
                .fields
                .iter()
                .any(|field| field.class == DataClass::Operational);
            assert!(known, "{}/{}", domain.name(), event.name);
        }
    }
}
