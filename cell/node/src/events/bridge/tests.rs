//! What the shard told is in the stream, each once and in order, whatever befalls broker, call and bridge; and the bug that
//! moves the mark too early is seen.

mod broker;
mod live;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cell_bridge_nats::{Broker, Withheld};
use cell_relay::EventKey;
use platform_model::matrix::Purpose;
use platform_model::{DataClass, EpochPosition, Position, UserId};

use super::Bridge;
use crate::events::tests::bench::{AUTHORS, Bench, FOLLOWERS, shard_of, until};
use crate::relocation::told;
use broker::{Trouble, Unsure};

fn bridge(broker: &Arc<impl Broker + 'static>, sink: &str) -> Bridge {
    let broker = Arc::clone(broker);
    Bridge {
        broker,
        sink: sink.to_owned(),
        purpose: Purpose::Analytics,
        classes: vec![DataClass::Operational, DataClass::Social],
        waiting_max: super::WAITING_MAX,
        waiting_of_one_max: super::WAITING_OF_ONE_MAX,
        marks_early: false,
    }
}

/// What the authors' shard told, in the order of its log.
async fn told(bench: &Bench) -> Vec<EventKey> {
    let shard = bench.shard(AUTHORS);
    let (mut told, mut after) = (Vec::new(), Position(0));
    loop {
        let entries = shard.log(after, 1_000).await.expect("the log");
        let Some(last) = entries.last() else {
            return told;
        };
        after = last.position;
        for entry in &entries {
            let at = EpochPosition {
                epoch: entry.term.epoch,
                position: entry.position,
            };
            for (transaction, index) in entry.transactions.iter().zip(0..) {
                let events = transaction.events.iter().zip(0..);
                let addressed = events.filter(|(event, _)| event.to.is_some());
                told.extend(addressed.map(|(_, event)| EventKey { at, index, event }));
            }
        }
    }
}

async fn rows_left(bench: &Bench) -> usize {
    let page = bench.shard(AUTHORS).bridge_page(None, 1_000).await;
    page.expect("read").found.len()
}

async fn until_empty(bench: &Bench) {
    until("all rows went", async || rows_left(bench).await == 0).await;
}

/// Tells ever more, until no more may wait.
async fn until_refused(bench: &Bench, author: UserId, follower: UserId) {
    let number = AtomicU64::new(0);
    until("no more may wait", async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        bench.try_tell(author, follower, number.into()).await.is_err()
    })
    .await;
}

/// Tells while bridges come and go.
async fn tell_under_kills(bench: &Bench, author: UserId, follower: UserId, kills: u128) {
    for round in 0..kills {
        let group = bench.tasks.child();
        bench.events.relay(&group);
        for number in 0..8 {
            bench.tell(author, follower, round * 8 + number).await;
        }
        group.token().cancel();
    }
    bench.events.relay(&bench.tasks);
}

async fn bench(bridge: Bridge) -> (Bench, UserId, UserId) {
    let bench = Bench::with(Some(bridge)).await;
    let (author, follower) = (bench.person(AUTHORS, 1).await, bench.person(FOLLOWERS, 2).await);
    (bench, author, follower)
}

#[tokio::test]
async fn whatever_becomes_of_calls_and_bridges_the_stream_is_what_the_shard_told() {
    for seed in 1..=4 {
        let broker = Arc::new(Unsure::new(seed, Trouble::SOME));
        let (bench, author, follower) = bench(bridge(&broker, "nats-eu")).await;
        tell_under_kills(&bench, author, follower, 6).await;
        until_empty(&bench).await;
        let (stream, told) = (broker.keys(&shard_of(AUTHORS)), told(&bench).await);
        assert_eq!(stream, told, "seed {seed}");
        assert_eq!(told.len(), 48);
        assert!(broker.troubles() > 0, "seed {seed}: nothing went wrong");
        bench.end().await;
    }
}

