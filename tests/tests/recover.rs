//! All controllers lost for good, on real processes: the world goes on from a backup of their state, knows what was decided
//! since from its nodes, loses nothing that was acknowledged, and gives no epoch out twice.

#![allow(
    clippy::print_stdout,
    reason = "a test says what it skipped and what it measured"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use cli_world::Seat;
use cli_world::app::Person;
use cli_world::seats::{SeatKind, seats};
use platform_model::{Epoch, NodeId, ReplicaId, RoutingTable, ShardId};
use platform_wire::admin::WorldStatus;
use tests::scene::{HOME, Scene, node, of_home, seat, until};

/// It leads the home as the backup is made, and is killed afterwards.
const FIRST: &str = "celld-eu-central-1";
/// It takes over, and begins again while no controller is there.
const SECOND: &str = "celld-eu-west-1";
/// It is down as the world is recovered.
const SILENT: &str = "celld-us-east-1";
const WRITES: u32 = 10;
/// What is given out after a recovery is above this.
const INCARNATION: u64 = 1 << 32;

/// A path beside the world's folders.
fn text(scene: &Scene, name: &str) -> Result<String> {
    let path = scene.world.root().join(name);
    Ok(path.to_str().context("a path that is text")?.to_owned())
}

/// Who leads a shard, in which epoch, by which copy.
type Led = (ShardId, NodeId, Epoch, ReplicaId);

fn led(table: &RoutingTable) -> Vec<Led> {
    let shards = table.shards.iter();
    let led =
        shards.map(|(shard, route)| (shard.clone(), route.node.clone(), route.epoch, route.set.primary));
    led.collect()
}

fn controllers() -> Vec<Seat> {
    seats().into_iter().filter(Seat::is_controller).collect()
}

/// Keeps the state; answers the folder of the backup.
fn back_up(scene: &Scene) -> Result<String> {
    let (into, key) = (text(scene, "kept")?, text(scene, "kept.key")?);
    let made = scene.done(&["world", "backup", "--into", &into, "--key", &key, "--new-key"])?;
    Ok(made["folder"].as_str().context("a folder")?.to_owned())
}

/// The command that recovers, but for its backup and its key.
fn recovers(scene: &Scene, backup: &str, key: &str) -> Result<Vec<String>> {
    let data: PathBuf = scene.processes.layout.data(&controllers()[0]);
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
    let left = scene
        .processes
        .layout
        .data(&controllers()[0])
        .join("recover.json");
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
    let person = scene.person_of_home("Ada").await?;
    scene.write(&person, "Ada before").await?;
    Ok(person)
}

/// What the backup does not know: another leads, and only he has what was written since. Answers who leads.
async fn go_on(scene: &Scene, person: &Person) -> Result<Vec<Led>> {
    let (first, first_node) = (seat(FIRST)?, node(FIRST)?);
    scene.processes.kill(&first).await?;
    let elsewhere = |status: &WorldStatus| of_home(&status.table).all(|(_, route)| route.node != first_node);
    scene.status_until("another leads", elsewhere).await?;
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
        scene.processes.lose(&seat).await?;
    }
    assert_eq!(scene.read(person).await?, format!("Ada {}", WRITES - 1));
    scene.write(person, "Ada alone").await?;
    let second = seat(SECOND)?;
    scene.processes.kill(&second).await?;
    scene.processes.spawn(&second)?;
    scene.write(person, "Ada alone again").await?;
    scene.processes.kill(&seat(SILENT)?).await
}

async fn recover(scene: &Scene, backup: &str, key: &str) -> Result<()> {
    flip(backup)?;
    is_refused(scene, backup, "(damaged-part)", key)?;
    flip(backup)?;
    let wrong = text(scene, "wrong.key")?;
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
    let silent = node(SILENT)?;
    let waits = |status: &WorldStatus| {
        let waits_for = status.recovering.as_ref().map(|recovering| &recovering.waits_for);
        waits_for.is_some_and(|nodes| *nodes == [silent.clone()])
    };
    let status = scene.status_until("everybody else has told", waits).await?;
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
    // Refused at first, perhaps: whoever has just begun to lead has heard nobody.
    until("it is given up", async || scene.done(&give_up)).await?;
    let recovered = |status: &WorldStatus| status.recovering.is_none();
    let known = scene.status_until("it is recovered", recovered).await?.table;
    assert_eq!(led(&known), before, "as it was, not as the backup has it");
    let mut routes = known.shards.values();
    assert!(routes.all(|route| route.set.generation.0 > INCARNATION));
    scene.refused(&give_up, "no shard waits")?;
    Ok(known)
}

/// The others come, and the world does what it did before, in epochs that were never given out.
async fn goes_on_as_before(scene: &Scene, person: &Person, known: &RoutingTable) -> Result<()> {
    let first = node(FIRST)?;
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
    scene.status_until(what, given).await?;
    assert_eq!(scene.read(person).await?, "Ada after");
    scene.write(person, "Ada again").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_world_whose_controllers_are_all_lost_goes_on_from_a_backup() -> Result<()> {
    let Some(scene) = Scene::up()? else {
        return Ok(());
    };
    let person = settle(&scene).await?;
    let (backup, key) = (back_up(&scene)?, text(&scene, "kept.key")?);
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
