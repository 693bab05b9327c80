//! A cell is killed with SIGKILL while files come in: what it acknowledged is there when it is back, what it did not
//! acknowledge can be sent again, and the other cells notice nothing.

mod load;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::{join, join_all};
use platform_report::Figure;
use platform_runtime::clock::Clock;
use serde_json::json;

use super::Scene;
use super::app::{App, Person};
use super::stage::STOP_WITHIN;
use super::story::{Row, Story, count};
use super::tally::Tally;
use crate::world::{Seat, seats};
use load::{Load, Upload};

/// Uploads at the same time, of people of the cell.
const UPLOADERS: usize = 8;
/// The cell is killed at the acknowledgement with this number, of each round.
const ACKS_BEFORE_KILL: usize = 40;
/// How often a cell is killed.
const ROUNDS: usize = 2;
/// For the acknowledgements to come, however slow the machine is.
const ACKS_WITHIN: Duration = Duration::from_secs(60);

/// What the rounds found together.
#[derive(Default)]
struct Found {
    acknowledged: usize,
    lost: Vec<String>,
    open: usize,
    unsettled: Vec<String>,
    restart_s: Vec<f64>,
}

pub async fn show(scene: &Scene<'_>, story: &mut Story<'_>) -> Result<()> {
    let (victim, residents) = victim(scene)?;
    story.step(&format!(
        "{victim} is killed (kill -9) while files come in, {ROUNDS} times"
    ));
    if let Some(fault) = scene.sabotage {
        // Planted from here on, at the victim only.
        scene.world.set_environment(fault.environment());
        scene.world.stop(&victim, STOP_WITHIN).await?;
        scene.world.start_others(std::slice::from_ref(&victim)).await?;
    }
    let bystanders: Vec<Person> = scene
        .people
        .iter()
        .filter(|person| !residents.iter().any(|r| r.home == person.home))
        .cloned()
        .collect();
    let calm = Arc::new(Tally::default());
    let (mut found, mut rows) = (Found::default(), Vec::new());
    for round in 1..=ROUNDS {
        let others = scene.app.counted(&calm);
        let row = tokio::select! {
            row = one_round(scene, &victim, &residents, round, &mut found) => row?,
            never = load::bystanders(&others, &bystanders) => match never {},
        };
        rows.push(row);
    }
    let header = [
        "round",
        "acknowledged",
        "lost",
        "unanswered",
        "of these not settled",
        "back after",
    ];
    story.table("crash", "Uploads to a cell that was killed", &header, rows);
    report(&found, &calm, story);
    Ok(())
}

/// The cell of the first person, and those who live there.
fn victim(scene: &Scene<'_>) -> Result<(Seat, Vec<Person>)> {
    let home = scene.people.first().context("nobody registered")?.home.clone();
    let place = seats::places()
        .into_iter()
        .find(|place| place.home == home)
        .context("no cell holds the home")?;
    let seat = seats::seat_of_cell(&place.cell).context("the cell has no node")?;
    let residents = scene
        .people
        .iter()
        .filter(|person| person.home == home)
        .cloned()
        .collect();
    Ok((seat, residents))
}

async fn one_round(
    scene: &Scene<'_>,
    victim: &Seat,
    residents: &[Person],
    round: usize,
    found: &mut Found,
) -> Result<Row> {
    let load = Load::new(round);
    let uploaders = join_all(
        residents
            .iter()
            .cycle()
            .take(UPLOADERS)
            .map(|person| load.uploader(&scene.app, person)),
    );
    let kill = async {
        let reached = tokio::time::timeout(ACKS_WITHIN, load.reached(ACKS_BEFORE_KILL)).await;
        let killed = scene.world.kill(victim).await;
        load.stop();
        reached.context("too few uploads were acknowledged in time")?;
        killed
    };
    let (killed, _) = join(kill, uploaders).await;
    killed?;
    let clock = Clock::system();
    let begun = clock.monotonic();
    scene.world.start_others(std::slice::from_ref(victim)).await?;
    let restart_s = clock.monotonic().saturating_sub(begun).as_secs_f64();
    let (acknowledged, open) = load.uploads();
    let lost = lost(&scene.app, &acknowledged).await;
    let unsettled = unsettled(&scene.app, &open).await;
    let row = row(
        round,
        (acknowledged.len(), lost.len()),
        (open.len(), unsettled.len()),
        restart_s,
    );
    found.acknowledged += acknowledged.len();
    found.open += open.len();
    found.lost.extend(lost);
    found.unsettled.extend(unsettled);
    found.restart_s.push(restart_s);
    Ok(row)
}

