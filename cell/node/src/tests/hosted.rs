//! Shards are open as the table says.

use std::sync::Arc;
use std::time::Duration;

use cell_store::memory::Memory;
use platform_model::{Epoch, Incarnation, Node, RoutingTable, ShardId, ShardRoute, Start};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use tokio::sync::watch;

use super::sample;
use crate::hosted::Hosted;
use cell_law::Law;

const WITHIN: Duration = Duration::from_secs(20);

fn table(routes: &[(&str, &str, u64)]) -> Arc<RoutingTable> {
    let mut table = sample::table();
    for (shard, node, epoch) in routes {
        let route = ShardRoute::single(
            node.parse().expect("a node"),
            Epoch(*epoch),
            platform_model::ReplicaId(7),
        );
        table.shards.insert(shard.parse().expect("a shard"), route);
    }
    Arc::new(table)
}

/// A start on this node's one copy of its data.
pub fn start(incarnation: u64) -> Start {
    Start {
        incarnation: Incarnation(incarnation),
        copy: 7,
        process: incarnation,
    }
}

/// The law as this node reads it, confirmed just now.
pub fn lawful() -> Law {
    Law::new("eu-central".parse().expect("a region"), sample::CATALOGUE, || 0)
}

/// The table, with what the controllers know of this node.
fn knowing(known: Start) -> Arc<RoutingTable> {
    let mut table = table(&[(ONE, ME, 1)]).as_ref().clone();
    let node = Node {
        address: "127.0.0.1:1".into(),
        start: known,
    };
    table.nodes.insert(ME.parse().expect("a node"), node);
    Arc::new(table)
}

