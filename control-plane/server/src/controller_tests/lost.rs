//! Controllers that are gone: what goes on without them, and what must not.

use std::time::Duration;

use platform_model::Role;
use platform_wire::admin::{Member, WorldSpec};

use super::{node, start};
use crate::testing::{WITHIN, World, eventually, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_world_goes_on_without_its_leader_and_the_table_without_any_controller() {
    let mut world = World::made(3).await;
    let router = world.follow("r1");
    assert!(router.ready(WITHIN).await);
    let leader = world.leader().await;
    world.stop(leader).await;
    world.leader().await;
    let first = node("eu-west-1/0");
    let reports = world.reports(&first, "eu-west", world.addresses());
    within("a registration", async {
        while let Err(error) = reports.register_node(&first, "127.0.0.1:9", start(1)).await {
            assert!(error.retryable(), "{error}");
        }
    })
    .await;
    eventually("the new node", async || {
        router.current().nodes.contains_key(&first).then_some(())
    })
    .await;
    let before = router.current();
    world.stop_all().await;
    assert_eq!(router.current(), before, "the table is served on");
    // A process that starts now has its copy on disk alone.
    let restarted = eventually("the copy", async || {
        let restarted = world.follow("r1");
        (restarted.current() == before).then_some(restarted)
    })
    .await;
    assert!(restarted.ready(WITHIN).await);
    for id in 1..=3 {
        world.start(id).await;
    }
    world.leader().await;
    eventually("a confirmed table", async || {
        (restarted.age_ms() < 5_000).then_some(())
    })
    .await;
    assert_eq!(restarted.current(), before, "nothing was lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_survivor_without_a_quorum_confirms_nothing() {
    let mut world = World::made(3).await;
    let router = world.follow("r1");
    assert!(router.ready(WITHIN).await);
    let leader = world.leader().await;
    let other = (1..=3).find(|id| *id != leader).expect("there are three");
    world.stop(leader).await;
    world.stop(other).await;
    let left = world.running.values().next().expect("one runs").raft().clone();
    eventually("silence", async || (!left.hears_leader().await).then_some(())).await;
    let age = router.age_ms();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(
        router.age_ms() >= age.saturating_add(2_000),
        "nobody confirms the table: {age} ms, {} ms",
        router.age_ms()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_controller_without_its_disk_starts_no_second_world() {
    let mut world = World::alone(3).await;
    let admin = world.admin(Role::Sre);
    admin
        .init_world(&WorldSpec::dev("meridian.test"))
        .await
        .expect("made");
    for id in [2, 3] {
        world.start(id).await;
        let address = world.addresses()[usize::try_from(id - 1).expect("small")].clone();
        let member = Member { id, address };
        within("a new voter", async {
            while let Err(error) = admin.add_member(&member, "a test").await {
                assert!(error.retryable(), "{error}");
            }
        })
        .await;
    }
    world.stop(1).await;
    world.leader().await;
    let mut settings = world.settings(1);
    std::fs::remove_dir_all(&settings.config.data_dir).expect("the disk is lost");
    settings.peers.retain(|id, _| *id == 1);
    settings.config.bootstrap = true;
    let amnesiac = world.try_start(settings).await.expect("starts");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(
        !amnesiac.raft().initialized().await,
        "it must not begin a world of its own"
    );
    assert!(amnesiac.shutdown().await);
}
