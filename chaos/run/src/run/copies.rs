//! What a run does with standbys and moves: they are asked for, go on during faults, and must be whole again afterwards.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use cli_world::ready::POLL;
use cli_world::{Progress, Seat, World, operator, standbys};
use platform_model::{HomeId, NodeId, RoutingTable, ShardId};
use platform_runtime::clock::Clock;
use platform_wire::admin::AdminClient;
use platform_wire::operation::{FailoverShard, MoveShard, MoveTo, Started};
use tokio::sync::watch;

use crate::faults::{Fault, Scene, Strike, revive};
use crate::load::{COPIED_HOME, Load, MOVED_HOME, Ways};

/// For the first copies of all shards of a home.
const COPIED_WITHIN: Duration = Duration::from_secs(120);
/// For all copies to be in sync again after a fault.
pub const WHOLE_WITHIN: Duration = Duration::from_secs(90);
/// How often it is looked whether a process has ended.
const SUPERVISED_EVERY: Duration = Duration::from_millis(500);
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

/// How a shard changes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// To another cell with all its data.
    Move,
    /// To a standby.
    Handover,
}

impl Kind {
    /// What changes its place in a round, if anything does: a shard of the moved home; where the other home has standbys,
    /// one of its shards in every second round.
    pub fn of_round(ways: Ways, number: usize) -> Option<Self> {
        let is_handover = ways.survives && !number.is_multiple_of(2);
        let kind = if is_handover { Self::Handover } else { Self::Move };
        ways.moves.then_some(kind)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Move => "move",
            Self::Handover => "handover",
        }
    }
}

/// A change of place that went on during a round.
#[derive(Debug, Clone)]
pub struct Moved {
    pub kind: Kind,
    /// `done`, `cancelled`, `not begun: why`, or what went wrong.
    pub end: String,
    /// Whether it came to an end at all.
    pub is_over: bool,
    pub took: Duration,
    /// Those whose shard it was, by their numbers in the load. A handover that has begun waits for the controllers: they may
    /// notice what strikes these alone.
    pub people: Vec<usize>,
}

/// How it ended.
enum End {
    Over(String),
    /// It went on for too long.
    Without(String),
}

/// How the end of what was not begun begins.
pub const NOT_BEGUN: &str = "not begun";

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

/// The time until every shard could lose its primary again; none if that takes too long. A node that ends late, once it
/// has seen that its disk fails, is started again meanwhile.
pub async fn whole(world: &World) -> Option<Duration> {
    let home = home();
    tokio::select! {
        whole = world.wait_for_standbys(&home, WHOLE_WITHIN) => whole.ok(),
        never = supervise(world) => never,
    }
}

async fn supervise(world: &World) -> Option<Duration> {
    loop {
        // One that cannot be started is missing in the end, and is told then.
        let _ = revive(world);
        Clock::system().sleep(SUPERVISED_EVERY).await;
    }
}

/// The shards of the home with standbys that a node leads; none where nobody says.
pub async fn led_by(world: &World, seat: &Seat) -> Option<BTreeSet<ShardId>> {
    let (node, status) = (seat.node()?, world.admin().ok()?.status().await.ok()?);
    let home = home();
    let shards = standbys::shards_of(&status.table, &home).map(|(shard, _)| shard);
    let led = shards.filter(|shard| {
        let primary = status.table.primary_of(shard);
        primary.is_some_and(|(route, _)| route.node == *node)
    });
    Some(led.cloned().collect())
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

/// What changes its place in a round, beside whatever else goes on. Tells the number of the operation once it has begun.
pub async fn during(
    scene: &Scene<'_>,
    load: &Load,
    number: usize,
    started: watch::Sender<Option<u64>>,
) -> Option<Moved> {
    let kind = Kind::of_round(scene.ways, number)?;
    let clock = Clock::system();
    clock.sleep(BEFORE_A_MOVE).await;
    let begun = clock.monotonic();
    let mut people = Vec::new();
    let end = change_place(scene, load, kind, &mut people, started).await;
    let took = clock.monotonic().saturating_sub(begun);
    let (end, is_over) = match end {
        Ok(End::Over(end)) => (end, true),
        Ok(End::Without(why)) => (why, false),
        // What has begun all the same is looked for when the run is over.
        Err(why) => (format!("{NOT_BEGUN}: {why:#}"), true),
    };
    Some(Moved {
        kind,
        end,
        is_over,
        took,
        people,
    })
}

/// # Errors
/// When it was not begun, or nobody knows: something else was under way, or the controllers gave no answer.
async fn change_place(
    scene: &Scene<'_>,
    load: &Load,
    kind: Kind,
    people: &mut Vec<usize>,
    started: watch::Sender<Option<u64>>,
) -> Result<End> {
    let admin = scene.world.admin()?;
    let status = admin.status().await.map_err(operator::explain)?;
    let table = &status.table;
    let home = match kind {
        Kind::Move => MOVED_HOME,
        Kind::Handover => COPIED_HOME,
    };
    let shard = shard_of(table, load, home)?;
    let residents = load.residents.iter().enumerate();
    let lives_there = residents.filter(|(_, resident)| {
        let person = &resident.person;
        table.shard_of_user(&person.home, person.user).as_ref() == Some(&shard)
    });
    people.extend(lives_there.map(|(number, _)| number));
    let begun = match kind {
        Kind::Move => begin_move(&admin, table, shard).await?,
        Kind::Handover => begin_handover(&admin, shard).await?,
    };
    let id = begun.operation.context("an operation")?;
    started.send_replace(Some(id));
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

async fn begin_move(admin: &AdminClient, table: &RoutingTable, shard: ShardId) -> Result<Started> {
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
    let started = admin.move_shard(&given, "chaos").await;
    started.map_err(operator::explain)
}

async fn begin_handover(admin: &AdminClient, shard: ShardId) -> Result<Started> {
    let given = FailoverShard {
        shard,
        to: None,
        expected: None,
        force: None,
    };
    let started = admin.failover_shard(&given, "chaos").await;
    started.map_err(operator::explain)
}

/// Operations that have no end, once nothing strikes any more.
pub async fn unfinished(world: &World) -> Vec<String> {
    let clock = Clock::system();
    let begun = clock.monotonic();
    loop {
        let left = under_way(world).await;
        match left {
            Ok(left) if left.is_empty() => return Vec::new(),
            Ok(left) if clock.monotonic().saturating_sub(begun) > MOVED_WITHIN => return left,
            Err(why) if clock.monotonic().saturating_sub(begun) > MOVED_WITHIN => {
                return vec![format!("{why:#}")];
            }
            _ => clock.sleep(POLL).await,
        }
    }
}

async fn under_way(world: &World) -> Result<Vec<String>> {
    let operations = world
        .admin()?
        .operations(false)
        .await
        .map_err(operator::explain)?;
    let active = operations.into_iter().filter(|view| !view.state.is_over());
    Ok(active
        .map(|view| {
            format!(
                "operation {} of {} is at {}: {:?}",
                view.id, view.shard, view.step, view.blockers
            )
        })
        .collect())
}