async fn until(what: &str, so: impl Fn() -> bool) {
    let wait = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(WITHIN, wait)
        .await
        .unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

const ME: &str = "eu-central-1/0";
const OTHER: &str = "eu-west-1/0";
const ONE: &str = "eu/eu-central/000";
const TWO: &str = "eu/eu-central/001";

#[tokio::test]
async fn shards_open_move_to_later_epochs_and_close_as_the_table_says() {
    let tasks = TaskGroup::new();
    let hosted = Hosted::new(
        Memory::new(),
        (ME.parse().expect("a node"), start(1)),
        lawful(),
        Clock::system(),
        tasks.child(),
    );
    let (sender, receiver) = watch::channel(table(&[(ONE, ME, 1), (TWO, OTHER, 1)]));
    hosted.keep(receiver, &tasks);
    let (one, two): (ShardId, ShardId) = (ONE.parse().expect("a shard"), TWO.parse().expect("a shard"));
    let epoch = |shard: &ShardId| hosted.get(shard).map(|open| open.epoch().0);
    until("the first is open", || epoch(&one) == Some(1)).await;
    assert_eq!(epoch(&two), None, "it is another node's");
    sender.send_replace(table(&[(ONE, ME, 3), (TWO, ME, 2)]));
    until("both are open in their epochs", || {
        epoch(&one) == Some(3) && epoch(&two) == Some(2)
    })
    .await;
    sender.send_replace(table(&[(ONE, OTHER, 4), (TWO, ME, 2)]));
    until("the first is closed", || epoch(&one).is_none()).await;
    assert_eq!(hosted.missing(&table(&[(ONE, ME, 1), (TWO, ME, 2)])), 1);
    assert!(tasks.shutdown(WITHIN).await);
}

/// Two processes under one name on one store: the later one's fence ends the earlier one's term.
#[tokio::test]
async fn a_shard_that_another_took_is_not_served_on() {
    let tasks = TaskGroup::new();
    let store = Memory::new();
    let hosted = Hosted::new(
        store.clone(),
        (ME.parse().expect("a node"), start(1)),
        lawful(),
        Clock::system(),
        tasks.child(),
    );
    let (_sender, receiver) = watch::channel(table(&[(ONE, ME, 1)]));
    hosted.keep(receiver, &tasks);
    let one: ShardId = ONE.parse().expect("a shard");
    until("it is open", || hosted.get(&one).is_some()).await;
    let taker = Hosted::new(
        store,
        (OTHER.parse().expect("a node"), start(1)),
        lawful(),
        Clock::system(),
        tasks.child(),
    );
    let (_later, receiver) = watch::channel(table(&[(ONE, OTHER, 2)]));
    taker.keep(receiver, &tasks);
    until("the taker has it", || taker.get(&one).is_some()).await;
    let shard = hosted.get(&one);
    if let Some(shard) = shard {
        let request = cell_shard::Request {
            actor: platform_model::Actor::Anonymous,
            domain: "test",
            request_id: platform_model::RequestId::from_uuid(uuid::Uuid::nil()),
            mode: cell_shard::Mode::Sync,
            scope: cell_shard::Scope::Shared("test"),
            not_older_than: None,
            deadline: WITHIN,
        };
        let written = shard
            .write(&request, |tx| async move { tx.put(b"k", b"v".as_slice()) })
            .await;
        assert!(
            matches!(written, Err(cell_shard::WriteError::Fenced)),
            "{written:?}"
        );
    }
    until("the first knows", || hosted.get(&one).is_none()).await;
    assert!(tasks.shutdown(WITHIN).await);
}

/// An empty disk under the old name, a restored image, and a process that a later one has replaced.
#[tokio::test]
async fn a_start_that_does_not_follow_the_known_one_serves_nothing_and_ends() {
    let known = [
        Start { copy: 8, ..start(1) },
        Start {
            process: 99,
            ..start(2)
        },
        start(3),
    ];
    for known in known {
        let tasks = TaskGroup::new();
        let me = (ME.parse().expect("a node"), start(2));
        let hosted = Hosted::new(Memory::new(), me, lawful(), Clock::system(), tasks.child());
        let (_sender, receiver) = watch::channel(knowing(known));
        hosted.keep(receiver, &tasks);
        tokio::time::timeout(WITHIN, hosted.superseded())
            .await
            .expect("it gives way");
        assert_eq!(hosted.count(), 0, "{known}");
        assert!(tasks.shutdown(WITHIN).await);
    }
}

#[tokio::test]
async fn a_later_start_serves_before_any_controller_answers() {
    let tasks = TaskGroup::new();
    let me = (ME.parse().expect("a node"), start(5));
    let hosted = Hosted::new(Memory::new(), me, lawful(), Clock::system(), tasks.child());
    let (sender, receiver) = watch::channel(knowing(start(4)));
    hosted.keep(receiver, &tasks);
    until("it is open", || hosted.count() == 1).await;
    sender.send_replace(knowing(start(6)));
    until("it is closed: a later start is known", || hosted.count() == 0).await;
    assert!(tasks.shutdown(WITHIN).await);
}

/// Whatever the table says: a controller that gave a shard to this node may be wrong.
#[tokio::test]
async fn a_shard_that_the_law_forbids_here_is_not_begun_and_what_is_begun_goes_on() {
    const US: &str = "us/us-east/000";
    let tasks = TaskGroup::new();
    let store = Memory::new();
    let me = (ME.parse().expect("a node"), start(1));
    let hosted = Hosted::new(store.clone(), me, lawful(), Clock::system(), tasks.child());
    let (sender, receiver) = watch::channel(table(&[(US, ME, 1), (ONE, ME, 1)]));
    hosted.keep(receiver, &tasks);
    let (us, one): (ShardId, ShardId) = (US.parse().expect("a shard"), ONE.parse().expect("a shard"));
    until("the lawful one is open", || hosted.get(&one).is_some()).await;
    assert!(hosted.get(&us).is_none());
    assert_eq!(
        cell_shard::copies(&*store).await.expect("reads").len(),
        1,
        "nothing of it lies here"
    );
    // The law forbids what is here now: it is served on, and reported as what it is.
    let mut narrowed = table(&[(ONE, ME, 2)]).as_ref().clone();
    narrowed.law = Some(platform_model::LawInForce {
        revision: 2,
        ..sample::law_without("eu-central")
    });
    let narrowed = Arc::new(narrowed);
    sender.send_replace(Arc::clone(&narrowed));
    until("it is open in the later epoch", || {
        hosted.get(&one).is_some_and(|shard| shard.epoch() == Epoch(2))
    })
    .await;
    let copies = hosted.copies(&narrowed);
    assert!(copies.len() == 1 && copies[0].denied.is_some(), "{copies:?}");
    assert!(tasks.shutdown(WITHIN).await);
}
