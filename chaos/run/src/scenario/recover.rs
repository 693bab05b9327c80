//! `chaos run --scenario recover`: while people write, all controllers are lost for good, disks and all, and the world goes
//! on from a backup of their state. After the backup a shard had moved: the recovered world has to find that out from the
//! nodes, though its first controller is killed once more while it asks. In the end nothing that was acknowledged is lost,
//! and the recovered controllers move shards as the old ones did.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cli_world::app::App;
use cli_world::seats::{SeatKind, seats};
use cli_world::stage::STOP_WITHIN;
use cli_world::{Progress, Seat, Stage, World, door, make};
use platform_model::{Epoch, NodeId, ShardId};
use platform_report::{Document, Figure};
use platform_runtime::clock::Clock;

use super::restore::done;
use super::restore_people::{Judgement, People};
use crate::run::{Options, bring_up};
use crate::staged::staged;
use crate::verdicts;

const HOME: &str = "eu/eu-central";
/// Moved after the backup, and once more by the recovered controllers.
const MOVED: &str = "eu/eu-central/000";
const MOVED_LATER: &str = "eu/eu-central/001";
const TO: &str = "eu-west-1";
/// Load before the loss, without controllers, and after the recovery.
const CALM: Duration = Duration::from_secs(4);
const RECOVERED_WITHIN: Duration = Duration::from_secs(120);
const AGAIN_AFTER: Duration = Duration::from_millis(200);
/// What is given out after a recovery is above this.
const INCARNATION: u64 = 1 << 32;
/// Texts of what is wrong that the notes have at most.
const NOTES_MAX: usize = 20;

struct Ran {
    recovered_in: Duration,
    /// Requests without an answer while no controller was there, and of how many.
    unanswered: u64,
    asked: u64,
    /// Without an answer in the same time before: a machine that does much else is slow by itself.
    unanswered_before: u64,
    /// What the recovered world says of shards that is not so.
    wrong: Vec<String>,
    judgement: Judgement,
}

/// # Errors
/// When the run could not be made: it says nothing of the platform then.
pub async fn run(options: &Options, progress: &dyn Progress) -> Result<Document> {
    let play = async |stage: &Stage| play(options, stage, progress).await;
    let ran = staged("chaos-recover", options, progress, play).await?;
    Ok(document(options, &ran))
}

async fn play(options: &Options, stage: &Stage, progress: &dyn Progress) -> Result<Ran> {
    make::make(&stage.layout, None)?;
    let world = World::open(&stage.layout)?;
    bring_up(options, &world, progress).await?;
    let app = App::new(door::client(&world.layout)?, &world.url());
    let people = People::come_in(&app, HOME).await?;
    let lost = async {
        let lost = lose_and_recover(&world, &people, progress).await;
        people.stop();
        lost
    };
    let (lost, ()) = tokio::join!(lost, people.write());
    let mut ran = lost?;
    progress.progress("looking for what was acknowledged");
    ran.judgement = people.judge_kept(0).await;
    world.down(STOP_WITHIN).await?;
    Ok(ran)
}

async fn lose_and_recover(world: &World, people: &People, progress: &dyn Progress) -> Result<Ran> {
    let clock = Clock::system();
    clock.sleep(CALM).await;
    let backup = back_up(world).await?;
    progress.progress("the controllers' state is backed up");
    move_away(world, MOVED).await?;
    let epoch = epoch_of(world, MOVED).await?;
    let before = people.unanswered();
    clock.sleep(CALM).await;
    let unanswered_before = people.unanswered() - before;
    lose_controllers(world).await?;
    progress.progress("all controllers are lost, with their disks");
    let (unanswered, asked) = (people.unanswered(), people.asked());
    clock.sleep(CALM).await;
    let (unanswered, asked) = (people.unanswered() - unanswered, people.asked() - asked);
    let began = clock.monotonic();
    recover(world, &backup).await?;
    kill_the_first(world).await?;
    progress.progress("the first controller is killed while it recovers, and comes back");
    until_recovered(world).await?;
    let recovered_in = clock.monotonic() - began;
    progress.progress("the world is recovered");
    let mut wrong = Vec::new();
    let status = world.admin()?.status().await?;
    let shard: ShardId = MOVED.parse()?;
    let route = status.table.shards.get(&shard).context("it is served")?;
    let to: NodeId = format!("{TO}/0").parse()?;
    if (&route.node, route.epoch) != (&to, epoch) {
        wrong.push(format!(
            "{MOVED} is said to be led by {} in {}",
            route.node, route.epoch
        ));
    }
    add_others(world).await?;
    match move_away(world, MOVED_LATER).await {
        Ok(()) => {
            let given = epoch_of(world, MOVED_LATER).await?;
            if given.0 <= INCARNATION {
                wrong.push(format!(
                    "{MOVED_LATER} is led in {given}, which may have been given before"
                ));
            }
        }
        Err(error) => wrong.push(format!("the recovered controllers move no shard: {error:#}")),
    }
    clock.sleep(CALM).await;
    Ok(Ran {
        recovered_in,
        unanswered,
        asked,
        unanswered_before,
        wrong,
        judgement: Judgement::default(),
    })
}

