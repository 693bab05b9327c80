//! In which order a node ends: what it keeps and cannot use only keeps the others from taking over.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cell_store::Store;
use cell_store::embedded::{Embedded, EmbeddedOptions};
use platform_runtime::clock::Clock;
use platform_runtime::{CancellationToken, TaskGroup, data_dir};
use platform_wire::follow::Followed;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::hosted::start;
use super::leader::{Leader, lending, unborn};
use super::sample;
use super::until::until;
use crate::engine::Engine;
use crate::hosted::Hosted;
use crate::running::{Failure, Running};
use crate::telling::Telling;
use crate::wire::Wire;

const WITHIN: Duration = Duration::from_secs(60);
/// So long requests may take at the end of a node that was asked to stop: longer than this test.
const DRAIN_WITHIN: Duration = Duration::from_secs(600);
const ME: &str = "eu-central-1/0";
const SHARD: &str = "eu/eu-central/000";

/// A node that serves one shard, and a request that waits for an answer.
struct Scene {
    running: Running,
    /// Copies that were open when requests were no longer taken; one more, so that none at all is seen.
    open_at_the_end: Arc<AtomicUsize>,
    answered: CancellationToken,
    _dir: TempDir,
}

async fn scene() -> Scene {
    let dir = tempfile::tempdir().expect("a folder");
    let lock = data_dir::lock(&dir.path().join("node")).expect("its own");
    let options = EmbeddedOptions {
        worker_threads: 1,
        ..EmbeddedOptions::default()
    };
    let store = Embedded::open(&dir.path().join("store"), options).expect("it opens");
    let (tasks, shards, telling, clock) = (
        TaskGroup::new(),
        TaskGroup::new(),
        Telling::default(),
        Clock::system(),
    );
    let mut table = sample::table();
    let shard = SHARD.parse().expect("a shard");
    table.shards.insert(shard, unborn(ME, 1));
    let (sender, followed) = Followed::by_hand(table, &clock);
    let me = (ME.parse().expect("a node"), start(1));
    let lent = lending(Arc::<Embedded>::clone(&store) as Arc<dyn Store>, &telling);
    let hosted = Hosted::new(me, lent, shards.clone());
    hosted.keep(followed.table.clone(), &tasks);
    Leader::begin(&sender, &hosted, &telling, &tasks);
    let serving = tasks.child();
    until("it serves", async || !hosted.served().is_empty()).await;
    let (open_at_the_end, answered) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
    let (seen, token) = (Arc::clone(&open_at_the_end), serving.token());
    let (looked, waits) = (hosted.clone(), answered.clone());
    serving.spawn("a request", async move {
        token.cancelled().await;
        seen.store(looked.count() + 1, Ordering::SeqCst);
        waits.cancelled().await;
    });
    let running = Running {
        address: "127.0.0.1:1".to_owned(),
        hosted,
        telling,
        followed,
        store: Engine::Embedded(store),
        clock,
        room: (Arc::new(Semaphore::new(1)), 1),
        hearing: CancellationToken::new(),
        drain_within: DRAIN_WITHIN,
        serving,
        tasks,
        shards,
        _wire: Wire::start().expect("threads"),
        _lock: lock,
    };
    Scene {
        running,
        open_at_the_end,
        answered,
        _dir: dir,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_store_has_stopped_gives_up_its_copies_first_and_waits_for_nobody() {
    let scene = scene().await;
    let (hosted, hearing) = (scene.running.hosted.clone(), scene.running.hearing.clone());
    let failed = Failure::Store("planted".to_owned());
    let stopped = tokio::time::timeout(WITHIN, scene.running.stop(Some(&failed))).await;
    let all_ended = stopped.expect("a request that is not answered keeps nothing");
    assert!(!all_ended, "it was under way");
    assert_eq!(
        scene.open_at_the_end.load(Ordering::SeqCst),
        1,
        "nothing was open when requests ended"
    );
    assert!(hosted.served().is_empty() && hearing.is_cancelled());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_asked_to_stop_serves_until_its_requests_are_answered() {
    let scene = scene().await;
    let (answered, seen) = (scene.answered, Arc::clone(&scene.open_at_the_end));
    let answer = async {
        while seen.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        answered.cancel();
    };
    let both = async { tokio::join!(scene.running.stop(None), answer) };
    let (all_ended, ()) = tokio::time::timeout(WITHIN, both).await.expect("it ends");
    assert!(all_ended);
    assert_eq!(
        scene.open_at_the_end.load(Ordering::SeqCst),
        2,
        "its copy was open"
    );
}
