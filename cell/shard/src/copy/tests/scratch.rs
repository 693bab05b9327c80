//! Scratch.
use std::sync::Arc;
use std::time::Duration;

use cell_store::embedded::{Embedded, EmbeddedOptions};

use super::world::{World, try_write};
use crate::{Mode, Shard};

async fn load(shard: Shard, clients: usize) -> (u64, Duration) {
    let clock = platform_runtime::Clock::system();
    let until = clock.monotonic() + Duration::from_secs(4);
    let mut set = tokio::task::JoinSet::new();
    for c in 0..clients {
        let (shard, clock) = (shard.clone(), clock.clone());
        set.spawn(async move {
            let mut took = Vec::new();
            while clock.monotonic() < until {
                let began = clock.monotonic();
                try_write(
                    &shard,
                    &format!("k{c}/{}", took.len()),
                    &"v".repeat(200),
                    Mode::Async,
                    Duration::from_secs(9),
                )
                .await
                .expect("w");
                took.push(clock.monotonic() - began);
            }
            took
        });
    }
    let mut all: Vec<Duration> = set.join_all().await.into_iter().flatten().collect();
    all.sort();
    (all.len() as u64 / 4, all[all.len() / 2])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scratch_speed() {
    if std::env::var("SCRATCH").is_err() {
        return;
    }
    for clients in [1, 16, 64] {
        for _ in 0..3 {
            let folder = tempfile::tempdir().expect("f");
            let store = Embedded::open(folder.path(), EmbeddedOptions::default()).expect("o");
            let solo = crate::tests::open(store, 1).await.expect("o");
            let a = load(solo, clients).await;
            let folder = tempfile::tempdir().expect("f");
            let store = Embedded::open(folder.path(), EmbeddedOptions::default()).expect("o");
            let world: Arc<World> = World::begin_with(Default::default(), Default::default(), store).await;
            let b = load(world.serving().await, clients).await;
            println!("{clients} clients: alone {a:?}, copy {b:?}");
        }
    }
}
