//! A world for one measurement, with people whose names are written, all in one shard.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cli_world::app::{App, Newcomer, Person};
use cli_world::sharing::Sharing;
use cli_world::stage::STOP_WITHIN;
use cli_world::{Binaries, Process, Progress, Seat, Stage, State, World, door, make, operator, seats};
use platform_model::{HomeId, NodeId, RoutingTable, ShardId, ShardRoute};
use platform_runtime::clock::Clock;

use crate::commit::probe::Probe;
use crate::output;
use crate::statistics::{Spread, millis};

/// The home that is written to; its standbys are in the other region of its jurisdiction.
const HOME: &str = "eu/eu-central";
const COUNTRY: &str = "DE";
/// People that are registered at most until enough of them share a shard.
const PEOPLE_MAX: usize = 120;
/// For all copies of the home to be in sync.
const WHOLE_WITHIN: Duration = Duration::from_secs(180);
/// For the shards of a cell to be spread over its nodes.
const SPREAD_WITHIN: Duration = Duration::from_secs(90);
/// Bare fsyncs that are timed beside a measurement.
const FSYNCS: usize = 200;

/// What goes on, on stderr.
struct Stderr;

impl Progress for Stderr {
    fn progress(&self, text: &str) {
        output::progress(text);
    }
}

pub struct Stand {
    stage: Stage,
    pub world: World,
    pub app: App,
    /// Those who live in [`Self::shard`].
    pub people: Vec<Person>,
    pub shard: ShardId,
}

impl Stand {
    /// A world that serves, and `people` in one shard of it.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn up(people: usize) -> Result<Self> {
        let stage = Stage::new("bench");
        let world = World::open_or_make(&stage.layout, None, &Stderr)?;
        world.up(Binaries::Normal, &Stderr).await?;
        let app = App::new(door::client(&world.layout)?, &world.url());
        let (shard, people) = register(&world, &app, people).await?;
        Ok(Self {
            stage,
            world,
            app,
            people,
            shard,
        })
    }

    /// A world whose first cell has nodes on one cluster, its shards spread over them, and `people` in one of them.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn up_sharing(people: usize, sharing: &Sharing) -> Result<Self> {
        let stage = Stage::new("bench");
        make::make(&stage.layout, None)?;
        sharing.note(&stage.layout)?;
        let world = World::open(&stage.layout)?;
        world.up(Binaries::Normal, &Stderr).await?;
        world.start_sharing(sharing).await?;
        spread(&world, sharing).await?;
        let app = App::new(door::client(&world.layout)?, &world.url());
        let (shard, people) = register(&world, &app, people).await?;
        Ok(Self {
            stage,
            world,
            app,
            people,
            shard,
        })
    }

    pub fn home() -> HomeId {
        HOME.parse().expect("a home")
    }

    /// Gives every shard of the home a standby, or takes them away.
    ///
    /// # Errors
    /// When the controllers refuse or the copies do not come.
    pub async fn survive(&self, goal: &str) -> Result<()> {
        output::progress(&format!("{HOME} is to survive: {goal}"));
        self.world.set_survival(&Self::home(), goal).await?;
        if goal != "none" {
            self.world.wait_for_standbys(&Self::home(), WHOLE_WITHIN).await?;
        }
        Ok(())
    }

    /// Waits until the home could lose a node again.
    ///
    /// # Errors
    /// When it takes too long.
    pub async fn whole(&self) -> Result<()> {
        self.world
            .wait_for_standbys(&Self::home(), WHOLE_WITHIN)
            .await
            .map(|_| ())
    }

    /// Where the shard is now.
    ///
    /// # Errors
    /// When no controller answers.
    pub async fn route(&self) -> Result<ShardRoute> {
        let status = self.world.admin()?.status().await.map_err(operator::explain)?;
        status
            .table
            .shards
            .get(&self.shard)
            .cloned()
            .context("the shard is in the table")
    }

    /// The seat of the shard's primary.
    ///
    /// # Errors
    /// When no controller answers.
    pub async fn primary(&self) -> Result<Seat> {
        let node = self.route().await?.node;
        seats::seat_of_cell(&node.cell).context("the cell has a seat")
    }

    /// Processor time that a process has used.
    ///
    /// # Errors
    /// When it does not run.
    pub fn processor_time(&self, seat: &Seat) -> Result<Duration> {
        let State::Running(process) = Process::state(&self.world.layout, seat) else {
            bail!("{seat} does not run")
        };
        process.processor_time().context("the kernel tells it")
    }

    /// Bare fsyncs on the disk of this world, now.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn fsyncs(&self, name: &str) -> Result<Spread> {
        let mut probe = Probe::create(&self.stage.layout.root().join(name))?;
        Ok(Spread::of(probe.sample(FSYNCS)?.into_iter().map(millis)))
    }

    pub async fn down(self) -> Result<()> {
        self.world.down(STOP_WITHIN).await?;
        self.stage.leave(false, &Stderr).await;
        Ok(())
    }
}

/// Waits until every node of the cell serves some shard.
async fn spread(world: &World, sharing: &Sharing) -> Result<()> {
    let (clock, seats) = (Clock::system(), sharing.seats());
    let serves = |table: &RoutingTable, node: Option<&NodeId>| {
        let mut routes = table.shards.values();
        routes.any(|route| Some(&route.node) == node)
    };
    let until = clock.monotonic() + SPREAD_WITHIN;
    loop {
        let table = world.wait_for_leader().await?.table;
        if seats.iter().all(|seat| serves(&table, seat.node())) {
            return Ok(());
        }
        ensure!(
            clock.monotonic() < until,
            "the shards are not spread over the nodes"
        );
        clock.sleep(Duration::from_millis(100)).await;
    }
}

/// Registers people until enough of them are in one shard.
async fn register(world: &World, app: &App, wanted: usize) -> Result<(ShardId, Vec<Person>)> {
    let table = world.admin()?.status().await.map_err(operator::explain)?.table;
    let mut shards: std::collections::BTreeMap<ShardId, Vec<Person>> = Default::default();
    let clock = Clock::system();
    for number in 0..PEOPLE_MAX {
        let newcomer = Newcomer {
            name: format!("bench{number}"),
            country: COUNTRY.parse().context("a country")?,
            email: format!("bench{number}@example.com"),
        };
        let Ok(person) = app.register(newcomer).await else {
            clock.sleep(Duration::from_millis(50)).await;
            continue;
        };
        let shard = table
            .shard_of_user(&person.home, person.user)
            .context("a shard of the home")?;
        let people = shards.entry(shard.clone()).or_default();
        people.push(person);
        if people.len() == wanted {
            return Ok((shard.clone(), shards.remove(&shard).unwrap_or_default()));
        }
    }
    bail!("of {PEOPLE_MAX} people no {wanted} share a shard")
}
