//! A cell lost for good, on real processes: its shards go on from their backups, and the logs behind them, at another cell,
//! who was erased stays erased, and what may not be restored is not.

#![allow(
    clippy::print_stdout,
    reason = "a test says what it skipped and what it measured"
)]

#[path = "backup/foreign.rs"]
mod foreign;
#[path = "backup/given.rs"]
mod given;
#[path = "backup/logged.rs"]
mod logged;
#[path = "backup/refused.rs"]
mod refused;
#[path = "backup/removed.rs"]
mod removed;

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use cli_world::app::{App, Failure, Newcomer, Person};
use cli_world::seats::seat_named;
use cli_world::{Layout, Process, State, door};
use nix::sys::signal::Signal;
use platform_runtime::clock::Clock;
use platform_runtime::random;
use serde_json::Value;
use tests::canary::files::{self, Told};
use tests::canary::{Canaries, Canary, Found, Searcher};
use tests::world::{World, binaries};

/// For whatever must happen in the end: wide, for machines that do much else.
const WITHIN: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(200);
const HOME: &str = "eu/eu-central";
/// The cell that is lost: it holds the home, its keys, and the directory of its jurisdiction.
const LOST: &str = "celld-eu-central-1";
const TO: &str = "eu-west-1/0";
const OFFICER: &str = "compliance/ann";

struct Scene {
    world: World,
    layout: Layout,
    app: App,
}

/// What a command came to.
struct Said {
    ok: bool,
    out: Value,
    err: String,
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
        let url = cli_world::World::open(&layout)?.url();
        let app = App::new(door::client(&layout)?, &url);
        Ok(Some(Self { world, layout, app }))
    }

    fn cellctl(&self, arguments: &[&str]) -> Result<Said> {
        let output = self.world.try_cellctl(&[arguments, &["-o", "json"]].concat())?;
        Ok(Said {
            ok: output.status.success(),
            out: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn done(&self, arguments: &[&str]) -> Result<Value> {
        let said = self.cellctl(arguments)?;
        ensure!(said.ok, "cellctl {}: {}", arguments.join(" "), said.err);
        Ok(said.out)
    }

    fn refused(&self, arguments: &[&str], expected: &str) -> Result<()> {
        let said = self.cellctl(arguments)?;
        let arguments = arguments.join(" ");
        ensure!(!said.ok, "cellctl {arguments} was done: {}", said.out);
        ensure!(
            said.err.contains(expected),
            "cellctl {arguments} says not `{expected}` but {}",
            said.err
        );
        Ok(())
    }

    /// A person with a ride, each value of it a canary.
    async fn newcomer(&self, canaries: &mut Canaries, name: &str) -> Result<(Person, Ride)> {
        let newcomer = Newcomer {
            name: canaries.text("display name"),
            country: "DE".parse()?,
            email: format!("{}@example.org", canaries.text("address")),
        };
        let person = self.app.register(newcomer).await.map_err(told)?;
        ensure!(person.home.to_string() == HOME, "{name} lives in {}", person.home);
        let notes = Told {
            title: canaries.text("title"),
            notes: canaries.text("notes"),
            device: canaries.text("device"),
            serial: canaries.text("serial"),
            positions: (0..5).map(|_| canaries.position("position")).collect(),
        };
        let file = Bytes::from(files::gpx(&notes));
        let uploaded = self.app.upload(&person, file.clone(), random::uuid_v7()).await;
        let (_, activity) = uploaded.map_err(told)?;
        Ok((
            person,
            Ride {
                id: activity.id,
                file,
            },
        ))
    }

    /// Process and disk are gone, as in a fire.
    async fn lose(&self) -> Result<()> {
        let seat = seat_named(LOST).context("there is such a seat")?;
        let State::Running(process) = Process::state(&self.layout, &seat) else {
            bail!("{seat} does not run");
        };
        process.signal(Signal::SIGKILL)?;
        ensure!(process.gone(WITHIN).await, "{seat} runs on");
        fs::remove_dir_all(self.layout.data(&seat))?;
        Ok(())
    }

    /// The newest backup of each shard.
    fn backups(&self) -> Result<BTreeMap<String, String>> {
        let listed = self.done(&["backup", "list"])?;
        let backups = listed["backups"].as_array().context("a list")?;
        let text = |backup: &Value, name: &str| backup[name].as_str().unwrap_or_default().to_owned();
        let pairs = backups
            .iter()
            .map(|backup| (text(backup, "shard"), text(backup, "name")));
        Ok(pairs.collect())
    }

    /// Restores a backup, once the controllers have noticed that nobody reports any more.
    async fn restore(&self, shard: &str, backup: &str, to: &[&str]) -> Result<Value> {
        let clock = Clock::system();
        let begun = clock.monotonic();
        loop {
            let said = self.cellctl(&restore_to(shard, backup, to))?;
            if said.ok {
                return Ok(said.out);
            }
            // Until then the shard counts as one that lives, or may.
            let waits = [
                "it is not lost",
                "has not listened",
                "under way",
                "changed the record",
            ];
            let waits = waits.iter().any(|why| said.err.contains(why));
            ensure!(
                waits && clock.monotonic() - begun < WITHIN,
                "{shard}: {}",
                said.err
            );
            clock.sleep(PAUSE).await;
        }
    }

    /// Tries until it is so.
    async fn until<T>(&self, what: &str, attempt: impl AsyncFn() -> Result<T>) -> Result<T> {
        let clock = Clock::system();
        let begun = clock.monotonic();
        loop {
            match attempt().await {
                Ok(found) => return Ok(found),
                Err(error) if clock.monotonic() - begun > WITHIN => {
                    return Err(error.context(format!("waited in vain until {what}")));
                }
                Err(_) => clock.sleep(PAUSE).await,
            }
        }
    }

    /// What is left of a person in any file of the world.
    fn left(&self, canaries: &[Canary]) -> Result<Vec<Found>> {
        Ok(Searcher::new(canaries)
            .folder(self.layout.root(), &["bin"])?
            .found)
    }
}

struct Ride {
    id: uuid::Uuid,
    file: Bytes,
}

/// As far as the flags say.
fn restore_to<'a>(shard: &'a str, backup: &'a str, to: &[&'a str]) -> Vec<&'a str> {
    [&restore(shard, backup)[..], to].concat()
}

