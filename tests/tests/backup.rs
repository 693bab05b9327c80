//! A cell lost for good, on real processes: its shards go on from their backups, and the logs behind them, at another
//! cell, to an entry, a time or the end; who was erased stays erased, and what may not be restored is not. From a
//! folder, and from a bucket.

#![allow(
    clippy::print_stdout,
    reason = "a test says what it skipped and what it measured"
)]

#[path = "backup/at.rs"]
mod at;
#[path = "backup/bucket.rs"]
mod bucket;
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

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use cli_world::app::{Failure, Newcomer, Person};
use cli_world::typed::NOT_YET;
use platform_runtime::clock::Clock;
use platform_runtime::random;
use serde_json::Value;
use tests::canary::files::{self, Told};
use tests::canary::{Canaries, Canary, Found, Searcher};
use tests::scene::{HOME, Said, Scene, WITHIN, seat, until};
use uuid::Uuid;

const PAUSE: Duration = Duration::from_millis(200);
/// The cell that is lost: it holds the home, its keys, and the directory of its jurisdiction.
const LOST: &str = "celld-eu-central-1";
const TO: &str = "eu-west-1/0";
const OFFICER: &str = "compliance/ann";

struct Ride {
    id: Uuid,
    file: Bytes,
}

/// A person with a ride, each value of it a canary.
async fn newcomer(scene: &Scene, canaries: &mut Canaries, name: &str) -> Result<(Person, Ride)> {
    let newcomer = Newcomer {
        name: canaries.text("display name"),
        country: "DE".parse()?,
        email: format!("{}@example.org", canaries.text("address")),
    };
    let person = scene.app.register(newcomer).await?;
    ensure!(person.home.to_string() == HOME, "{name} lives in {}", person.home);
    let notes = Told {
        title: canaries.text("title"),
        notes: canaries.text("notes"),
        device: canaries.text("device"),
        serial: canaries.text("serial"),
        positions: (0..5).map(|_| canaries.position("position")).collect(),
    };
    let file = Bytes::from(files::gpx(&notes));
    let (_, activity) = scene.app.upload(&person, file.clone(), random::uuid_v7()).await?;
    Ok((
        person,
        Ride {
            id: activity.id,
            file,
        },
    ))
}

/// The newest backup of each shard.
fn backups(scene: &Scene) -> Result<BTreeMap<String, String>> {
    let listed = scene.done(&["backup", "list"])?;
    let backups = listed["backups"].as_array().context("a list")?;
    let text = |backup: &Value, name: &str| backup[name].as_str().unwrap_or_default().to_owned();
    let pairs = backups
        .iter()
        .map(|backup| (text(backup, "shard"), text(backup, "name")));
    Ok(pairs.collect())
}

/// Backs up the home with its keys, and the directory; each is whole.
fn backed_up(scene: &Scene) -> Result<BTreeMap<String, String>> {
    let clock = Clock::system();
    let began = clock.monotonic();
    scene.done(&["backup", "create", "--home", HOME])?;
    for directory in ["directory/eu/000", "directory/eu/001"] {
        scene.done(&["backup", "create", directory])?;
    }
    println!("backed up in {:?}", clock.monotonic() - began);
    let backups = backups(scene)?;
    ensure!(
        backups.len() == 11,
        "eight shards, keys, two of the directory: {backups:?}"
    );
    for backup in backups.values() {
        scene.done(&["backup", "verify", backup])?;
    }
    Ok(backups)
}

/// What is said to a restore, once the controllers have noticed that nobody reports any more: until then the shard
/// counts as one that lives, or may.
async fn answered(scene: &Scene, (shard, backup): (&str, &str), to: &[&str]) -> Result<Said> {
    let clock = Clock::system();
    let begun = clock.monotonic();
    loop {
        let said = scene.said(&restore_to(shard, backup, to))?;
        let waits = !said.ok && NOT_YET.iter().any(|why| said.err.contains(why));
        if !waits || clock.monotonic() - begun >= WITHIN {
            return Ok(said);
        }
        clock.sleep(PAUSE).await;
    }
}

/// A restore is refused for this reason; nothing of it stays.
async fn is_refused(scene: &Scene, of: (&str, &str), to: &[&str], expected: &str) -> Result<()> {
    let said = answered(scene, of, to).await?;
    ensure!(!said.ok, "{of:?} {to:?} was done: {}", said.out);
    ensure!(
        said.err.contains(expected),
        "{of:?} {to:?}: not `{expected}` but {}",
        said.err
    );
    Ok(())
}

