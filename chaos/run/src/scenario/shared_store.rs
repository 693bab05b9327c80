//! `chaos run --scenario shared-store`: three nodes of one cell on one TiKV server, people in their home, and nodes and
//! server that are killed and stopped, the server also for so long that nobody hears what became of a commit. Nothing
//! acknowledged may be lost, and what people saw makes one history: two nodes
//! that served one shard at once would be seen in it.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result};
use cli_world::app::App;
use cli_world::sharing::Sharing;
use cli_world::stage::STOP_WITHIN;
use cli_world::{Process, Progress, Seat, Stage, State, World, door, make};
use nix::sys::signal::Signal;
use platform_model::{NodeId, RoutingTable};
use platform_report::Document;
use platform_runtime::clock::Clock;

use super::shared_store_mixed::{self, Mixed};
use super::shared_store_server::Server;
use super::{shared_store_counts as counts, shared_store_document as document};
use crate::judge::{Judgement, judge};
use crate::load::{Load, Ways};
use crate::planted::Checker;
use crate::run::later::{self, Kept};
use crate::run::{Options, bring_up, world_at_the_end};

/// Nodes of the cell.
const NODES: u16 = 3;
/// Load before a fault strikes, and after it has healed.
const CALM: Duration = Duration::from_millis(1_500);
/// A killed node stays away for so long, a stopped one stands still: long enough to be taken from.
const NODE_AWAY: Duration = Duration::from_millis(3_500);
/// The server stays away for less than a commit may take.
const SERVER_AWAY: Duration = Duration::from_millis(1_500);
/// It stands still for longer than anybody waits for the answer to a commit: what was sent is of unknown outcome then.
const SERVER_HANGS: Duration = Duration::from_secs(8);
/// From the healing until every client has had an answer to everything it does.
const HEALED_WITHIN: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(50);
/// After this many rounds a run ends.
const ROUNDS_MAX: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blow {
    KillNode,
    StopNode,
    KillServer,
    StopServer,
    HangServer,
}

impl Blow {
    const ALL: [Self; 5] = [
        Self::KillNode,
        Self::StopNode,
        Self::KillServer,
        Self::StopServer,
        Self::HangServer,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KillNode => "kill-node",
            Self::StopNode => "stop-node",
            Self::KillServer => "kill-server",
            Self::StopServer => "stop-server",
            Self::HangServer => "hang-server",
        }
    }

    fn is_of_the_server(self) -> bool {
        matches!(self, Self::KillServer | Self::StopServer | Self::HangServer)
    }

    fn lasts(self) -> Duration {
        match self {
            Self::KillNode | Self::StopNode => NODE_AWAY,
            Self::KillServer | Self::StopServer => SERVER_AWAY,
            Self::HangServer => SERVER_HANGS,
        }
    }
}

pub(super) struct Round {
    pub blow: Blow,
    pub target: String,
    pub healed_in: Option<Duration>,
    /// The longest time that writes of somebody whose shard was there were not answered.
    pub silence: Option<Duration>,
    pub unsettled: usize,
    /// Commits of the cell's nodes whose outcome nobody heard.
    pub unknown: u64,
    pub judgement: Judgement,
}

impl Round {
    pub(super) fn wrong(&self) -> usize {
        let found = self
            .judgement
            .verdicts()
            .map(|verdict| verdict.found)
            .sum::<usize>();
        found + self.judgement.unreadable.len()
    }

    /// Async writes: lost, though they are in the store that the next node takes, or read otherwise than they can be.
    pub(super) fn async_wrong(&self) -> usize {
        self.judgement.found(Checker::Async)
    }
}

/// What is told of a run when it is over.
pub(super) struct Told {
    pub rounds: Vec<Round>,
    pub mixed: Mixed,
    /// Files of earlier rounds that were not there at the end.
    pub lost_later: Vec<String>,
    /// What is not well with the world once all is over.
    pub world: Vec<String>,
}