fn restore<'a>(shard: &'a str, backup: &'a str) -> Vec<&'a str> {
    let command = ["backup", "restore", backup, "--to", TO, "--copies-are-lost"];
    let sure = ["--confirm", shard, "--reason", "a fire"];
    [&command[..], &sure[..]].concat()
}

fn told(failure: Failure) -> anyhow::Error {
    anyhow::anyhow!("{failure:?}")
}

/// Ada is erased after the backup, and so is Cleo, who asks for it herself; Ben is not.
#[tokio::test]
async fn a_cell_lost_for_good_goes_on_from_its_backups_without_who_was_erased() -> Result<()> {
    let Some(scene) = Scene::up()? else {
        return Ok(());
    };
    let (mut of_ada, mut of_ben, mut of_cleo) =
        (Canaries::default(), Canaries::default(), Canaries::default());
    let (ada, _) = scene.newcomer(&mut of_ada, "Ada").await?;
    let (ben, ride) = scene.newcomer(&mut of_ben, "Ben").await?;
    let (cleo, _) = scene.newcomer(&mut of_cleo, "Cleo").await?;
    let clock = Clock::system();
    let began = clock.monotonic();
    scene.done(&["backup", "create", "--home", HOME])?;
    for directory in ["directory/eu/000", "directory/eu/001"] {
        scene.done(&["backup", "create", directory])?;
    }
    println!("backed up in {:?}", clock.monotonic() - began);
    let backups = scene.backups()?;
    ensure!(
        backups.len() == 11,
        "eight shards, keys, two of the directory: {backups:?}"
    );
    for backup in backups.values() {
        scene.done(&["backup", "verify", backup])?;
    }
    refused::while_it_lives(&scene, &backups)?;
    foreign::stays_shut(&scene, &backups["eu/eu-central/003"])?;
    removed::by_a_person(&scene, &backups)?;
    let wanted = logged::written(&scene, &ben, &backups).await?;
    given::to_an_officer(&scene, &ada)?;
    // After the backup was made.
    erased(&scene, &ada).await?;
    given::up(&scene, &cleo).await?;
    scene.lose().await?;
    let began = clock.monotonic();
    let mut left_out = 0;
    for (shard, backup) in &backups {
        let restored = match wanted.flags(shard)[..] {
            ["--at-pair", _] => wanted.restored(&scene, &backups).await?,
            ref to => scene.restore(shard, backup, to).await?,
        };
        left_out += restored["left_out"].as_u64().unwrap_or_default();
    }
    println!("restored in {:?}", clock.monotonic() - began);
    ensure!(left_out > 3, "only {left_out} rows of Ada were left out");

    goes_on(&scene, ben, &ride).await?;
    is_gone(&scene, &ada, of_ada.all()).await?;
    is_gone(&scene, &cleo, of_cleo.all()).await?;
    ensure!(
        scene.left(of_ben.all())?.is_empty(),
        "Ben's values lie in the clear"
    );
    Ok(())
}

