//! What the shard told is in the stream, each once and in order, whatever befalls broker, call and bridge; and the bug that
//! moves the mark too early is seen.

#![allow(clippy::print_stdout, reason = "a test says what it skipped")]

mod broker;

use std::sync::Arc;
use std::time::Duration;

use cell_bridge_nats::server::{NatsServer, program};
use cell_bridge_nats::{Broker, Nats, Settings, read_message_id};
use cell_relay::EventKey;
use platform_model::matrix::Purpose;
use platform_model::{EpochPosition, Position, UserId};

use super::Bridge;
use crate::events::tests::bench::{AUTHORS, Bench, FOLLOWERS, WITHIN, shard_of};
use crate::relocation::told;
use broker::{Trouble, Unsure};

const SOON: Duration = Duration::from_millis(20);

fn bridge(broker: &Arc<impl Broker + 'static>, sink: &str, marks_early: bool) -> Bridge {
    let broker = Arc::clone(broker);
    Bridge {
        broker,
        sink: sink.to_owned(),
        purpose: Purpose::Analytics,
        marks_early,
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
    let empty = async {
        while rows_left(bench).await > 0 {
            tokio::time::sleep(SOON).await;
        }
    };
    tokio::time::timeout(WITHIN, empty).await.expect("all rows go");
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
        let broker = Arc::new(Unsure::new(seed, Trouble::default()));
        let (bench, author, follower) = bench(bridge(&broker, "nats-eu", false)).await;
        tell_under_kills(&bench, author, follower, 6).await;
        until_empty(&bench).await;
        let (stream, told) = (broker.keys(&shard_of(AUTHORS)), told(&bench).await);
        assert_eq!(stream, told, "seed {seed}");
        assert_eq!(told.len(), 48);
        assert!(broker.troubles() > 0, "seed {seed}: nothing went wrong");
        bench.end().await;
    }
}

/// Planted bug: the mark moves, and the rows go, before the broker has acknowledged.
#[tokio::test]
async fn a_mark_that_moves_before_the_acknowledgement_is_seen() {
    let trouble = Trouble {
        loses_calls_of_ten: 10,
        ..Trouble::default()
    };
    let broker = Arc::new(Unsure::new(1, trouble));
    let (bench, author, follower) = bench(bridge(&broker, "nats-eu", true)).await;
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
async fn what_the_law_keeps_is_left_out_and_what_no_law_names_waits() {
    let broker = Arc::new(Unsure::new(1, Trouble::none()));
    let (abroad, author, follower) = bench(bridge(&broker, "nats-us", false)).await;
    abroad.tell(author, follower, 1).await;
    abroad.events.relay(&abroad.tasks);
    until_empty(&abroad).await;
    assert!(broker.keys(&shard_of(AUTHORS)).is_empty());
    abroad.end().await;
    let (unnamed, author, follower) = bench(bridge(&broker, "nats-nowhere", false)).await;
    unnamed.tell(author, follower, 1).await;
    unnamed.events.relay(&unnamed.tasks);
    let asked = async {
        while broker.asked() < 3 {
            tokio::time::sleep(SOON).await;
        }
    };
    let asks = broker.asked();
    tokio::time::timeout(WITHIN, asked)
        .await
        .expect("it asks again and again");
    assert!(broker.asked() >= asks);
    assert_eq!(rows_left(&unnamed).await, 1);
    assert!(broker.keys(&shard_of(AUTHORS)).is_empty());
    unnamed.end().await;
}

#[tokio::test]
async fn a_stream_that_was_made_anew_is_not_gone_on_with() {
    let broker = Arc::new(Unsure::new(1, Trouble::none()));
    let (bench, author, follower) = bench(bridge(&broker, "nats-eu", false)).await;
    bench.tell(author, follower, 1).await;
    let group = bench.tasks.child();
    bench.events.relay(&group);
    until_empty(&bench).await;
    group.token().cancel();
    broker.forget();
    let asks = broker.asked();
    bench.tell(author, follower, 2).await;
    bench.events.relay(&bench.tasks);
    let asked = async {
        while broker.asked() == asks {
            tokio::time::sleep(SOON).await;
        }
    };
    tokio::time::timeout(WITHIN, asked).await.expect("it looks");
    assert_eq!(rows_left(&bench).await, 1, "it waits for a person");
    assert!(broker.keys(&shard_of(AUTHORS)).is_empty());
    bench.end().await;
}

/// What broke: who moved away was cleared, his key too, while the broker had not got what he told.
#[tokio::test]
async fn what_a_person_told_waits_for_the_broker_before_he_may_be_cleared() {
    let trouble = Trouble {
        loses_calls_of_ten: 10,
        ..Trouble::default()
    };
    let broker = Arc::new(Unsure::new(1, trouble));
    let (bench, author, follower) = bench(bridge(&broker, "nats-eu", false)).await;
    bench.tell(author, follower, 1).await;
    bench.events.relay(&bench.tasks);
    bench.until_seen(follower, &["1".to_owned()]).await;
    let shard = bench.shard(AUTHORS);
    let delivered = async {
        while shard
            .outbox()
            .page()
            .await
            .expect("read")
            .is_some_and(|page| !page.is_empty())
        {
            tokio::time::sleep(SOON).await;
        }
    };
    tokio::time::timeout(WITHIN, delivered).await.expect("delivered");
    assert_eq!(told::waits(&shard, author).await, Ok(true));
    assert_eq!(told::waits(&shard, follower).await, Ok(false));
    let page = shard.bridge_page(None, 10).await.expect("read");
    let gone: Vec<_> = page.found.iter().map(|found| *found.key()).collect();
    shard.note_bridged("s", &gone, None).await.expect("noted");
    assert_eq!(told::waits(&shard, author).await, Ok(false));
    bench.end().await;
}

#[tokio::test]
async fn a_server_that_is_killed_again_and_again_has_each_event_once_and_in_order() {
    let program = match program() {
        Ok(program) => program,
        Err(why) => {
            println!("skipped: {why}");
            return;
        }
    };
    platform_runtime::tls::install_ring();
    let dir = tempfile::tempdir().expect("a folder");
    let mut server = NatsServer::start(&program, dir.path(), "").expect("starts");
    server.ready(WITHIN).await.expect("up");
    let settings = Settings {
        servers: vec![server.address()],
        tls: None,
        credentials_file: None,
        prefix: "test".into(),
        replicas: 1,
        keep: Duration::from_secs(3_600),
        answer_within: Duration::from_secs(1),
    };
    let nats = Arc::new(Nats::connect(settings).await.expect("settings"));
    let (bench, author, follower) = bench(bridge(&nats, "nats-eu", false)).await;
    for round in 0..3 {
        let group = bench.tasks.child();
        bench.events.relay(&group);
        for number in 0..20 {
            bench.tell(author, follower, round * 20 + number).await;
            if number == 10 {
                server.kill().expect("killed");
            }
        }
        server.again().expect("again");
        server.ready(WITHIN).await.expect("up");
        group.token().cancel();
    }
    bench.events.relay(&bench.tasks);
    until_empty(&bench).await;
    let shard = shard_of(AUTHORS);
    let channel = nats.open(&shard).await.expect("open");
    let mut stream = Vec::new();
    while let Some(message) = channel.read(stream.len() as u64 + 1).await.expect("read") {
        stream.push(read_message_id(&shard, &message.id).expect("a name"));
    }
    assert_eq!(stream, told(&bench).await);
    assert_eq!(stream.len(), 60);
    bench.end().await;
}
