//! All controllers lost for good, on real processes: the world goes on from a backup of their state, knows what was decided
//! since from its nodes, loses nothing that was acknowledged, and gives no epoch out twice.

#![allow(
    clippy::print_stdout,
    reason = "a test says what it skipped and what it measured"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cli_world::app::{App, Newcomer, Person};
use cli_world::seats::{SeatKind, seat_named, seats};
use cli_world::{Layout, Process, Seat, State, door};
use nix::sys::signal::Signal;
use platform_model::{Epoch, HomeId, NodeId, RoutingTable, ShardId};
use platform_runtime::clock::Clock;
use platform_wire::admin::WorldStatus;
use serde_json::Value;
use tests::world::{World, binaries};

/// For whatever must happen in the end: wide, for machines that do much else.
const WITHIN: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(100);
const HOME: &str = "eu/eu-central";
/// It leads the home as the backup is made, and is killed afterwards.
const FIRST: &str = "celld-eu-central-1";
/// It takes over, and begins again while no controller is there.
const SECOND: &str = "celld-eu-west-1";
/// It is down as the world is recovered.
const SILENT: &str = "celld-us-east-1";
const WRITES: u32 = 10;
/// What is given out after a recovery is above this.
const INCARNATION: u64 = 1 << 32;

struct Scene {
    processes: cli_world::World,
    world: World,
    layout: Layout,
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
        let processes = cli_world::World::open(&layout)?;
        let app = App::new(door::client(&layout)?, &processes.url());
        Ok(Some(Self {
            processes,
            world,
            layout,
            app,
        }))
    }

    fn done(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.world.cellctl(&[arguments, &["-o", "json"]].concat())?;
        serde_json::from_slice(&output.stdout).context("cellctl says what is no JSON")
    }

    /// Refused at first, perhaps: whoever has just begun to lead has heard nobody.
    async fn done_at_last(&self, arguments: &[&str]) -> Result<()> {
        let clock = Clock::system();
        let begun = clock.monotonic();
        loop {
            let output = self.world.try_cellctl(arguments)?;
            if output.status.success() {
                return Ok(());
            }
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(clock.monotonic() - begun < WITHIN, "it is refused: {said}");
            clock.sleep(PAUSE).await;
        }
    }

    fn refused(&self, arguments: &[&str], expected: &str) -> Result<()> {
        let output = self.world.try_cellctl(arguments)?;
        let (arguments, said) = (arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        ensure!(!output.status.success(), "cellctl {arguments} was done");
        ensure!(
            said.contains(expected),
            "cellctl {arguments} says not `{expected}` but {said}"
        );
        Ok(())
    }

    /// Waits until the world is as wanted.
    async fn until(&self, what: &str, so: impl Fn(&WorldStatus) -> bool) -> Result<WorldStatus> {
        let (clock, admin) = (Clock::system(), self.processes.admin()?);
        let begun = clock.monotonic();
        loop {
            let status = admin.status().await;
            match &status {
                Ok(known) if so(known) => return Ok(status?),
                _ if clock.monotonic() - begun > WITHIN => bail!("waited in vain until {what}: {status:?}"),
                _ => clock.sleep(PAUSE).await,
            }
        }
    }

    /// As a machine does that loses its power.
    async fn kill(&self, seat: &Seat) -> Result<()> {
        let State::Running(process) = Process::state(&self.layout, seat) else {
            bail!("{seat} does not run");
        };
        process.signal(Signal::SIGKILL)?;
        ensure!(process.gone(WITHIN).await, "{seat} runs on");
        Process::forget(&self.layout, seat)?;
        Ok(())
    }

    /// Writes until it is acknowledged: an app sends the same under the same key again.
    async fn write(&self, person: &Person, name: &str) -> Result<()> {
        let (clock, key) = (Clock::system(), platform_runtime::random::uuid_v7());
        let begun = clock.monotonic();
        loop {
            match self.app.rename_under(person, name, key).await {
                Ok(_) => return Ok(()),
                Err(failure) if clock.monotonic() - begun > WITHIN => {
                    bail!("{name} was never taken: {failure:?}")
                }
                Err(_) => clock.sleep(PAUSE).await,
            }
        }
    }

    async fn read(&self, person: &Person) -> Result<String> {
        let clock = Clock::system();
        let begun = clock.monotonic();
        loop {
            match self.app.profile(person).await {
                Ok(profile) => return profile.display_name.context("it has a name"),
                Err(failure) if clock.monotonic() - begun > WITHIN => {
                    bail!("nobody answered: {failure:?}")
                }
                Err(_) => clock.sleep(PAUSE).await,
            }
        }
    }

    async fn register(&self) -> Result<Person> {
        let newcomer = Newcomer {
            name: "Ada".to_owned(),
            country: "DE".parse()?,
            email: "ada@example.org".to_owned(),
        };
        let person = self.app.register(newcomer).await?;
        ensure!(person.home.to_string() == HOME, "{} lives elsewhere", person.home);
        Ok(person)
    }

    fn text(&self, name: &str) -> Result<String> {
        let path = self.layout.root().join(name);
        Ok(path.to_str().context("a path that is text")?.to_owned())
    }

    /// Every shard of the home has a standby in sync, and is led by another than `not`.
    async fn whole(&self, not: Option<&NodeId>) -> Result<RoutingTable> {
        let whole = |status: &WorldStatus| {
            let mut routes = of_home(&status.table).map(|(_, route)| route);
            routes.all(|route| is_in_sync(route) && Some(&route.node) != not)
        };
        Ok(self.until("every shard of the home is whole", whole).await?.table)
    }
}