/// # Errors
/// When the run could not be made: it says nothing of the platform then.
pub async fn run(options: &Options, progress: &dyn Progress) -> Result<Document> {
    let server = match Server::named(|name| std::env::var(name).ok()) {
        Ok(server) => server,
        Err(why) => {
            let mut document = Document::new("chaos-shared-store");
            document.notes.push(format!("skipped: {why}"));
            return Ok(document);
        }
    };
    let stage = Stage::new("chaos-shared-store");
    progress.progress(&format!(
        "seed {}; the world is in {}",
        options.seed,
        stage.layout.root().display()
    ));
    let outcome = tokio::select! {
        outcome = play(options, &server, &stage, progress) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    // Whatever became of it: the server is not ours to leave standing still.
    if server.can_be_struck() {
        let _ = server.signal(Signal::SIGCONT);
    }
    stage.leave(options.keep, progress).await;
    Ok(document::document(options.seed, &server, &outcome?))
}

async fn play(options: &Options, server: &Server, stage: &Stage, progress: &dyn Progress) -> Result<Told> {
    make::make(&stage.layout, None)?;
    let sharing = Sharing {
        pd: server.pd.clone(),
        nodes: NODES,
    };
    sharing.note(&stage.layout)?;
    let world = World::open(&stage.layout)?;
    bring_up(options, &world, progress).await?;
    progress.progress("starting the other nodes of the cell");
    world.start_sharing(&sharing).await?;
    spread(&world, &sharing).await?;
    let app = App::new(door::client(&world.layout)?, &world.url());
    let clock = Clock::system();
    let due = clock.monotonic() + options.minutes;
    let mut rounds = Vec::new();
    let (mut kept, mut lost_later) = (VecDeque::new(), Vec::new());
    while clock.monotonic() < due && rounds.len() < ROUNDS_MAX {
        let Some(blow) = blow_of(options.seed, rounds.len(), server) else {
            break;
        };
        lost_later.extend(later::let_go(&app, &mut kept).await);
        let (round, left) = round(&world, server, &sharing, &app, (rounds.len(), blow)).await?;
        kept.push_back(left);
        progress.progress(&format!(
            "round {}: {} at {}: {} wrong, silent for {:.1?}, healed in {:.1?}",
            rounds.len(),
            blow.name(),
            round.target,
            round.wrong(),
            round.silence,
            round.healed_in
        ));
        rounds.push(round);
    }
    let mixed = shared_store_mixed::play(&world, progress).await;
    // After the shards went from engine to engine, too.
    lost_later.extend(later::lost(&app, &kept).await);
    let found = world_at_the_end(&world).await;
    world.down(STOP_WITHIN).await?;
    Ok(Told {
        rounds,
        mixed,
        lost_later,
        world: found,
    })
}

/// Which blow comes in a round: all in turn, from another one on with another seed.
fn blow_of(seed: u64, round: usize, server: &Server) -> Option<Blow> {
    let able: Vec<Blow> = Blow::ALL
        .into_iter()
        .filter(|blow| !blow.is_of_the_server() || server.can_be_struck())
        .collect();
    let at = usize::try_from(seed).unwrap_or(0) % able.len();
    able.get((at + round) % able.len()).copied()
}

/// Waits until every node of the cell serves some shard.
async fn spread(world: &World, sharing: &Sharing) -> Result<()> {
    let clock = Clock::system();
    let begun = clock.monotonic();
    loop {
        let table = world.wait_for_leader().await?.table;
        let serves = |seat: &Seat| {
            let node = seat.node();
            table.shards.values().any(|route| Some(&route.node) == node)
        };
        if sharing.seats().iter().all(serves) {
            return Ok(());
        }
        let waited = clock.monotonic().saturating_sub(begun);
        anyhow::ensure!(
            waited < HEALED_WITHIN * 2,
            "the shards are not spread over the nodes"
        );
        clock.sleep(POLL).await;
    }
}

async fn round(
    world: &World,
    server: &Server,
    sharing: &Sharing,
    app: &App,
    (number, blow): (usize, Blow),
) -> Result<(Round, Kept)> {
    let ways = Ways {
        survives: false,
        moves: false,
    };
    let load = Load::new(app, number, ways, &[]).await?;
    let table = world.wait_for_leader().await?.table;
    let (seat, there) = struck(&table, sharing, &load).context("nobody lives in the shared cell")?;
    let before = counts::of(world, sharing).await;
    let strikes = async {
        let healed = suffer(world, server, &seat, blow, &load).await;
        load.record.stop();
        healed
    };
    let (healed_in, ()) = tokio::join!(strikes, load.run(HEALED_WITHIN));
    let healed_in = healed_in?;
    let silences = there.iter().map(|person| load.record.silence_of(*person));
    let silence = silences.max().filter(|_| !blow.is_of_the_server());
    let judgement = judge(app, &load).await;
    let unknown = counts::since(&before, &counts::of(world, sharing).await);
    let round = Round {
        blow,
        target: if blow.is_of_the_server() {
            "server".to_owned()
        } else {
            seat.to_string()
        },
        healed_in,
        silence,
        unsettled: load.record.totals().1,
        unknown,
        judgement,
    };
    Ok((round, later::keep(&load)))
}

/// A node of the cell that serves somebody of this load, and whom.
fn struck(table: &RoutingTable, sharing: &Sharing, load: &Load) -> Option<(Seat, Vec<usize>)> {
    let node_of = |index: usize| -> Option<NodeId> {
        let person = &load.residents.get(index)?.person;
        let shard = table.shard_of_user(&person.home, person.user)?;
        Some(table.shards.get(&shard)?.node.clone())
    };
    let seats = sharing.seats();
    let mut of_the_cell = (0..load.residents.len()).filter_map(|index| {
        let node = node_of(index)?;
        seats.iter().find(|seat| seat.node() == Some(&node))
    });
    let seat = of_the_cell.next()?.clone();
    let there = (0..load.residents.len()).filter(|index| node_of(*index).as_ref() == seat.node());
    Some((seat.clone(), there.collect()))
}

/// The blow, and the time from its end until everything succeeded.
async fn suffer(
    world: &World,
    server: &Server,
    seat: &Seat,
    blow: Blow,
    load: &Load,
) -> Result<Option<Duration>> {
    let clock = Clock::system();
    clock.sleep(CALM).await;
    match blow {
        Blow::KillNode => world.kill(seat).await?,
        Blow::StopNode => signal(world, seat, Signal::SIGSTOP)?,
        Blow::KillServer => server.kill()?,
        Blow::StopServer | Blow::HangServer => server.signal(Signal::SIGSTOP)?,
    }
    clock.sleep(blow.lasts()).await;
    match blow {
        Blow::KillNode => world.spawn(seat)?,
        Blow::StopNode => signal(world, seat, Signal::SIGCONT)?,
        Blow::KillServer => server.start()?,
        Blow::StopServer | Blow::HangServer => server.signal(Signal::SIGCONT)?,
    }
    let healed_at = clock.monotonic();
    let healed_in = loop {
        let since = clock.monotonic().saturating_sub(healed_at);
        if load.record.all_answered_since(healed_at) {
            break Some(since);
        }
        if since > HEALED_WITHIN {
            break None;
        }
        clock.sleep(POLL).await;
    };
    clock.sleep(CALM).await;
    Ok(healed_in)
}

fn signal(world: &World, seat: &Seat, signal: Signal) -> Result<()> {
    match Process::state(&world.layout, seat) {
        State::Running(process) => process.signal(signal),
        _ => anyhow::bail!("{seat} does not run"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_blows_come_in_turn_and_those_at_a_server_only_where_it_can_be_struck() {
        let server = Server::named(|name| (name == "MERIDIAN_TIKV_PD").then(|| "127.0.0.1:1".to_owned()));
        let server = server.expect("named");
        let blows: Vec<Blow> = (0..4).filter_map(|round| blow_of(0, round, &server)).collect();
        assert_eq!(
            blows,
            [Blow::KillNode, Blow::StopNode, Blow::KillNode, Blow::StopNode]
        );
        assert_eq!(blow_of(1, 0, &server), Some(Blow::StopNode));
    }
}