/// Planted bug: nobody looks behind which message one belongs.
#[tokio::test]
async fn a_message_that_is_taken_wherever_it_comes_is_seen() {
    let late = Trouble {
        comes_late_of_ten: 5,
        ..Trouble::NONE
    };
    let broker = Arc::new(Unsure::new(1, late).unfenced());
    let (bench, author, follower) = bench(bridge(&broker, "nats-eu")).await;
    tell_under_kills(&bench, author, follower, 6).await;
    let told = told(&bench).await;
    let doubled = async || !told.starts_with(&broker.keys(&shard_of(AUTHORS)));
    until("one is there twice, and seen", doubled).await;
    bench.end().await;
}

/// Planted bug: the mark moves, and the row goes, before the broker has acknowledged.
#[tokio::test]
async fn a_mark_that_moves_before_the_acknowledgement_is_seen() {
    let broker = Arc::new(Unsure::new(1, Trouble::AWAY));
    let early = Bridge {
        marks_early: true,
        ..bridge(&broker, "nats-eu")
    };
    let (bench, author, follower) = bench(early).await;
    bench.tell(author, follower, 1).await;
    bench.events.relay(&bench.tasks);
    until_empty(&bench).await;
    assert_ne!(
        broker.keys(&shard_of(AUTHORS)),
        told(&bench).await,
        "lost, and seen"
    );
    bench.end().await;
}

#[tokio::test]
async fn what_the_broker_never_takes_is_named_there_and_holds_up_nothing() {
    // The title of a workout is its number: that of the second is longer than the broker takes.
    let (one, other) = (7, u128::MAX);
    let measured = Arc::new(Unsure::new(1, Trouble::NONE));
    let (bench_of_one, author, follower) = bench(bridge(&measured, "nats-eu")).await;
    bench_of_one.tell(author, follower, one).await;
    bench_of_one.events.relay(&bench_of_one.tasks);
    until_empty(&bench_of_one).await;
    bench_of_one.end().await;
    let bytes_max = measured.stream_of(&shard_of(AUTHORS))[0].payload.len() + 8;
    let broker = Arc::new(Unsure::new(1, Trouble::NONE).taking(bytes_max));
    let (bench, author, follower) = bench(bridge(&broker, "nats-eu")).await;
    for number in [one, other, one] {
        bench.tell(author, follower, number).await;
    }
    bench.events.relay(&bench.tasks);
    until_empty(&bench).await;
    let stream = broker.stream_of(&shard_of(AUTHORS));
    let withheld: Vec<_> = stream.iter().map(|kept| kept.withheld).collect();
    assert_eq!(withheld, [None, Some(Withheld::TooLarge), None]);
    assert!(stream[1].payload.is_empty() && !stream[2].payload.is_empty());
    assert_eq!(broker.keys(&shard_of(AUTHORS)), told(&bench).await);
    bench.end().await;
}

#[tokio::test]
async fn fields_of_other_classes_stay_whatever_the_law_says() {
    let broker = Arc::new(Unsure::new(1, Trouble::NONE));
    let ids_only = Bridge {
        classes: vec![DataClass::Operational],
        ..bridge(&broker, "nats-eu")
    };
    let (bench, author, follower) = bench(ids_only).await;
    let title = 123_456_789_012_345;
    bench.tell(author, follower, title).await;
    bench.events.relay(&bench.tasks);
    until_empty(&bench).await;
    bench.end().await;
    let stream = broker.stream_of(&shard_of(AUTHORS));
    let payload = &stream.first().expect("the event").payload;
    let title = title.to_string();
    assert!(!payload.is_empty());
    assert!(
        !payload
            .windows(title.len())
            .any(|bytes| bytes == title.as_bytes())
    );
}

