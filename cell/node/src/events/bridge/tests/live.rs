//! The same with a real server: it is killed, the bridge is killed, at any point, also between what the broker took and the
//! note of it.

#![allow(clippy::print_stdout, reason = "a test says what it skipped")]

use std::time::Duration;

use async_trait::async_trait;
use cell_bridge_nats::server::{NatsServer, program};
use cell_bridge_nats::{BridgeError, Channel, Message, Nats, Published, Source, Tail, read_message_id};
use parking_lot::Mutex;
use platform_model::{ShardId, WorldId};
use platform_runtime::CancellationToken;

use super::*;
use crate::events::tests::bench::WITHIN;

/// Every so many messages that the server took kill the bridge before it hears of it.
const KILLS_EVERY: u64 = 7;
const ROUNDS: u128 = 3;
const TOLD_A_ROUND: u128 = 20;

/// The real one, and who kills the bridge that uses it.
#[derive(Clone)]
struct Killing {
    inner: Arc<Nats>,
    bridge: Arc<Mutex<CancellationToken>>,
    taken: Arc<AtomicU64>,
}

struct KillingChannel {
    inner: Box<dyn Channel>,
    killing: Killing,
}

#[async_trait]
impl Broker for Killing {
    fn stream(&self, shard: &ShardId) -> String {
        self.inner.stream(shard)
    }

    async fn open(&self, shard: &ShardId) -> Result<Box<dyn Channel>, BridgeError> {
        Ok(Box::new(KillingChannel {
            inner: self.inner.open(shard).await?,
            killing: self.clone(),
        }))
    }
}

#[async_trait]
impl Channel for KillingChannel {
    async fn tail(&self) -> Result<Tail, BridgeError> {
        self.inner.tail().await
    }

    async fn publish(&self, after: u64, message: &Message) -> Result<(), BridgeError> {
        self.inner.publish(after, message).await?;
        let taken = self.killing.taken.fetch_add(1, Ordering::Relaxed) + 1;
        if taken.is_multiple_of(KILLS_EVERY) {
            let bridge = self.killing.bridge.lock().clone();
            bridge.cancel();
            // Whoever is killed hears nothing any more.
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn read(&self, sequence: u64) -> Result<Option<Published>, BridgeError> {
        self.inner.read(sequence).await
    }
}

/// A bridge, and another as often as one is killed, until nothing waits.
async fn bridges_until_empty(bench: &Bench, killing: &Killing) {
    until("all rows went", async || {
        let left = rows_left(bench).await;
        let is_dead = killing.bridge.lock().is_cancelled();
        if left > 0 && is_dead {
            another(bench, killing);
        }
        left == 0
    })
    .await;
}

fn another(bench: &Bench, killing: &Killing) {
    let group = bench.tasks.child();
    *killing.bridge.lock() = group.token();
    bench.events.relay(&group);
}

async fn stream_of(server: &NatsServer, source: &Source) -> Vec<EventKey> {
    let nats = Nats::connect(server.settings(WITHIN), source.world.clone()).await;
    let channel = nats.expect("settings").open(&source.shard).await.expect("open");
    let mut stream = Vec::new();
    while let Some(message) = channel.read(stream.len() as u64 + 1).await.expect("read") {
        stream.push(read_message_id(source, &message.id).expect("a name"));
    }
    stream
}

#[tokio::test]
async fn a_server_and_bridges_that_are_killed_again_and_again_leave_each_event_once_and_in_order() {
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
    let source = Source {
        world: WorldId::new(&"a".repeat(64)).expect("an id"),
        shard: shard_of(AUTHORS),
    };
    let impatient = server.settings(Duration::from_secs(1));
    let nats = Nats::connect(impatient, source.world.clone()).await;
    let killing = Killing {
        inner: Arc::new(nats.expect("settings")),
        bridge: Arc::default(),
        taken: Arc::default(),
    };
    let (bench, author, follower) = bench(bridge(&Arc::new(killing.clone()), "nats-eu")).await;
    another(&bench, &killing);
    for round in 0..ROUNDS {
        for number in 0..TOLD_A_ROUND {
            bench.tell(author, follower, round * TOLD_A_ROUND + number).await;
            if number == 5 + round * 4 {
                server.kill().expect("killed");
            }
        }
        server.again().expect("again");
        server.ready(WITHIN).await.expect("up");
        if round == 1 {
            // Once it is killed in the middle of whatever it does.
            killing.bridge.lock().cancel();
        }
        bridges_until_empty(&bench, &killing).await;
    }
    let stream = stream_of(&server, &source).await;
    assert_eq!(stream, told(&bench).await);
    assert_eq!(stream.len() as u128, ROUNDS * TOLD_A_ROUND);
    assert!(
        killing.taken.load(Ordering::Relaxed) >= KILLS_EVERY,
        "a bridge was killed"
    );
    bench.end().await;
}
