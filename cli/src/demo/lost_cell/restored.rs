//! A cell is lost for good, and a new one goes on from the backups of its shards.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use platform_model::{CellId, HomeId};
use platform_report::Figure;
use platform_runtime::clock::Clock;

use super::{Backups, Scene, Story, count};
use crate::demo::app::Person;
use crate::demo::commands;
use crate::demo::traffic::Traffic;
use crate::world::seats;

/// The cell that takes the place of the one that is lost, in the same region.
const ANEW: &str = "us-east-2";
/// For everybody to be served again.
const SERVED_WITHIN: Duration = Duration::from_secs(120);
const AGAIN_AFTER: Duration = Duration::from_millis(300);

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
    scene.world.lose(&lost).await?;
    let cell: CellId = ANEW.parse()?;
    let reason = "the demo lost a cell for good";
    scene.world.add_cell(&cell, &place.region, reason).await?;
    let (own, node, mut left_out) = (commands::own()?, format!("{cell}/0"), 0);
    for (shard, backup) in backups {
        let restored = scene.world.restore(&own, (shard, backup), &node, reason).await?;
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

/// The router has yet to hear where everybody is by now.
async fn until_served(scene: &Scene<'_>, people: &[Person]) -> Result<()> {
    let clock = Clock::system();
    let begun = clock.monotonic();
    for person in people {
        while let Err(failure) = scene.app.profile(person).await {
            let late = clock.monotonic() - begun > SERVED_WITHIN;
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
