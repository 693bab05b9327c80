//! A cell is lost for good, and a new one goes on from the backups of its shards.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use platform_model::{CellId, HomeId};
use platform_report::Figure;
use platform_runtime::clock::Clock;
use serde_json::Value;

use super::{Backups, Scene, Story, count, said};
use crate::demo::app::Person;
use crate::demo::traffic::Traffic;
use crate::world::seats;

/// The cell that takes the place of the one that is lost, in the same region.
const ANEW: &str = "us-east-2";
/// The controllers notice within seconds that nobody reports any more.
const RESTORED_WITHIN: Duration = Duration::from_secs(120);
const AGAIN_AFTER: Duration = Duration::from_millis(300);
/// What a restore says while the shard counts as one that lives, or may.
const NOT_YET: [&str; 4] = [
    "it is not lost",
    "has not listened",
    "under way",
    "changed the record",
];

pub async fn show(
    scene: &Scene<'_>,
    home: &HomeId,
    backups: &Backups,
    (before, meanwhile): (&Traffic, &Traffic),
    story: &mut Story<'_>,
) -> Result<()> {
    let mut places = seats::places().into_iter();
    let place = places
        .find(|place| place.home == *home)
        .context("a home has a cell")?;
    let lost = seats::seat_of_cell(&place.cell).context("a cell has a node")?;
    story.step(&format!(
        "{lost} is lost for good, disk and all: the new cell {ANEW} goes on from the backups"
    ));
    let clock = Clock::system();
    let begun = clock.monotonic();
    scene.world.kill(&lost).await?;
    fs::remove_dir_all(scene.world.layout.data(&lost))?;
    let cell: CellId = ANEW.parse()?;
    let reason = "the demo lost a cell for good";
    scene.world.add_cell(&cell, &place.region, reason).await?;
    let (node, mut left_out) = (format!("{cell}/0"), 0);
    for (shard, backup) in backups {
        let restored = restore(scene, (shard.as_str(), backup.as_str()), &node).await?;
        left_out += restored["left_out"].as_u64().unwrap_or_default();
    }
    let took = clock.monotonic() - begun;
    let seconds = (took.as_secs_f64() * 10.0).round() / 10.0;
    story.figure(Figure::info("restored-after-loss", seconds, "s"));
    story.figure(Figure::info("restored-shards", count(backups.len()), "shards"));
    let what = "a restore leaves out the rows of who was erased";
    story.check(left_out > 0, what, || format!("{left_out} rows"));
    until_served(scene, &before.people).await?;
    before.account().await.report("backed-up", story);
    written_since(meanwhile, story).await;
    Ok(())
}

/// Once the controllers have noticed that nobody reports any more.
async fn restore(scene: &Scene<'_>, (shard, backup): (&str, &str), node: &str) -> Result<Value> {
    let clock = Clock::system();
    let begun = clock.monotonic();
    let command = ["backup", "restore", backup, "--to", node, "--copies-are-lost"];
    let sure = ["--confirm", shard, "--reason", "the demo lost its cell for good"];
    loop {
        let error = match said(scene, &[&command[..], &sure[..]].concat()).await {
            Ok(restored) => return Ok(restored),
            Err(error) => error,
        };
        let waits = NOT_YET.iter().any(|why| error.to_string().contains(why));
        if !waits || clock.monotonic() - begun > RESTORED_WITHIN {
            return Err(error);
        }
        clock.sleep(AGAIN_AFTER).await;
    }
}

/// The router has yet to hear where everybody is by now.
async fn until_served(scene: &Scene<'_>, people: &[Person]) -> Result<()> {
    let clock = Clock::system();
    let begun = clock.monotonic();
    for person in people {
        while let Err(failure) = scene.app.profile(person).await {
            let late = clock.monotonic() - begun > RESTORED_WITHIN;
            ensure!(
                !late,
                "{} is not served after the restore: {failure}",
                person.name
            );
            clock.sleep(AGAIN_AFTER).await;
        }
    }
    Ok(())
}

/// What was written after the backups of its shard is lost with the cell: told, and not judged.
async fn written_since(meanwhile: &Traffic, story: &mut Story<'_>) {
    let account = meanwhile.account().await;
    story.figure(Figure::info(
        "written-during-and-after-the-backups",
        count(account.acknowledged),
        "writes",
    ));
    story.figure(Figure::info(
        "of-these-lost-with-the-cell",
        count(account.lost.len()),
        "writes",
    ));
}