#[tokio::test]
async fn what_the_law_keeps_is_left_out_and_what_no_law_names_waits() {
    let broker = Arc::new(Unsure::new(1, Trouble::NONE));
    let (abroad, author, follower) = bench(bridge(&broker, "nats-us")).await;
    abroad.tell(author, follower, 1).await;
    abroad.events.relay(&abroad.tasks);
    until_empty(&abroad).await;
    assert!(broker.keys(&shard_of(AUTHORS)).is_empty());
    abroad.end().await;
    let (unnamed, author, follower) = bench(bridge(&broker, "nats-nowhere")).await;
    unnamed.tell(author, follower, 1).await;
    unnamed.events.relay(&unnamed.tasks);
    let asked = broker.asked();
    let again = async || broker.asked() >= asked + 3;
    until("it asks again and again", again).await;
    assert_eq!(rows_left(&unnamed).await, 1);
    assert!(broker.keys(&shard_of(AUTHORS)).is_empty());
    unnamed.end().await;
}

/// What broke: while the broker was away nothing was counted, so nothing was bounded.
#[tokio::test]
async fn while_the_broker_is_away_no_more_wait_than_may_and_when_it_is_back_they_go() {
    let broker = Arc::new(Unsure::new(1, Trouble::AWAY));
    let few = Bridge {
        waiting_max: 5,
        ..bridge(&broker, "nats-eu")
    };
    let (bench, author, follower) = bench(few).await;
    bench.events.relay(&bench.tasks);
    until_refused(&bench, author, follower).await;
    broker.set_trouble(Trouble::NONE);
    until_empty(&bench).await;
    let taken = async || bench.try_tell(author, follower, 1_000).await.is_ok();
    until("it is full no more", taken).await;
    bench.end().await;
}

#[tokio::test]
async fn who_tells_ever_more_while_the_broker_is_away_closes_it_to_himself_alone() {
    let broker = Arc::new(Unsure::new(1, Trouble::AWAY));
    let few = Bridge {
        waiting_of_one_max: 5,
        ..bridge(&broker, "nats-eu")
    };
    let (bench, author, follower) = bench(few).await;
    let other = bench.person(AUTHORS, 3).await;
    bench.events.relay(&bench.tasks);
    until_refused(&bench, author, follower).await;
    let told = bench.try_tell(other, follower, 1_000).await;
    assert_eq!(told, Ok(()), "another");
    broker.set_trouble(Trouble::NONE);
    until_empty(&bench).await;
    let taken = async || bench.try_tell(author, follower, 1_001).await.is_ok();
    until("he is full no more", taken).await;
    bench.end().await;
}

#[tokio::test]
async fn a_stream_that_was_made_anew_is_not_gone_on_with() {
    let broker = Arc::new(Unsure::new(1, Trouble::NONE));
    let (bench, author, follower) = bench(bridge(&broker, "nats-eu")).await;
    bench.tell(author, follower, 1).await;
    let group = bench.tasks.child();
    bench.events.relay(&group);
    until_empty(&bench).await;
    group.token().cancel();
    broker.forget();
    let asks = broker.asked();
    bench.tell(author, follower, 2).await;
    bench.events.relay(&bench.tasks);
    until("it has looked", async || broker.asked() > asks).await;
    assert_eq!(rows_left(&bench).await, 1, "it waits for a person");
    assert!(broker.keys(&shard_of(AUTHORS)).is_empty());
    bench.end().await;
}

/// What broke: who moved away was cleared, his key too, while the broker had not got what he told.
#[tokio::test]
async fn what_a_person_told_waits_for_the_broker_before_he_may_be_cleared() {
    let broker = Arc::new(Unsure::new(1, Trouble::AWAY));
    let (bench, author, follower) = bench(bridge(&broker, "nats-eu")).await;
    bench.tell(author, follower, 1).await;
    bench.events.relay(&bench.tasks);
    bench.until_seen(follower, &["1".to_owned()]).await;
    let shard = bench.shard(AUTHORS);
    bench.until_delivered().await;
    assert_eq!(told::waits(&shard, author).await, Ok(true));
    assert_eq!(told::waits(&shard, follower).await, Ok(false));
    let page = shard.bridge_page(None, 10).await.expect("read");
    let gone: Vec<_> = page.found.iter().map(|found| *found.key()).collect();
    shard.note_bridged("s", &gone, None).await.expect("noted");
    assert_eq!(told::waits(&shard, author).await, Ok(false));
    bench.end().await;
}
