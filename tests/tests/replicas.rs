//! Shards with standbys on real processes: a node is killed, or asked to stop; another serves, and nothing that was
//! acknowledged is lost.

#![allow(
    clippy::print_stdout,
    reason = "a test says what it skipped and what it measured"
)]

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use platform_model::{RoutingTable, ShardId, ShardRoute};
use platform_runtime::clock::Clock;
use tests::scene::{HOME, Scene, WITHIN, node, of_home, seat};

const DIES: &str = "celld-eu-central-1";
const WRITES_BEFORE: u32 = 20;
const WRITES_AFTER: u32 = 20;

/// Gives every shard of the home a standby in another region, and waits until all are in sync.
async fn survive(scene: &Scene) -> Result<RoutingTable> {
    let home = HOME.parse()?;
    scene.processes.set_survival(&home, "region").await?;
    scene.whole(None).await
}

/// What there is of copies, for whoever reads why a test failed.
fn sets(table: &RoutingTable) -> String {
    let line = |(shard, route): (&ShardId, &ShardRoute)| {
        format!("\n{shard}: {} {} {:?}", route.node, route.epoch, route.set)
    };
    of_home(table).map(line).collect()
}

/// Killed, not stopped: the next write of everybody is taken all the same, and what was acknowledged before is there.
#[tokio::test]
async fn a_cell_that_is_killed_takes_no_write_with_it() -> Result<()> {
    let Some(scene) = Scene::up()? else {
        return Ok(());
    };
    let before = survive(&scene).await?;
    let person = scene.person_of_home("Ada").await?;
    for n in 0..WRITES_BEFORE {
        scene.write(&person, &format!("Ada {n}")).await?;
    }
    let dead = node(DIES)?;
    let served = of_home(&before).filter(|(_, route)| route.node == dead).count();
    assert!(served > 0, "nothing of the home is on {dead}");
    scene.processes.kill(&seat(DIES)?).await?;
    let clock = Clock::system();
    let began = clock.monotonic();
    // Whoever serves now has all that was acknowledged, before anything new is written.
    let kept = scene.read(&person).await?;
    assert_eq!(kept, format!("Ada {}", WRITES_BEFORE - 1));
    let tries = scene.write(&person, "Ada after").await?;
    println!(
        "acknowledged after {:?}, sent {tries} times",
        clock.monotonic() - began
    );
    assert_eq!(scene.read(&person).await?, "Ada after");
    for n in 0..WRITES_AFTER {
        scene.write(&person, &format!("Ada again {n}")).await?;
    }
    scene
        .status_until("another node serves every shard of the home", |status| {
            of_home(&status.table).all(|(_, route)| route.node != dead)
        })
        .await?;
    Ok(())
}

/// Asked to stop, a cell hands over what it leads and then goes: nobody waits for a failover.
#[tokio::test]
async fn a_cell_that_is_asked_to_stop_hands_over_before_it_leaves() -> Result<()> {
    let Some(scene) = Scene::up()? else {
        return Ok(());
    };
    let before = survive(&scene).await?;
    let person = scene.person_of_home("Ada").await?;
    let (leaver, leaves) = (seat(DIES)?, node(DIES)?);
    let led = |table: &RoutingTable| of_home(table).filter(|(_, route)| route.node == leaves).count();
    assert!(led(&before) > 0, "nothing of the home is on {leaves}");
    let (admin, stopped) = (scene.processes.admin()?, AtomicBool::new(false));
    let writes = async {
        let (mut count, mut tries) = (0, 0);
        while !stopped.load(Ordering::Relaxed) || count < WRITES_BEFORE {
            tries += scene.write(&person, &format!("Ada {count}")).await?;
            count += 1;
        }
        anyhow::Ok((count, tries))
    };
    let stops = async {
        let killed = scene.processes.stop(&leaver, WITHIN).await;
        // Before anybody could have found it missing.
        let status = admin.status().await;
        stopped.store(true, Ordering::Relaxed);
        anyhow::Ok((killed?, status?.table))
    };
    let (written, after) = tokio::join!(writes, stops);
    let ((count, tries), (killed, after)) = (written?, after?);
    assert!(!killed, "it had to be killed");
    println!("{count} writes, sent {tries} times");
    assert_eq!(led(&after), 0, "it left what it led: {}", sets(&after));
    assert_eq!(scene.read(&person).await?, format!("Ada {}", count - 1));
    scene.write(&person, "Ada after").await?;
    assert_eq!(scene.read(&person).await?, "Ada after");
    Ok(())
}
