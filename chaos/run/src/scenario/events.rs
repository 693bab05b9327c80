//! `chaos run --scenario events`: people in every home show each other workouts while cells, links and controllers are
//! struck; in the end every follower has seen each workout exactly once, those of one author in his order.

use anyhow::{Context, Result};
use cli_world::people::OPERATOR;
use cli_world::{Progress, Stage, World, operator};
use platform_report::{Document, Figure};
use platform_wire::events::ParkedClient;
use serde_json::Value;

use super::events_people::{Judgement, People};
use super::shown::ARRIVES_WITHIN;
use super::strikes;
use super::struck::Struck;
use crate::faults::revive;
use crate::run::Options;
use crate::staged::staged;
use crate::verdicts;

/// Texts of what is wrong that the notes have at most.
const NOTES_MAX: usize = 20;

/// What is told of a run.
struct Ran {
    rounds: Vec<Value>,
    told: usize,
    unsettled: usize,
    parked: Vec<String>,
    judgement: Judgement,
}

/// # Errors
/// When the run could not be made: it says nothing of the platform then.
pub async fn run(options: &Options, progress: &dyn Progress) -> Result<Document> {
    let play = async |stage: &Stage| play(options, stage, progress).await;
    let ran = staged("chaos-events", options, progress, play).await?;
    Ok(document(options, &ran))
}

async fn play(options: &Options, stage: &Stage, progress: &dyn Progress) -> Result<Ran> {
    let struck = Struck::up(options, stage, progress).await?;
    let people = People::come_in(&struck.app, options.minutes).await?;
    let scene = struck.scene();
    let strikes = async {
        let rounds = strikes::strike(options, &scene, progress, async || match &options.plant {
            Some(plant) => people.anybody_shows(plant).await,
            None => false,
        })
        .await;
        people.stop();
        rounds
    };
    let (rounds, ()) = tokio::join!(strikes, people.tell());
    let rounds = rounds?;
    revive(&struck.world)?;
    progress.progress(&format!(
        "{} workouts were acknowledged; waiting until all followers have them",
        people.told()
    ));
    let judgement = people.judge().await?;
    let parked = parked(&struck.world).await?;
    struck.down().await?;
    Ok(Ran {
        rounds,
        told: people.told(),
        unsettled: people.unsettled(),
        parked,
        judgement,
    })
}

/// Events that nobody took: there is no reason for one here.
async fn parked(world: &World) -> Result<Vec<String>> {
    let identity = operator::identity(&world.layout, &world.id, &OPERATOR)?;
    let client = ParkedClient::new(identity);
    let table = world.wait_for_leader().await?.table;
    let mut parked = Vec::new();
    for (node, known) in &table.nodes {
        let cell = table.cells.get(&node.cell).context("a node of no cell")?;
        let (events, _) = client
            .list((node, &cell.region), &known.address)
            .await
            .map_err(operator::explain)?;
        parked.extend(
            events
                .iter()
                .map(|event| format!("{}: {}", event.id, event.reason)),
        );
    }
    Ok(parked)
}

fn document(options: &Options, ran: &Ran) -> Document {
    let mut document = Document::new("chaos-events");
    let count = |number: usize| number as f64;
    let wrong = ran.judgement.wrong();
    document.figures = vec![
        Figure::at_least("rounds", count(ran.rounds.len()), "rounds", 1.0),
        Figure::at_least("told", count(ran.told), "events", 1.0),
        Figure::info("effects", count(ran.judgement.effects), "effects"),
    ];
    if let Some(plant) = &options.plant {
        let caught = usize::from(ran.judgement.shows(plant));
        document.figures.extend([
            Figure::at_least("caught", count(caught), "of 1", 1.0),
            Figure::info("wrong", count(wrong), "cases"),
        ]);
    } else {
        let zero = |name: &str, value: usize| Figure::at_most(name, count(value), "cases", 0.0);
        document.figures.extend([
            zero("not-once-or-not-in-order", wrong),
            zero("parked", ran.parked.len()),
            zero("unsettled", ran.unsettled),
            Figure::at_most(
                "arrived-in-s",
                ran.judgement.arrived_in.as_secs_f64(),
                "s",
                ARRIVES_WITHIN.as_secs_f64(),
            ),
        ]);
    }
    verdicts::tell(&mut document, &ran.judgement.verdicts);
    document
        .tables
        .insert("rounds".into(), Value::Array(ran.rounds.clone()));
    document.notes.push(format!("seed {}", options.seed));
    let anomalies = ran
        .judgement
        .verdicts
        .iter()
        .flat_map(|verdict| &verdict.anomalies);
    let anomalies = anomalies.map(|anomaly| format!("{}: {}", anomaly.name, anomaly.explanation));
    document
        .notes
        .extend(anomalies.chain(ran.parked.iter().cloned()).take(NOTES_MAX));
    document
}
