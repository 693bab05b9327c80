//! What a run does with standbys and moves: they are asked for, go on during faults, and must be whole again afterwards.

use std::time::Duration;

use anyhow::{Context, Result};
use cli_world::{Progress, World};
use platform_model::{HomeId, NodeId};
use platform_runtime::clock::Clock;
use platform_wire::operation::{MoveShard, MoveTo};

use crate::faults::{Fault, Scene, Strike};
use crate::load::{COPIED_HOME, Load};

/// For the first copies of all shards of a home.
const COPIED_WITHIN: Duration = Duration::from_secs(120);
/// For all copies to be in sync again after a fault.
pub const WHOLE_WITHIN: Duration = Duration::from_secs(60);
/// For a move to end, whatever was struck meanwhile.
const MOVED_WITHIN: Duration = Duration::from_secs(90);
/// For a comparison of one shard.
const COMPARED_WITHIN: Duration = Duration::from_secs(60);
/// Before the move of a round begins: the load is under way then, and the fault is not there yet.
const BEFORE_A_MOVE: Duration = Duration::from_millis(700);
/// How long the old copy of a moved shard is kept.
const WINDOW_MS: u64 = 500;
/// The two nodes between which shards are moved.
const NODES: [&str; 2] = ["eu-central-1/0", "eu-west-1/0"];

/// A move that went on during a round.
#[derive(Debug, Clone)]
pub struct Moved {
    /// `done`, `cancelled`, or what went wrong.
    pub end: String,
    /// Whether it came to an end at all.
    pub is_over: bool,
    pub took: Duration,
}

pub fn home() -> HomeId {
    COPIED_HOME.parse().expect("a home")
}

/// Gives the shards of one home standbys.
///
/// # Errors
/// When the controllers refuse, or the copies do not come.
pub async fn raise(world: &World, goal: &str, progress: &dyn Progress) -> Result<()> {
    progress.progress(&format!("{COPIED_HOME} is to survive the loss of a {goal}"));
    world.set_survival(&home(), goal).await?;
    let took = world.wait_for_standbys(&home(), COPIED_WITHIN).await?;
    progress.progress(&format!(
        "every shard of {COPIED_HOME} has a standby in sync after {took:.1?}"
    ));
    Ok(())
}

/// The time until every shard could lose its primary again; none if that takes too long.
pub async fn whole(world: &World) -> Option<Duration> {
    world.wait_for_standbys(&home(), WHOLE_WITHIN).await.ok()
}

/// Compares all copies. Gives what differs.
pub async fn compare(world: &World) -> Vec<String> {
    match world.compare_copies(&home(), COMPARED_WITHIN).await {
        Ok(wrong) => wrong,
        Err(why) => vec![format!("{why:#}")],
    }
}

/// How long the writes of those were not answered who have a standby, if a node of theirs was killed or stopped.
pub fn failover(load: &Load, strike: &Strike) -> Option<Duration> {
    let node = strike.node.as_ref()?;
    if !matches!(strike.fault, Fault::KillCell | Fault::StopCell) {
        return None;
    }
    let copied = load.residents.iter().enumerate();
    let copied = copied.filter(|(_, resident)| resident.seats.len() > 1 && resident.seats.contains(node));
    copied.map(|(person, _)| load.record.silence_of(person)).max()
}

/// Moves the shard of the first person of the moved home, beside whatever else goes on.
pub async fn during(scene: &Scene<'_>, load: &Load, moves: bool) -> Option<Moved> {
    if !moves {
        return None;
    }
    let clock = Clock::system();
    clock.sleep(BEFORE_A_MOVE).await;
    let begun = clock.monotonic();
    let end = move_one(scene, load).await;
    let took = clock.monotonic().saturating_sub(begun);
    Some(match end {
        Ok(end) => Moved {
            end,
            is_over: true,
            took,
        },
        Err(why) => Moved {
            end: format!("{why:#}"),
            is_over: false,
            took,
        },
    })
}

async fn move_one(scene: &Scene<'_>, load: &Load) -> Result<String> {
    let admin = scene.world.admin()?;
    let status = admin.status().await.map_err(cli_world::operator::explain)?;
    let resident = load
        .residents
        .iter()
        .find(|resident| resident.person.home == home());
    let person = &resident.context("nobody lives in the moved home")?.person;
    let shard = status
        .table
        .shard_of_user(&person.home, person.user)
        .context("his shard")?;
    let (route, _) = status.table.primary_of(&shard).context("nobody serves it")?;
    let other = NODES
        .iter()
        .find(|node| **node != route.node.to_string())
        .context("two nodes")?;
    let to: NodeId = other.parse().context("a node")?;
    let given = MoveShard {
        shard,
        to: MoveTo::Node(to),
        window_ms: WINDOW_MS,
        deadline_ms: None,
        expected: None,
    };
    let started = admin
        .move_shard(&given, "chaos")
        .await
        .map_err(cli_world::operator::explain)?;
    let id = started.operation.context("an operation")?;
    let view = scene.world.wait_for_operation(id, MOVED_WITHIN).await?;
    Ok(view.state.as_str().to_owned())
}