/// Acknowledged uploads that are not there, with the reason: one text for each.
async fn lost(app: &App, acknowledged: &[Upload]) -> Vec<String> {
    let mut lost = Vec::new();
    for upload in acknowledged {
        if let Some(why) = why_lost(app, upload).await {
            lost.push(why);
        }
    }
    lost
}

/// The file must come back as it was sent, and the activity be in the list exactly once.
async fn why_lost(app: &App, upload: &Upload) -> Option<String> {
    let id = upload.id?;
    match app.original(&upload.person, id).await {
        Ok(bytes) if bytes == upload.bytes => {}
        Ok(bytes) => {
            return Some(format!(
                "{id} came back with {} bytes of {}",
                bytes.len(),
                upload.bytes.len()
            ));
        }
        Err(failure) => return Some(format!("{id}: {failure}")),
    }
    match app.all_ids(&upload.person).await {
        Ok(ids) if ids.iter().filter(|listed| **listed == id).count() == 1 => None,
        Ok(_) => Some(format!("{id} is not in the list once")),
        Err(failure) => Some(format!("{id}: {failure}")),
    }
}

/// Uploads without an answer that cannot be brought to an end by sending them again under their key.
async fn unsettled(app: &App, open: &[Upload]) -> Vec<String> {
    let mut unsettled = Vec::new();
    for upload in open {
        if let Err(failure) = app.upload(&upload.person, upload.bytes.clone(), upload.key).await {
            unsettled.push(format!("sent again: {failure}"));
        }
    }
    unsettled
}

fn row(round: usize, acknowledged: (usize, usize), open: (usize, usize), restart_s: f64) -> Row {
    let numbers = [round, acknowledged.0, acknowledged.1, open.0, open.1];
    let mut text: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    text.push(format!("{restart_s:.1} s"));
    Row {
        text,
        json: json!({
            "round": round,
            "acknowledged": acknowledged.0,
            "lost": acknowledged.1,
            "unanswered": open.0,
            "unsettled": open.1,
            "back_after_s": restart_s,
        }),
    }
}

fn report(found: &Found, calm: &Tally, story: &mut Story<'_>) {
    for text in found.lost.iter().take(5) {
        story.note(format!("lost: {text}"));
    }
    for text in found
        .unsettled
        .iter()
        .take(5)
        .chain(calm.samples().iter().take(5))
    {
        story.note(format!("around the killed cell: {text}"));
    }
    let acknowledged = count(found.acknowledged);
    story.figure(Figure::at_least(
        "acknowledged-uploads",
        acknowledged,
        "uploads",
        count(ROUNDS * ACKS_BEFORE_KILL),
    ));
    story.figure(Figure::at_most(
        "acknowledged-uploads-lost",
        count(found.lost.len()),
        "uploads",
        0.0,
    ));
    story.figure(Figure::info("unanswered-uploads", count(found.open), "uploads"));
    story.figure(Figure::at_most(
        "unanswered-uploads-not-settled",
        count(found.unsettled.len()),
        "uploads",
        0.0,
    ));
    story.figure(Figure::info(
        "requests-to-other-cells",
        count(calm.requests()),
        "requests",
    ));
    story.figure(Figure::at_most(
        "failed-requests-to-other-cells",
        count(calm.failures()),
        "requests",
        0.0,
    ));
    let slowest = found.restart_s.iter().copied().fold(0.0, f64::max);
    story.figure(Figure::info(
        "cell-back-after",
        (slowest * 10.0).round() / 10.0,
        "s",
    ));
}
