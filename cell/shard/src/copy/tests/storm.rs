//! Everything at once: a network that loses, delays and doubles, nodes that are killed and start again, planned changes of
//! the primary; and what the clients saw has an order, that of the log.

use std::sync::Arc;

use chaos::checkers::strict_serializable;
use chaos::history::Outcome;
use control_plane_state::shard_config::{ConfigCommand, ConfigPhase};
use parking_lot::Mutex;

use super::world::{Weather, World};
use crate::tests::{Load, run_in};
use crate::{Mode, Shard};

/// The handle of whoever serves, as clients find it.
async fn follow(world: Arc<World>, owner: Arc<Mutex<Shard>>) {
    loop {
        if let Some(shard) = world.server() {
            let newer = owner.lock().status().term != shard.status().term;
            if newer {
                *owner.lock() = shard;
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

/// One fault after the other, each once the load has gone on for a while.
async fn trouble(world: Arc<World>, seed: u64, times: u64) {
    for round in 0..times {
        let before = world.serving().await.status().committed.0;
        world
            .until("the load goes on", || {
                world
                    .server()
                    .is_none_or(|shard| shard.status().committed.0 > before + 25)
            })
            .await;
        let leads = world.ctl.config().primary.node.ordinal;
        let victim = (leads + u16::try_from((seed + round) % 3).unwrap_or(0)) % 3;
        match (seed + round) % 4 {
            3 => {
                let config = world.ctl.config();
                if let Some(target) = config.candidates().nth(1)
                    && config.phase == ConfigPhase::Steady
                {
                    world.ctl.command(ConfigCommand::BeginHandover {
                        target: target.replica,
                        certificate: None,
                        needs_certificate: false,
                    });
                }
            }
            2 => {
                world.cut(leads, (leads + 1) % 3);
                tokio::time::sleep(std::time::Duration::from_millis(900)).await;
                world.heal();
            }
            _ => {
                world.kill(victim).await;
                tokio::time::sleep(std::time::Duration::from_millis(100 * (seed % 7))).await;
                world.start(victim).await;
            }
        }
    }
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_see_through_failovers_is_strictly_serializable() {
    for seed in 1..=2 {
        let world = World::begin().await;
        world.add_standby(1).await;
        world.add_standby(2).await;
        *world.net.weather.lock() = Weather {
            lost: 15,
            doubled: 20,
            late: 60,
            ..Weather::default()
        };
        let owner = Arc::new(Mutex::new(world.serving().await));
        let load = Load {
            clients: 6,
            transactions: 150,
            seed,
        };
        let history = tokio::select! {
            history = run_in(Arc::clone(&owner), load, Mode::Sync) => history,
            () = follow(Arc::clone(&world), Arc::clone(&owner)) => unreachable!("it never ends"),
            () = trouble(Arc::clone(&world), seed, 6) => unreachable!("it never ends"),
        };
        let operations = &history.operations;
        let done = operations
            .iter()
            .filter(|operation| operation.outcome == Outcome::Done)
            .count();
        let epoch = world.ctl.config().epoch;
        println!("seed {seed}: {done} of {} done, {epoch}", operations.len());
        // Tries that met nobody who served are in the history too, and do not count here.
        assert!(
            done as u64 * 2 > load.clients * load.transactions,
            "most of the load went through: {done}"
        );
        strict_serializable(&history).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
    }
}
