//! Copies are open as the table says, and serve once the leader has confirmed it.

use std::sync::Arc;
use std::time::Duration;

use cell_law::Law;
use cell_shard::{Mode, Request, Scope, WriteError};
use cell_store::Store;
use cell_store::memory::Memory;
use platform_model::{Epoch, Incarnation, Node, Position, RoutingTable, ShardId, Start};
use platform_runtime::TaskGroup;
use tokio::sync::watch;

use super::leader::{Leader, lending, unborn};
use super::sample;
use super::until::until;
use crate::hosted::{Hosted, Lending};
use crate::telling::Telling;

const WITHIN: Duration = Duration::from_secs(20);

fn table(routes: &[(&str, &str, u64)]) -> Arc<RoutingTable> {
    let mut table = sample::table();
    for (shard, node, epoch) in routes {
        table
            .shards
            .insert(shard.parse().expect("a shard"), unborn(node, *epoch));
    }
    Arc::new(table)
}

/// A node's copies, its table, and who leads.
struct Bench {
    tasks: TaskGroup,
    hosted: Hosted,
    leader: Leader,
    table: watch::Sender<Arc<RoutingTable>>,
}

impl Bench {
    fn new(store: Arc<dyn Store>, start: Start, table: Arc<RoutingTable>) -> Self {
        let telling = Telling::default();
        Self::lent(lending(store, &telling), &telling, (start, table))
    }

    fn lent(lent: Lending, telling: &Telling, (start, table): (Start, Arc<RoutingTable>)) -> Self {
        let tasks = TaskGroup::new();
        let (sender, receiver) = watch::channel(table);
        let me = (ME.parse().expect("a node"), start);
        let hosted = Hosted::new(me, lent, tasks.child());
        hosted.keep(receiver, &tasks);
        let leader = Leader::begin(&sender, &hosted, telling, &tasks);
        Self {
            tasks,
            hosted,
            leader,
            table: sender,
        }
    }

    fn epoch(&self, shard: &ShardId) -> Option<u64> {
        self.hosted.get(shard).map(|open| open.epoch().0)
    }

