//! What a run does with standbys and moves: they are asked for, go on during faults, and must be whole again afterwards.

use std::time::Duration;

use anyhow::{Context, Result};
use cli_world::{Progress, World};
use platform_model::{HomeId, NodeId, RoutingTable, ShardId};
use platform_runtime::clock::Clock;
use platform_wire::CallError;
use platform_wire::admin::AdminClient;
use platform_wire::operation::{FailoverShard, MoveShard, MoveTo, Started};

use crate::faults::{Fault, Scene, Strike};
use crate::load::{COPIED_HOME, Load, MOVED_HOME};

/// For the first copies of all shards of a home.
const COPIED_WITHIN: Duration = Duration::from_secs(120);
/// For all copies to be in sync again after a fault.
pub const WHOLE_WITHIN: Duration = Duration::from_secs(90);
/// For a move to end, whatever was struck meanwhile.
const MOVED_WITHIN: Duration = Duration::from_secs(180);
/// For a comparison of one shard.
const COMPARED_WITHIN: Duration = Duration::from_secs(120);
/// Before the move of a round begins: the load is under way then, and the fault is not there yet.
const BEFORE_A_MOVE: Duration = Duration::from_millis(700);
/// How long the old copy of a moved shard is kept.
const WINDOW_MS: u64 = 500;
/// The two nodes between which shards are moved.
const NODES: [&str; 2] = ["eu-central-1/0", "eu-west-1/0"];

/// A change of place that went on during a round.
#[derive(Debug, Clone)]
pub struct Moved {
    /// `move` to another cell with all its data, `handover` to a standby.
    pub kind: &'static str,
    /// `done`, `cancelled`, `not begun: why`, or what went wrong.
    pub end: String,
    /// Whether it came to an end at all.
    pub is_over: bool,
    pub took: Duration,
}

/// How it ended.
enum End {
    Over(String),
    /// The controllers refused: something else was under way.
    NotBegun(String),
    /// It went on for too long, or nobody knows.
    Without(String),
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
    let copied = copied
        .filter(|(_, resident)| resident.person.home == home() && resident.seats.len() > 1)
        .filter(|(_, resident)| resident.seats.contains(node));
    copied.map(|(person, _)| load.record.silence_of(person)).max()
}

/// What changes its place in a round, beside whatever else goes on: a shard of the moved home; where the other home has
/// standbys, one of its shards in every second round.
pub async fn during(scene: &Scene<'_>, load: &Load, number: usize) -> Option<Moved> {
    if !scene.ways.moves {
        return None;
    }
    let clock = Clock::system();
    clock.sleep(BEFORE_A_MOVE).await;
    let begun = clock.monotonic();
    let kind = if scene.ways.survives && !number.is_multiple_of(2) {
        "handover"
    } else {
        "move"
    };
    let end = change_place(scene, load, kind).await;
    let took = clock.monotonic().saturating_sub(begun);
    let (end, is_over) = match end {
        Ok(End::Over(end)) => (end, true),
        Ok(End::NotBegun(why)) => (format!("not begun: {why}"), true),
        Ok(End::Without(why)) => (why, false),
        Err(why) => (format!("{why:#}"), false),
    };
    Some(Moved {
        kind,
        end,
        is_over,
        took,
    })
}

async fn change_place(scene: &Scene<'_>, load: &Load, kind: &str) -> Result<End> {
    let admin = scene.world.admin()?;
    let status = admin.status().await.map_err(cli_world::operator::explain)?;
    let started = match kind {
        "move" => begin_move(&admin, &status.table, load).await?,
        _ => begin_handover(&admin, &status.table, load).await?,
    };
    let started = match started {
        Ok(started) => started,
        Err(CallError::Refused(refusal)) => return Ok(End::NotBegun(refusal.to_string())),
        Err(error) => return Err(cli_world::operator::explain(error)),
    };
    let id = started.operation.context("an operation")?;
    match scene.world.wait_for_operation(id, MOVED_WITHIN).await {
        Ok(view) => Ok(End::Over(view.state.as_str().to_owned())),
        Err(why) => Ok(End::Without(format!("{why:#}"))),
    }
}

/// The shard in which the first person of a home lives.
fn shard_of(table: &RoutingTable, load: &Load, home: &str) -> Result<ShardId> {
    let mut residents = load.residents.iter();
    let resident = residents.find(|resident| resident.person.home.to_string() == home);
    let person = &resident
        .with_context(|| format!("nobody lives in {home}"))?
        .person;
    table
        .shard_of_user(&person.home, person.user)
        .context("his shard")
}

async fn begin_move(
    admin: &AdminClient,
    table: &RoutingTable,
    load: &Load,
) -> Result<Result<Started, CallError>> {
    let shard = shard_of(table, load, MOVED_HOME)?;
    let (route, _) = table.primary_of(&shard).context("nobody serves it")?;
    let from = route.node.to_string();
    let other = NODES.iter().find(|node| **node != from).context("two nodes")?;
    let to: NodeId = other.parse().context("a node")?;
    let given = MoveShard {
        shard,
        to: MoveTo::Node(to),
        window_ms: WINDOW_MS,
        deadline_ms: None,
        expected: None,
    };
    Ok(admin.move_shard(&given, "chaos").await)
}

async fn begin_handover(
    admin: &AdminClient,
    table: &RoutingTable,
    load: &Load,
) -> Result<Result<Started, CallError>> {
    let given = FailoverShard {
        shard: shard_of(table, load, COPIED_HOME)?,
        to: None,
        expected: None,
        force: None,
    };
    Ok(admin.failover_shard(&given, "chaos").await)
}
