//! `chaos run --scenario restore`: a cell is lost for good, disk and all, while people write; its shards go on from their
//! backups at another cell, which is killed once between two of them. In the end everything is there that was
//! acknowledged before the backups were made, people go on, and who was erased after the backups is nowhere.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cli_world::app::App;
use cli_world::seats::seat_named;
use cli_world::stage::STOP_WITHIN;
use cli_world::{Progress, Stage, World, door, make, ready};
use platform_model::NodeId;
use platform_report::{Document, Figure};
use platform_runtime::clock::Clock;
use serde_json::Value;

use super::restore_people::{Judgement, People};
use super::restore_search::{self, Searched};
use crate::run::{Options, bring_up};
use crate::staged::staged;
use crate::verdicts;

/// The cell that is lost: it holds the home, its keys, and the directory of its jurisdiction.
const LOST: &str = "celld-eu-central-1";
const HOME: &str = "eu/eu-central";
const DIRECTORY: [&str; 2] = ["directory/eu/000", "directory/eu/001"];
const TO: &str = "eu-west-1/0";
const TARGET: &str = "celld-eu-west-1";
const OFFICER: &str = "compliance/ann";
/// Load before the backups, between them and the loss, and after the restore.
const CALM: Duration = Duration::from_secs(4);
const AGAIN_AFTER: Duration = Duration::from_millis(300);
/// The node that takes the shards in stays away for so long, and must have opened what it took within the other.
const AWAY: Duration = Duration::from_secs(1);
const BACK_WITHIN: Duration = Duration::from_secs(60);
/// Texts of what is wrong that the notes have at most.
const NOTES_MAX: usize = 20;

struct Ran {
    backed_up_in: Duration,
    restored_in: Duration,
    /// From the start of the killed target until it had opened what it had taken.
    back_in: Duration,
    left_out: u64,
    judgement: Judgement,
    searched: Searched,
}

/// # Errors
/// When the run could not be made: it says nothing of the platform then.
pub async fn run(options: &Options, progress: &dyn Progress) -> Result<Document> {
    let play = async |stage: &Stage| play(options, stage, progress).await;
    let ran = staged("chaos-restore", options, progress, play).await?;
    Ok(document(options, &ran))
}

async fn play(options: &Options, stage: &Stage, progress: &dyn Progress) -> Result<Ran> {
    make::make(&stage.layout, None)?;
    let world = World::open(&stage.layout)?;
    bring_up(options, &world, progress).await?;
    let app = App::new(door::client(&world.layout)?, &world.url());
    let people = People::come_in(&app, HOME).await?;
    let lost = async {
        let lost = lose_and_restore(options.seed, &world, &people, progress).await;
        people.stop();
        lost
    };
    let (lost, ()) = tokio::join!(lost, people.write());
    let mut ran = lost?;
    progress.progress("looking for what was acknowledged, and for who was erased");
    ran.judgement = people.judge().await;
    world.down(STOP_WITHIN).await?;
    // Of a world that stands still: what was in memory is in files, if anywhere.
    ran.searched = restore_search::search(&world, people.erased()).await?;
    Ok(ran)
}

async fn lose_and_restore(seed: u64, world: &World, people: &People, progress: &dyn Progress) -> Result<Ran> {
    let clock = Clock::system();
    clock.sleep(CALM).await;
    people.backups_begin();
    let began = clock.monotonic();
    done(world, &["backup", "create", "--home", HOME]).await?;
    for shard in DIRECTORY {
        done(world, &["backup", "create", shard]).await?;
    }
    let backed_up_in = clock.monotonic() - began;
    let backups = backups(world).await?;
    progress.progress(&format!("{} shards are backed up", backups.len()));
    clock.sleep(CALM).await;
    for user in people.to_be_erased() {
        let (person, id) = (format!("{HOME}/{user}"), user.to_string());
        let erase = ["user", "erase", &person, "--as", OFFICER, "--reason", "request 1"];
        done(world, &[&erase[..], &["--confirm", &id]].concat()).await?;
    }
    world
        .lose(&seat_named(LOST).context("there is such a seat")?)
        .await?;
    progress.progress(&format!("{LOST} is lost, with its disk"));
    let (began, mut left_out, mut back_in) = (clock.monotonic(), 0, Duration::ZERO);
    let cellctl = cellctl()?;
    let struck_after = struck_after(seed, backups.len()).context("there are several shards")?;
    for (at, (shard, backup)) in backups.iter().enumerate() {
        if at == struck_after {
            back_in = strike_target(world).await?;
            progress.progress(&format!("{TARGET} was killed with {at} of them, and is back"));
        }
        let restored = world.restore(&cellctl, (shard, backup), TO, "a fire").await?;
        left_out += restored["left_out"].as_u64().unwrap_or_default();
    }
    let restored_in = clock.monotonic() - began;
    progress.progress(&format!("{} shards go on at {TO}", backups.len()));
    people.restored();
    clock.sleep(CALM).await;
    Ok(Ran {
        backed_up_in,
        restored_in,
        back_in,
        left_out,
        judgement: Judgement::default(),
        searched: Searched::default(),
    })
}