    async fn end(self) {
        self.hosted.close_all().await;
        assert!(self.tasks.shutdown(WITHIN).await);
    }
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

const ME: &str = "eu-central-1/0";
const OTHER: &str = "eu-west-1/0";
const ONE: &str = "eu/eu-central/000";
const TWO: &str = "eu/eu-central/001";
const KEYS: &str = "eu/eu-central/keys";

#[tokio::test]
async fn copies_open_move_to_later_epochs_and_close_as_the_table_says() {
    let bench = Bench::new(Memory::new(), start(1), table(&[(ONE, ME, 1), (TWO, OTHER, 1)]));
    let (one, two): (ShardId, ShardId) = (ONE.parse().expect("a shard"), TWO.parse().expect("a shard"));
    until("the first serves", async || bench.epoch(&one) == Some(1)).await;
    assert_eq!(bench.epoch(&two), None, "it is another node's");
    assert!(bench.hosted.copy(&two).is_none());
    bench.leader.promote(&one, 3);
    until("it serves in its new epoch", async || {
        bench.epoch(&one) == Some(3)
    })
    .await;
    assert_eq!(bench.hosted.missing(&table(&[(ONE, ME, 1), (TWO, ME, 2)])), 1);
    bench.end().await;
}

/// The planted omission: a key shard's log is held, and destroyed keys in it.
#[tokio::test]
async fn where_logs_are_kept_elsewhere_shards_hold_theirs_from_the_first_moment_and_key_shards_never() {
    let telling = Telling::default();
    let lent = Lending {
        log_kept_elsewhere: true,
        ..lending(Memory::new(), &telling)
    };
    let bench = Bench::lent(lent, &telling, (start(1), table(&[(ONE, ME, 1), (KEYS, ME, 1)])));
    for (shard, wanted) in [(ONE, Some(Position(0))), (KEYS, None)] {
        let shard: ShardId = shard.parse().expect("a shard");
        until("it serves", async || bench.hosted.get(&shard).is_some()).await;
        let serving = bench.hosted.get(&shard).expect("it serves");
        assert_eq!(serving.log_wanted_behind(), wanted, "{shard}");
    }
    bench.end().await;
}

/// What the table gives to another node serves no more, is erased when that is ordered, and is closed after that.
#[tokio::test]
async fn a_copy_that_is_taken_away_is_erased_on_order_and_closed_once_that_was_heard() {
    let store = Memory::new();
    let bench = Bench::new(store.clone(), start(1), table(&[(ONE, ME, 1), (TWO, ME, 1)]));
    let (one, two): (ShardId, ShardId) = (ONE.parse().expect("a shard"), TWO.parse().expect("a shard"));
    until("both serve", async || {
        bench.epoch(&one).is_some() && bench.epoch(&two).is_some()
    })
    .await;
    assert_eq!(cell_shard::copies(&*store).await.expect("reads").len(), 2);
    bench.leader.take_away(&one, OTHER, 9);
    until("it is closed", async || bench.hosted.copy(&one).is_none()).await;
    let left = cell_shard::copies(&*store).await.expect("reads");
    assert_eq!(left.iter().map(|(shard, _)| shard).collect::<Vec<_>>(), [&two]);
    assert_eq!(bench.epoch(&two), Some(1), "it has nothing to do with it");
    bench.end().await;
}

/// Somebody took the store's fence: what was open here writes nothing any more, and is opened again.
#[tokio::test]
async fn a_copy_that_failed_is_opened_again() {
    let (store, telling) = (Memory::new(), Telling::default());
    let bench = Bench::new(store.clone(), start(1), table(&[(ONE, ME, 1)]));
    let one: ShardId = ONE.parse().expect("a shard");
    until("it serves", async || bench.hosted.get(&one).is_some()).await;
    let first = bench.hosted.get(&one).expect("it serves");
    let lent = lending(store, &telling);
    let settings = cell_shard::CopySettings::new(one.clone(), lent.world, ME.parse().expect("a node"));
    let tasks = TaskGroup::new();
    let taker = cell_shard::Copy::open(lent.store, settings, lent.clock, &tasks, lent.peers, lent.control);
    let taker = taker.await.expect("it takes the fence");
    let request = Request {
        actor: platform_model::Actor::Anonymous,
        domain: "test",
        request_id: platform_model::RequestId::from_uuid(uuid::Uuid::nil()),
        mode: Mode::Sync,
        scope: Scope::Shared("test"),
        not_older_than: None,
        deadline: WITHIN,
    };
    let write = async |shard: &cell_shard::Shard| {
        shard
            .write(&request, |tx| async move { tx.put(b"k", b"v".as_slice()) })
            .await
    };
    let written = write(&first).await;
    assert!(
        matches!(written, Err(WriteError::Fenced | WriteError::Unknown)),
        "{written:?}"
    );
    taker.close().await;
    let again = async {
        loop {
            if let Some(shard) = bench.hosted.get(&one)
                && write(&shard).await.is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(WITHIN, again)
        .await
        .expect("it serves again");
    bench.end().await;
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
        let bench = Bench::new(Memory::new(), start(2), knowing(known));
        tokio::time::timeout(WITHIN, bench.hosted.superseded())
            .await
            .expect("it gives way");
        assert_eq!(bench.hosted.count(), 0, "{known}");
        bench.end().await;
    }
}

#[tokio::test]
async fn a_later_start_opens_its_copies_and_ends_when_a_still_later_one_is_known() {
    let bench = Bench::new(Memory::new(), start(5), knowing(start(4)));
    until("it is open", async || bench.hosted.count() == 1).await;
    bench.table.send_replace(knowing(start(6)));
    until("it is closed: a later start is known", async || {
        bench.hosted.count() == 0
    })
    .await;
    bench.end().await;
}

/// Whatever the table says: a controller that gave a shard to this node may be wrong.
#[tokio::test]
async fn a_shard_that_the_law_forbids_here_is_not_begun_and_what_is_begun_goes_on() {
    const US: &str = "us/us-east/000";
    let store = Memory::new();
    let bench = Bench::new(store.clone(), start(1), table(&[(US, ME, 1), (ONE, ME, 1)]));
    let (us, one): (ShardId, ShardId) = (US.parse().expect("a shard"), ONE.parse().expect("a shard"));
    until("the lawful one is open", async || {
        bench.hosted.get(&one).is_some()
    })
    .await;
    assert!(bench.hosted.copy(&us).is_none());
    assert_eq!(
        cell_shard::copies(&*store).await.expect("reads").len(),
        1,
        "nothing of it lies here"
    );
    // The law forbids what is here now: it is served on, and reported as what it is.
    bench.table.send_modify(|table| {
        let mut narrowed = table.as_ref().clone();
        narrowed.law = Some(platform_model::LawInForce {
            revision: 2,
            ..sample::law_without("eu-central")
        });
        *table = Arc::new(narrowed);
    });
    bench.leader.promote(&one, 2);
    until("it serves in the later epoch", async || {
        bench
            .hosted
            .get(&one)
            .is_some_and(|shard| shard.epoch() == Epoch(2))
    })
    .await;
    let copies = bench.hosted.copies(&bench.table.borrow().clone());
    assert!(copies.len() == 1 && copies[0].denied.is_some(), "{copies:?}");
    bench.end().await;
}

/// The planted omission: a node says that it knows of nothing newer while what lies closed on its disk was written later than its
/// table. A world whose controllers were lost would go on without what was written there.
#[tokio::test]
async fn who_holds_what_is_not_told_by_a_table_that_is_older_than_a_copy_on_the_disk() {
    let store = Memory::new();
    let one: ShardId = ONE.parse().expect("a shard");
    let bench = Bench::new(store.clone(), start(1), table(&[(ONE, ME, 1)]));
    until("it serves", async || bench.epoch(&one) == Some(1)).await;
    bench.leader.promote(&one, 3);
    until("it serves in its new epoch", async || {
        bench.epoch(&one) == Some(3)
    })
    .await;
    let knows = bench.table.borrow().clone();
    assert!(
        bench.hosted.may_tell(&knows),
        "all that it gives this node is open"
    );
    assert!(
        !bench.hosted.may_tell(&table(&[(TWO, ME, 1)])),
        "the other is not"
    );
    bench.end().await;
    let (older, newer) = (table(&[(ONE, OTHER, 2)]), table(&[(ONE, OTHER, 3)]));
    let bench = Bench::new(store, start(2), newer.clone());
    until("it is known what lies here", async || {
        bench.hosted.may_tell(&newer)
    })
    .await;
    assert!(!bench.hosted.may_tell(&older), "it was written in epoch 3");
    assert!(
        !bench.hosted.may_tell(&sample::table()),
        "it is of a shard that the table does not have"
    );
    bench.end().await;
}