/// Restores each shard as far as its flags say; what was said of each.
async fn restored<'a>(
    scene: &Scene,
    backups: &BTreeMap<String, String>,
    flags: impl Fn(&str) -> Vec<&'a str>,
) -> Result<BTreeMap<String, Value>> {
    let clock = Clock::system();
    let began = clock.monotonic();
    let mut restored = BTreeMap::new();
    for (shard, backup) in backups {
        let said = answered(scene, (shard, backup), &flags(shard)).await?;
        ensure!(said.ok, "{shard}: {}", said.err);
        restored.insert(shard.clone(), said.out);
    }
    println!("restored in {:?}", clock.monotonic() - began);
    Ok(restored)
}

/// What is left of a person in any file of the world.
fn left(scene: &Scene, canaries: &[Canary]) -> Result<Vec<Found>> {
    Ok(Searcher::new(canaries)
        .folder(scene.processes.layout.root(), &["bin"])?
        .found)
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

/// Ada is erased after the backup, and so is Cleo, who asks for it herself; Ben is not.
#[tokio::test]
async fn a_cell_lost_for_good_goes_on_from_its_backups_without_who_was_erased() -> Result<()> {
    let Some(scene) = Scene::up()? else {
        return Ok(());
    };
    let (mut of_ada, mut of_ben, mut of_cleo) =
        (Canaries::default(), Canaries::default(), Canaries::default());
    let (ada, _) = newcomer(&scene, &mut of_ada, "Ada").await?;
    let (ben, ride) = newcomer(&scene, &mut of_ben, "Ben").await?;
    let (cleo, _) = newcomer(&scene, &mut of_cleo, "Cleo").await?;
    let backups = backed_up(&scene)?;
    refused::while_it_lives(&scene, &backups)?;
    foreign::stays_shut(&scene, &backups["eu/eu-central/003"])?;
    removed::by_a_person(&scene, &backups)?;
    let wanted = logged::written(&scene, &ben, &backups).await?;
    given::to_an_officer(&scene, &ada)?;
    // After the backup was made.
    erased(&scene, &ada).await?;
    given::up(&scene, &cleo).await?;
    scene.processes.lose(&seat(LOST)?).await?;
    wanted.is_all_that_there_is(&scene, &backups).await?;
    let restored = restored(&scene, &backups, |shard| wanted.flags(shard)).await?;
    wanted.is_met(&restored)?;
    let left_out = restored.values().filter_map(|said| said["left_out"].as_u64());
    let left_out: u64 = left_out.sum();
    ensure!(left_out > 3, "only {left_out} rows of Ada were left out");

    goes_on(&scene, ben, logged::KEPT, &[ride]).await?;
    is_gone(&scene, &ada, of_ada.all()).await?;
    is_gone(&scene, &cleo, of_cleo.all()).await?;
    ensure!(
        left(&scene, of_ben.all())?.is_empty(),
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

/// A person finds his way by his address, has this name and these rides and no others, and goes on.
async fn goes_on(scene: &Scene, mut person: Person, name: &str, rides: &[Ride]) -> Result<Person> {
    let place = until("the person is found", async || {
        scene.app.locate(&person.email).await
    })
    .await?;
    let tokens = until("the person logs in", async || {
        scene.app.log_in(&place, &person).await
    })
    .await?;
    person.take(tokens);
    let profile = until("the person is shown", async || scene.app.profile(&person).await).await?;
    let shown = profile.display_name;
    ensure!(shown.as_deref() == Some(name), "the name is {shown:?}");
    let ids: BTreeSet<Uuid> = scene.app.all_ids(&person).await?.into_iter().collect();
    let wanted: BTreeSet<Uuid> = rides.iter().map(|ride| ride.id).collect();
    ensure!(ids == wanted, "the rides are {ids:?}, not {wanted:?}");
    for ride in rides {
        let shown = scene.app.original(&person, ride.id).await?;
        ensure!(shown == ride.file, "the ride is another");
    }
    until("the person writes", async || {
        scene.app.rename(&person, "goes on").await
    })
    .await?;
    Ok(person)
}

/// No canary of hers, by API and by search; her address is anybody's.
async fn is_gone(scene: &Scene, ada: &Person, canaries: &[Canary]) -> Result<()> {
    until("Ada is not shown", async || {
        refused_as_nobody("the profile", scene.app.profile(ada).await)
    })
    .await?;
    refused_as_nobody("the session", scene.app.refresh(ada).await.map(drop))?;
    if let Ok(place) = scene.app.locate(&ada.email).await {
        refused_as_nobody("the log-in", scene.app.log_in(&place, ada).await.map(drop))?;
    }
    let found = left(scene, canaries)?;
    ensure!(found.is_empty(), "{found:?}");
    let newcomer = || Newcomer {
        name: "another".to_owned(),
        country: "DE".parse().expect("a country"),
        email: ada.email.clone(),
    };
    let another = until("another takes Ada's address", async || {
        scene.app.register(newcomer()).await
    })
    .await?;
    ensure!(another.user != ada.user, "it is Ada");
    Ok(())
}