/// How many shards are restored when the target is killed: between two of them.
fn struck_after(seed: u64, shards: usize) -> Option<usize> {
    let between = u64::try_from(shards).ok()?.checked_sub(1)?;
    let chosen = seed.checked_rem(between)?;
    usize::try_from(chosen).ok()?.checked_add(1)
}

/// Kills the node that takes the shards in, and starts it again; until it has opened those that it leads by the record.
async fn strike_target(world: &World) -> Result<Duration> {
    let (clock, admin) = (Clock::system(), world.admin()?);
    let (seat, node): (_, NodeId) = (seat_named(TARGET).context("there is such a seat")?, TO.parse()?);
    let before = ready::incarnations(&admin.status().await?, std::iter::once(&node));
    world.kill(&seat).await?;
    clock.sleep(AWAY).await;
    world.spawn(&seat)?;
    let begun = clock.monotonic();
    loop {
        let waits = match admin.status().await {
            Ok(status) => match ready::node_not_ready(&status, &before, &node) {
                Some(why) => why,
                None => return Ok(clock.monotonic() - begun),
            },
            Err(error) => error.to_string(),
        };
        ensure!(
            clock.monotonic() - begun < BACK_WITHIN,
            "{TARGET} is not back: {waits}"
        );
        clock.sleep(AGAIN_AFTER).await;
    }
}

/// The newest backup of each shard.
async fn backups(world: &World) -> Result<BTreeMap<String, String>> {
    let listed = done(world, &["backup", "list"]).await?;
    let backups = listed["backups"].as_array().context("a list")?;
    let text = |backup: &Value, name: &str| backup[name].as_str().unwrap_or_default().to_owned();
    let pair = |backup: &Value| (text(backup, "shard"), text(backup, "name"));
    Ok(backups.iter().map(pair).collect())
}

/// What a command of `cellctl` says, which lies beside this program: what a person does is done as a person does it.
pub(super) async fn done(world: &World, arguments: &[&str]) -> Result<Value> {
    world.typed(&cellctl()?, arguments).await
}

fn cellctl() -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot tell where this program is")?;
    Ok(own.with_file_name("cellctl"))
}

fn document(options: &Options, ran: &Ran) -> Document {
    let mut document = Document::new("chaos-restore");
    let (count, judged) = (|number: usize| number as f64, &ran.judgement);
    let zero = |name: &str, wrong: &[String]| Figure::at_most(name, count(wrong.len()), "cases", 0.0);
    document.figures = vec![
        Figure::at_least("acknowledged-before-backup", count(judged.before), "rides", 1.0),
        Figure::info("acknowledged-after-backup", count(judged.meanwhile), "rides"),
        Figure::at_least("acknowledged-after-restore", count(judged.after), "rides", 1.0),
        Figure::info("backed-up-in-s", ran.backed_up_in.as_secs_f64(), "s"),
        Figure::info("restored-in-s", ran.restored_in.as_secs_f64(), "s"),
        Figure::info("killed-target-back-in-s", ran.back_in.as_secs_f64(), "s"),
    ];
    if options.plant.is_some() {
        let caught = count(judged.came_back.len().min(1));
        document
            .figures
            .push(Figure::at_least("caught", caught, "of 1", 1.0));
    } else {
        document.figures.extend([
            Figure::at_least("left-out", ran.left_out as f64, "rows", 1.0),
            zero("lost", &judged.lost),
            zero("erased-came-back", &judged.came_back),
            zero("erased-found-in-files", &ran.searched.found),
            Figure::at_least("files-searched", ran.searched.files as f64, "files", 1.0),
            Figure::at_least("codings-searched", ran.searched.patterns as f64, "codings", 1.0),
        ]);
    }
    let cases: [(&str, &[String]); 3] = [
        ("lost", &judged.lost),
        ("came-back", &judged.came_back),
        ("found-in-files", &ran.searched.found),
    ];
    // What was acknowledged after the backups were begun may be there or not.
    let verdict = verdicts::of_cases("restore", (judged.looked_for, judged.meanwhile), &cases);
    verdicts::tell(&mut document, &[verdict]);
    document.notes.push(format!("seed {}", options.seed));
    let wrong = judged.lost.iter().chain(&judged.came_back);
    let wrong = wrong.chain(&ran.searched.found);
    document.notes.extend(wrong.take(NOTES_MAX).cloned());
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_killed_between_two_shards_whatever_the_seed() {
        let after: Vec<_> = (0..4).map(|seed| struck_after(seed, 4)).collect();
        assert_eq!(after, [Some(1), Some(2), Some(3), Some(1)]);
        assert_eq!((struck_after(9, 1), struck_after(9, 0)), (None, None));
        assert_eq!(struck_after(u64::MAX, 2), Some(1));
    }
}