/// The folder of the backup.
async fn back_up(world: &World) -> Result<String> {
    let (into, key) = (text(world, "kept")?, text(world, "kept.key")?);
    let arguments = ["world", "backup", "--into", &into, "--key", &key, "--new-key"];
    let kept = done(world, &arguments).await?;
    let folder = kept["folder"].as_str().context("a folder")?;
    Ok(folder.to_owned())
}

async fn recover(world: &World, backup: &str) -> Result<()> {
    let first = controllers().next().context("there are controllers")?;
    let data = world.layout.data(&first);
    let (data, key) = (
        data.to_str().context("a path that is text")?,
        text(world, "kept.key")?,
    );
    let confirm: String = world.id.to_string().chars().take(8).collect();
    let arguments = [
        "world",
        "recover",
        backup,
        "--key",
        &key,
        "--data-dir",
        data,
        "--confirm",
        &confirm,
        "--reason",
        "a fire",
    ];
    done(world, &arguments).await?;
    world.start_controllers(&[first]).await
}

/// The one that was left the backup goes on where it was.
async fn kill_the_first(world: &World) -> Result<()> {
    let first = controllers().next().context("there are controllers")?;
    world.kill(&first).await?;
    world.start_controllers(&[first]).await
}

async fn add_others(world: &World) -> Result<()> {
    let others: Vec<Seat> = controllers().skip(1).collect();
    world.start_controllers(&others).await?;
    for seat in &others {
        let SeatKind::Controller(id) = seat.kind else {
            continue;
        };
        let (id, address) = (id.to_string(), world.ports.address(seat));
        done(
            world,
            &["member", "add", &id, &address, "--reason", "a fire", "--yes"],
        )
        .await?;
    }
    Ok(())
}

/// All of them, as in a fire.
async fn lose_controllers(world: &World) -> Result<()> {
    for seat in controllers() {
        world.lose(&seat).await?;
    }
    Ok(())
}

fn controllers() -> impl Iterator<Item = Seat> {
    seats().into_iter().filter(Seat::is_controller)
}

/// Until it is known of every shard who holds it.
async fn until_recovered(world: &World) -> Result<()> {
    let (clock, admin) = (Clock::system(), world.admin()?);
    let begun = clock.monotonic();
    loop {
        let waits = match admin.status().await {
            Ok(status) => match status.recovering {
                Some(recovering) => format!("{recovering:?}"),
                None => return Ok(()),
            },
            Err(error) => error.to_string(),
        };
        let waited = clock.monotonic() - begun;
        ensure!(waited < RECOVERED_WITHIN, "it is not recovered: {waits}");
        clock.sleep(AGAIN_AFTER).await;
    }
}

async fn move_away(world: &World, shard: &str) -> Result<()> {
    let arguments = ["shard", "move", shard, "--to", TO, "--reason", "spread", "--yes"];
    let wait = ["--wait", "--timeout", "120s"];
    done(world, &[&arguments[..], &wait[..]].concat()).await.map(drop)
}

async fn epoch_of(world: &World, shard: &str) -> Result<Epoch> {
    let status = world.admin()?.status().await?;
    let shard: ShardId = shard.parse()?;
    Ok(status.table.shards.get(&shard).context("it is served")?.epoch)
}

/// A path beside the world's folder.
fn text(world: &World, ending: &str) -> Result<String> {
    let path = world.layout.root().join(ending);
    Ok(path.to_str().context("a path that is text")?.to_owned())
}

fn document(options: &Options, ran: &Ran) -> Document {
    let mut document = Document::new("chaos-recover");
    let judged = &ran.judgement;
    let zero = |name: &str, count: f64| Figure::at_most(name, count, "cases", 0.0);
    document.figures = vec![
        Figure::at_least("acknowledged", judged.before as f64, "rides", 1.0),
        Figure::at_least("asked-without-controllers", ran.asked as f64, "requests", 1.0),
        Figure::at_most(
            "unanswered-without-controllers",
            ran.unanswered as f64,
            "requests",
            ran.unanswered_before as f64,
        ),
        Figure::info("recovered-in-s", ran.recovered_in.as_secs_f64(), "s"),
        zero("shards-not-as-they-are", ran.wrong.len() as f64),
        zero("lost", judged.lost.len() as f64),
    ];
    let cases: [(&str, &[String]); 2] = [("lost", &judged.lost), ("not-as-it-is", &ran.wrong)];
    let verdict = verdicts::of_cases("recover", (judged.looked_for, judged.meanwhile), &cases);
    verdicts::tell(&mut document, &[verdict]);
    document.notes.push(format!("seed {}", options.seed));
    let wrong = ran.wrong.iter().chain(&judged.lost);
    document.notes.extend(wrong.take(NOTES_MAX).cloned());
    document
}
