//! A home whose only cell is lost for good, disk and all: it was backed up, and a new cell goes on from the backups. Somebody who
//! took along what was held of him, and was erased after the backups were made, does not come back with them.

mod erased;
mod restored;

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use platform_model::{HomeId, ShardId};
use platform_report::Figure;
use platform_runtime::clock::Clock;
use serde_json::Value;

use super::Scene;
use super::app::{Newcomer, Person};
use super::commands::said;
use super::copies;
use super::story::{Story, count};
use super::traces;
use super::traffic::Traffic;

const WRITERS: usize = 1;
/// Acknowledgements before the backups, between them and the loss, and after it.
const ACKS: usize = 60;
/// Tracks of this act are numbered from here: before the backups are begun, from then on, after the restore.
const FIRST_BEFORE: u64 = 10_000;
const FIRST_MEANWHILE: u64 = 30_000;
const FIRST_AFTER: u64 = 50_000;
/// The one who is erased, and how many rides he has.
const NAME: &str = "henry-who-is-erased";
const RIDES: u64 = 3;

/// The newest backup of each shard.
type Backups = BTreeMap<String, String>;

pub async fn show(scene: &Scene<'_>, story: &mut Story<'_>) -> Result<()> {
    let (_, alone) = copies::homes();
    let home = alone.into_iter().next().context("no home has one region alone")?;
    story.step(&format!(
        "{home} is backed up under load, with its keys and the directory of its people"
    ));
    let leaver = leaver(scene, &home).await?;
    let people: Vec<Person> = scene
        .people
        .iter()
        .filter(|person| person.home == home)
        .cloned()
        .collect();
    let before = Traffic::new(scene, people.clone(), FIRST_BEFORE);
    before.during(WRITERS, before.acknowledged(ACKS)).await?;
    let meanwhile = Traffic::new(scene, people.clone(), FIRST_MEANWHILE);
    let backups = meanwhile
        .during(WRITERS, async {
            let backups = back_up(scene, &home, story).await?;
            meanwhile.acknowledged(ACKS).await?;
            Ok(backups)
        })
        .await?;
    let failures = meanwhile.tally.failures();
    story.figure(Figure::at_most(
        "client-errors-during-backup",
        count(failures),
        "requests",
        0.0,
    ));
    let erased = erased::show(scene, &leaver, story).await?;
    restored::show(scene, &home, &backups, (&before, &meanwhile), story).await?;
    erased::stays(scene, &leaver, &erased, story).await?;
    let after = Traffic::new(scene, people, FIRST_AFTER);
    after.during(WRITERS, after.acknowledged(ACKS)).await?;
    after.account().await.report("after-restore", story);
    Ok(())
}

/// Somebody of that home with a few rides.
async fn leaver(scene: &Scene<'_>, home: &HomeId) -> Result<Person> {
    let newcomer = Newcomer {
        name: NAME.to_owned(),
        country: "US".parse()?,
        email: format!("{NAME}@example.org"),
    };
    let person = scene.app.register(newcomer).await?;
    ensure!(person.home == *home, "{} lives in {}", person.name, person.home);
    for number in 0..RIDES {
        traces::leave(scene, &person, number).await?;
    }
    Ok(person)
}

/// Every shard of the home, its keys last, then the directory of its people.
async fn back_up(scene: &Scene<'_>, home: &HomeId, story: &mut Story<'_>) -> Result<Backups> {
    let clock = Clock::system();
    let begun = clock.monotonic();
    let whole = home.to_string();
    let mut made = list(said(scene, &["backup", "create", "--home", &whole]).await?);
    let table = copies::table(scene).await?;
    let directory = |shard: &&ShardId| shard.home().is_none() && *shard.jurisdiction() == home.jurisdiction;
    for shard in table.shards.keys().filter(directory) {
        made.extend(list(
            said(scene, &["backup", "create", &shard.to_string()]).await?,
        ));
    }
    let took = (clock.monotonic() - begun).as_secs_f64();
    let text = |backup: &Value, name: &str| backup[name].as_str().unwrap_or_default().to_owned();
    let backups: Backups = made
        .iter()
        .map(|backup| (text(backup, "shard"), text(backup, "name")))
        .collect();
    let served = |shard: &&ShardId| shard.home() == Some(home) || directory(shard);
    let shards = table.shards.keys().filter(served).count();
    let what = "every shard of the home, its keys and its directory have a backup";
    story.check(backups.len() == shards && shards > 0, what, || {
        format!("{} of {shards}", backups.len())
    });
    story.figure(Figure::info("backed-up-in", (took * 10.0).round() / 10.0, "s"));
    Ok(backups)
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        other => vec![other],
    }
}