fn of_home(table: &RoutingTable) -> impl Iterator<Item = (&ShardId, &platform_model::ShardRoute)> {
    let home: HomeId = HOME.parse().expect("a home");
    let shards = table.shards.iter();
    shards.filter(move |(shard, _)| shard.home() == Some(&home))
}

fn is_in_sync(route: &platform_model::ShardRoute) -> bool {
    let mut standbys = route.set.standbys.iter();
    standbys.any(|copy| copy.state == platform_model::CopyState::InSync)
}

/// Who leads a shard, in which epoch, by which copy.
type Led = (ShardId, NodeId, Epoch, platform_model::ReplicaId);

fn led(table: &RoutingTable) -> Vec<Led> {
    let shards = table.shards.iter();
    let led =
        shards.map(|(shard, route)| (shard.clone(), route.node.clone(), route.epoch, route.set.primary));
    led.collect()
}

fn named(seat: &str) -> Result<(Seat, NodeId)> {
    let seat = seat_named(seat).context("there is such a seat")?;
    let node = seat.node().context("a node sits there")?.clone();
    Ok((seat, node))
}

fn controllers() -> Vec<Seat> {
    seats().into_iter().filter(Seat::is_controller).collect()
}

/// Keeps the state; answers the folder of the backup.
fn back_up(scene: &Scene) -> Result<String> {
    let (into, key) = (scene.text("kept")?, scene.text("kept.key")?);
    let made = scene.done(&["world", "backup", "--into", &into, "--key", &key, "--new-key"])?;
    Ok(made["folder"].as_str().context("a folder")?.to_owned())
}

/// The command that recovers, but for its backup and its key.
fn recovers(scene: &Scene, backup: &str, key: &str) -> Result<Vec<String>> {
    let data: PathBuf = scene.layout.data(&controllers()[0]);
    let world: String = scene.world.id()?.to_string().chars().take(8).collect();
    let data = data.to_str().context("a path that is text")?;
    let words = ["world", "recover", backup, "--key", key, "--data-dir", data];
    let words = words
        .into_iter()
        .chain(["--confirm", &world, "--reason", "a fire"]);
    Ok(words.map(str::to_owned).collect())
}

/// Each refused by its name, and nothing is left in the data directory.
fn is_refused(scene: &Scene, backup: &str, expected: &str, key: &str) -> Result<()> {
    let words = recovers(scene, backup, key)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    scene.refused(&words, expected)?;
    let left = scene.layout.data(&controllers()[0]).join("recover.json");
    ensure!(!left.exists(), "{} was left", left.display());
    Ok(())
}

/// A byte of a part is flipped, and back again.
fn flip(backup: &str) -> Result<()> {
    let part = PathBuf::from(backup).join("part-00000000");
    let mut bytes = fs::read(&part)?;
    bytes[100] ^= 1;
    Ok(fs::write(part, bytes)?)
}

/// A person of the home, whose shards have a standby each.
async fn settle(scene: &Scene) -> Result<Person> {
    scene.done(&["home", "survival", HOME, "region", "--reason", "a test"])?;
    scene.whole(None).await?;
    let person = scene.register().await?;
    scene.write(&person, "Ada before").await?;
    Ok(person)
}

/// What the backup does not know: another leads, and only he has what was written since. Answers who leads.
async fn go_on(scene: &Scene, person: &Person) -> Result<Vec<Led>> {
    let (first, first_node) = named(FIRST)?;
    scene.kill(&first).await?;
    let elsewhere = |status: &WorldStatus| of_home(&status.table).all(|(_, route)| route.node != first_node);
    scene.until("another leads", elsewhere).await?;
    for n in 0..WRITES {
        scene.write(person, &format!("Ada {n}")).await?;
    }
    scene.processes.spawn(&first)?;
    Ok(led(&scene.whole(Some(&first_node)).await?))
}