/// A person is erased, with a certificate; to ask for it again changes nothing.
async fn erased(scene: &Scene, ada: &Person) -> Result<()> {
    let person = format!("{HOME}/{}", ada.user);
    let id = ada.user.to_string();
    let erase = [
        "user",
        "erase",
        &person,
        "--as",
        OFFICER,
        "--reason",
        "request 1",
        "--confirm",
        &id,
    ];
    let erased = scene.done(&erase)?;
    ensure!(
        erased["rows"].as_u64() > Some(0) && erased["claims"] == 1,
        "{erased}"
    );
    ensure!(erased["certificate"].as_u64() > Some(0), "{erased}");
    refused_as_nobody("the profile", scene.app.profile(ada).await)?;
    let again = scene.done(&erase)?;
    ensure!(again["rows"] == 0 && again["certificate"].is_null(), "{again}");
    Ok(())
}

/// It was refused as what is not there; what only does not answer now is no refusal.
fn refused_as_nobody<T>(what: &str, answer: Result<T, Failure>) -> Result<()> {
    match answer {
        Ok(_) => bail!("{what} is answered"),
        Err(Failure::Refused {
            status: 401 | 404, ..
        }) => Ok(()),
        Err(why) => bail!("{what}: {why}"),
    }
}

/// A person has all that he had, finds his way by his address, and goes on.
async fn goes_on(scene: &Scene, mut ben: Person, ride: &Ride) -> Result<()> {
    let place = scene
        .until("Ben is found", async || {
            scene.app.locate(&ben.email).await.map_err(told)
        })
        .await?;
    let tokens = scene
        .until("Ben logs in", async || {
            scene.app.log_in(&place, &ben).await.map_err(told)
        })
        .await?;
    ben.take(tokens);
    logged::is_as_wanted(scene, &ben).await?;
    let shown = scene.app.original(&ben, ride.id).await.map_err(told)?;
    ensure!(shown == ride.file, "the ride is another");
    scene
        .until("Ben writes", async || {
            scene.app.rename(&ben, "Ben anew").await.map_err(told)
        })
        .await?;
    Ok(())
}

/// No canary of hers, by API and by search; her address is anybody's.
async fn is_gone(scene: &Scene, ada: &Person, canaries: &[Canary]) -> Result<()> {
    scene
        .until("Ada is not shown", async || {
            refused_as_nobody("the profile", scene.app.profile(ada).await)
        })
        .await?;
    refused_as_nobody("the session", scene.app.refresh(ada).await.map(drop))?;
    if let Ok(place) = scene.app.locate(&ada.email).await {
        refused_as_nobody("the log-in", scene.app.log_in(&place, ada).await.map(drop))?;
    }
    let found = scene.left(canaries)?;
    ensure!(found.is_empty(), "{found:?}");
    let newcomer = || Newcomer {
        name: "another".to_owned(),
        country: "DE".parse().expect("a country"),
        email: ada.email.clone(),
    };
    let another = scene
        .until("another takes Ada's address", async || {
            scene.app.register(newcomer()).await.map_err(told)
        })
        .await?;
    ensure!(another.user != ada.user, "it is Ada");
    Ok(())
}
