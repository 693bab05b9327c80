//! Shards with standbys on real processes: a node is killed, or asked to stop; another serves, and nothing that was
//! acknowledged is lost.

#![allow(
    clippy::print_stdout,
    reason = "a test says what it skipped and what it measured"
)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use cli_world::app::{App, Newcomer, Person};
use cli_world::seats::seat_named;
use cli_world::{Layout, Process, State, door, operator};
use nix::sys::signal::Signal;
use platform_model::{CopyState, HomeId, NodeId, RoutingTable, ShardId};
use platform_runtime::clock::Clock;
use platform_wire::admin::AdminClient;
use platform_wire::operation::SetSurvival;
use tests::world::{World, binaries};

/// For whatever must happen in the end: wide, for machines that do much else.
const WITHIN: Duration = Duration::from_secs(120);
const HOME: &str = "eu/eu-central";
const DIES: &str = "celld-eu-central-1";
const WRITES_BEFORE: u32 = 20;
const WRITES_AFTER: u32 = 20;

struct Scene {
    _world: World,
    layout: Layout,
    admin: AdminClient,
    app: App,
}

impl Scene {
    fn up() -> Result<Option<Self>> {
        let folder = match binaries() {
            Ok(folder) => folder,
            Err(why) => {
                println!("skipped: {why:#}");
                return Ok(None);
            }
        };
        platform_runtime::tls::install_ring();
        let world = World::up(&folder, &[])?;
        let layout = Layout::new(world.root());
        let admin = operator::connect(&world.root())?;
        let url = cli_world::World::open(&layout)?.url();
        let app = App::new(door::client(&layout)?, &url);
        Ok(Some(Self {
            _world: world,
            layout,
            admin,
            app,
        }))
    }

    async fn table(&self) -> Result<RoutingTable> {
        Ok(self.admin.status().await?.table)
    }

    /// Waits until the table is as wanted.
    async fn until(&self, what: &str, so: impl Fn(&RoutingTable) -> bool) -> Result<RoutingTable> {
        let wait = async {
            loop {
                if let Ok(table) = self.table().await
                    && so(&table)
                {
                    return table;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        match tokio::time::timeout(WITHIN, wait).await {
            Ok(table) => Ok(table),
            Err(_) => bail!("waited in vain until {what}: {}", sets(&self.table().await?)),
        }
    }

    /// As the operating system does when it has no memory left.
    async fn kill(&self, seat: &str) -> Result<()> {
        self.end(seat, Signal::SIGKILL).await
    }

    async fn end(&self, seat: &str, signal: Signal) -> Result<()> {
        let seat = seat_named(seat).context("there is such a seat")?;
        let State::Running(process) = Process::state(&self.layout, &seat) else {
            bail!("{seat} does not run");
        };
        process.signal(signal)?;
        anyhow::ensure!(process.gone(WITHIN).await, "{seat} runs on");
        Ok(())
    }

    /// Gives every shard of the home a standby in another region, and waits until all are in sync.
    async fn survive(&self) -> Result<RoutingTable> {
        let goal = SetSurvival {
            home: HOME.parse()?,
            goal: "region".to_owned(),
            expected: None,
        };
        self.admin.set_survival(&goal, "a test of failover").await?;
        self.until("every shard of the home has a standby in sync", |table| {
            of_home(table).all(|(_, route)| is_in_sync(route))
        })
        .await
    }

    async fn register(&self) -> Result<Person> {
        let newcomer = Newcomer {
            name: "Ada".to_owned(),
            country: "DE".parse()?,
            email: "ada@example.org".to_owned(),
        };
        let person = self.app.register(newcomer).await?;
        anyhow::ensure!(person.home.to_string() == HOME, "{} lives elsewhere", person.home);
        Ok(person)
    }

    /// Writes until it is acknowledged: an app sends the same under the same key again.
    async fn write(&self, person: &Person, name: &str) -> Result<u32> {
        let key = platform_runtime::random::uuid_v7();
        let clock = Clock::system();
        let begun = clock.monotonic();
        let mut tries = 1;
        loop {
            match self.app.rename_under(person, name, key).await {
                Ok(_) => return Ok(tries),
                Err(failure) if clock.monotonic() - begun > WITHIN => {
                    bail!("{name} was never taken: {failure:?}")
                }
                Err(_) => tries += 1,
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the person is called, once anybody answers.
    async fn read(&self, person: &Person) -> Result<String> {
        let clock = Clock::system();
        let begun = clock.monotonic();
        loop {
            match self.app.profile(person).await {
                Ok(profile) => return profile.display_name.context("it has a name"),
                Err(failure) if clock.monotonic() - begun > WITHIN => {
                    bail!("nobody answered: {failure:?}")
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

/// Shards of the home, and its keys.
fn of_home(table: &RoutingTable) -> impl Iterator<Item = (&ShardId, &platform_model::ShardRoute)> {
    let home: HomeId = HOME.parse().expect("a home");
    table
        .shards
        .iter()
        .filter(move |(shard, _)| shard.home() == Some(&home))
}

fn is_in_sync(route: &platform_model::ShardRoute) -> bool {
    let set = &route.set;
    !set.standbys.is_empty() && set.standbys.iter().all(|copy| copy.state == CopyState::InSync)
}

/// What there is of copies, for whoever reads why a test failed.
fn sets(table: &RoutingTable) -> String {
    let line = |(shard, route): (&ShardId, &platform_model::ShardRoute)| {
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
    let before = scene.survive().await?;
    let person = scene.register().await?;
    for n in 0..WRITES_BEFORE {
        scene.write(&person, &format!("Ada {n}")).await?;
    }
    let dead: NodeId = seat_named(DIES)
        .and_then(|seat| seat.node().cloned())
        .context("a node")?;
    let served = of_home(&before).filter(|(_, route)| route.node == dead).count();
    assert!(served > 0, "nothing of the home is on {dead}");
    scene.kill(DIES).await?;
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
        .until("another node serves every shard of the home", |table| {
            of_home(table).all(|(_, route)| route.node != dead)
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
    let before = scene.survive().await?;
    let person = scene.register().await?;
    let leaves: NodeId = seat_named(DIES)
        .and_then(|seat| seat.node().cloned())
        .context("a node")?;
    let led = |table: &RoutingTable| of_home(table).filter(|(_, route)| route.node == leaves).count();
    assert!(led(&before) > 0, "nothing of the home is on {leaves}");
    let stopped = AtomicBool::new(false);
    let writes = async {
        let (mut count, mut tries) = (0, 0);
        while !stopped.load(Ordering::Relaxed) || count < WRITES_BEFORE {
            tries += scene.write(&person, &format!("Ada {count}")).await?;
            count += 1;
        }
        anyhow::Ok((count, tries))
    };
    let stops = async {
        let ended = scene.end(DIES, Signal::SIGTERM).await;
        // Before anybody could have found it missing.
        let table = scene.table().await;
        stopped.store(true, Ordering::Relaxed);
        ended.and(table)
    };
    let (written, after) = tokio::join!(writes, stops);
    let ((count, tries), after) = (written?, after?);
    println!("{count} writes, sent {tries} times");
    assert_eq!(led(&after), 0, "it left what it led: {}", sets(&after));
    assert_eq!(scene.read(&person).await?, format!("Ada {}", count - 1));
    scene.write(&person, "Ada after").await?;
    assert_eq!(scene.read(&person).await?, "Ada after");
    Ok(())
}