/// Process and disk of every controller are gone; a node begins again while nobody is there who knows more, with the table that
/// lies on its disk; another one ends.
async fn lose(scene: &Scene, person: &Person) -> Result<()> {
    for seat in controllers() {
        scene.kill(&seat).await?;
        fs::remove_dir_all(scene.layout.data(&seat))?;
    }
    assert_eq!(scene.read(person).await?, format!("Ada {}", WRITES - 1));
    scene.write(person, "Ada alone").await?;
    let (second, _) = named(SECOND)?;
    scene.kill(&second).await?;
    scene.processes.spawn(&second)?;
    scene.write(person, "Ada alone again").await?;
    scene.kill(&named(SILENT)?.0).await
}

async fn recover(scene: &Scene, backup: &str, key: &str) -> Result<()> {
    flip(backup)?;
    is_refused(scene, backup, "(damaged-part)", key)?;
    flip(backup)?;
    let wrong = scene.text("wrong.key")?;
    fs::write(&wrong, [7; 32])?;
    fs::set_permissions(&wrong, fs::Permissions::from_mode(0o600))?;
    is_refused(scene, backup, "(foreign-key)", &wrong)?;
    let words = recovers(scene, backup, key)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let dry = scene.done(&[&words[..], &["--dry-run"]].concat())?;
    assert_eq!(dry["changed"], false);
    scene.done(&words)?;
    scene.processes.start_controllers(&controllers()[..1]).await
}

/// Nothing is adopted while one may know more; once a person has given it up, the world is as it was.
async fn find_out(scene: &Scene, person: &Person, before: &[Led]) -> Result<RoutingTable> {
    let (_, silent) = named(SILENT)?;
    let waits = |status: &WorldStatus| {
        let waits_for = status.recovering.as_ref().map(|recovering| &recovering.waits_for);
        waits_for.is_some_and(|nodes| *nodes == [silent.clone()])
    };
    let status = scene.until("everybody else has told", waits).await?;
    let mut routes = status.table.shards.values();
    assert!(
        routes.all(|route| route.set.generation.0 < INCARNATION),
        "nothing is adopted while one may know more"
    );
    assert_eq!(
        scene.read(person).await?,
        "Ada alone again",
        "it serves all the while"
    );
    let (node, reason) = (silent.to_string(), "a test");
    let give_up = ["world", "give-up", &node, "--confirm", &node, "--reason", reason];
    scene.done_at_last(&give_up).await?;
    let recovered = |status: &WorldStatus| status.recovering.is_none();
    let known = scene.until("it is recovered", recovered).await?.table;
    assert_eq!(led(&known), before, "as it was, not as the backup has it");
    let mut routes = known.shards.values();
    assert!(routes.all(|route| route.set.generation.0 > INCARNATION));
    scene.refused(&give_up, "no shard waits")?;
    Ok(known)
}

/// The others come, and the world does what it did before, in epochs that were never given out.
async fn goes_on_as_before(scene: &Scene, person: &Person, known: &RoutingTable) -> Result<()> {
    let (_, first) = named(FIRST)?;
    scene.processes.start_controllers(&controllers()[1..]).await?;
    for seat in &controllers()[1..] {
        let SeatKind::Controller(id) = seat.kind else {
            continue;
        };
        let (id, address) = (id.to_string(), scene.processes.ports.address(seat));
        scene.done(&["member", "add", &id, &address, "--reason", "a fire", "--yes"])?;
    }
    scene.whole(Some(&first)).await?;
    assert_eq!(scene.read(person).await?, "Ada alone again");
    scene.write(person, "Ada after").await?;
    let shards = known.homes[&person.home].shard_count;
    let shard = ShardId::of_user(&person.home, shards, person.user);
    let name = shard.to_string();
    let words = ["shard", "failover", &name, "--reason", "a test", "--yes"];
    scene.done(&[&words[..], &["--wait", "--timeout", "120s"]].concat())?;
    let given = |status: &WorldStatus| {
        let route = status.table.shards.get(&shard);
        route.is_some_and(|route| route.epoch.0 > INCARNATION && route.node == first)
    };
    let what = "the other leads in an epoch that was never given out";
    scene.until(what, given).await?;
    assert_eq!(scene.read(person).await?, "Ada after");
    scene.write(person, "Ada again").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_world_whose_controllers_are_all_lost_goes_on_from_a_backup() -> Result<()> {
    let Some(scene) = Scene::up()? else {
        return Ok(());
    };
    let person = settle(&scene).await?;
    let (backup, key) = (back_up(&scene)?, scene.text("kept.key")?);
    is_refused(&scene, &backup, "the world lives", &key)?;
    let before = go_on(&scene, &person).await?;
    lose(&scene, &person).await?;
    recover(&scene, &backup, &key).await?;
    let known = find_out(&scene, &person, &before).await?;
    goes_on_as_before(&scene, &person, &known).await?;
    let verified = scene.world.cellctl(&["audit", "verify"])?;
    println!("{}", String::from_utf8_lossy(&verified.stdout));
    Ok(())
}
