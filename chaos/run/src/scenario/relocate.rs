//! `chaos run --scenario relocate`: people change home while they use it and cells, links and controllers are struck. In the end
//! each has one home, which serves him and has all that was acknowledged to him; whoever looked on has seen it once and
//! in order, and knows where he lives.

use anyhow::Result;
use cli_world::{Progress, Stage};
use platform_report::{Document, Figure};
use serde_json::Value;

use super::relocate_blows::strike;
use super::relocate_judge::Judgement;
use super::relocate_people::People;
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
    people: usize,
    told: usize,
    unsettled: usize,
    judgement: Judgement,
}

/// # Errors
/// When the run could not be made: it says nothing of the platform then.
pub async fn run(options: &Options, progress: &dyn Progress) -> Result<Document> {
    let play = async |stage: &Stage| play(options, stage, progress).await;
    let ran = staged("chaos-relocate", options, progress, play).await?;
    Ok(document(options, &ran))
}

async fn play(options: &Options, stage: &Stage, progress: &dyn Progress) -> Result<Ran> {
    let struck = Struck::up(options, stage, progress).await?;
    let people = People::come_in(&struck.app, options.seed, options.plant.as_deref()).await?;
    let scene = struck.scene();
    let strikes = async {
        let rounds = strike(options, &scene, &people, progress).await;
        people.stop();
        rounds
    };
    let (rounds, ()) = tokio::join!(strikes, people.live());
    let rounds = rounds?;
    revive(&struck.world)?;
    progress.progress(&format!(
        "{} people asked to live elsewhere, {} workouts were acknowledged to them",
        people.count(),
        people.told()
    ));
    let judgement = people.judge(&struck.world, options.plant.as_deref()).await;
    struck.down().await?;
    Ok(Ran {
        rounds,
        people: people.count(),
        told: people.told(),
        unsettled: people.unsettled(),
        judgement,
    })
}

fn document(options: &Options, ran: &Ran) -> Document {
    let mut document = Document::new("chaos-relocate");
    let judged = &ran.judgement;
    document.figures = figures(options, ran);
    let cases: [(&str, &[String]); 4] = [
        ("lost-or-twice", &judged.lost),
        ("two-homes", &judged.two_homes),
        ("stuck", &judged.stuck),
        ("edges-wrong", &judged.watched.edges),
    ];
    let places = verdicts::of_cases("places", (ran.people, ran.unsettled), &cases);
    let shown = &judged.watched.verdict;
    verdicts::tell(&mut document, &[judged.names.1.clone(), shown.clone(), places]);
    document
        .tables
        .insert("rounds".into(), Value::Array(ran.rounds.clone()));
    document.notes.push(format!("seed {}", options.seed));
    document
        .notes
        .extend((!judged.names.1.is_clean()).then(|| judged.names.1.to_string()));
    let shown = shown.anomalies.iter();
    let shown = shown.map(|anomaly| format!("{}: {}", anomaly.name, anomaly.explanation));
    let wrong = cases.into_iter().flat_map(|(_, texts)| texts).cloned();
    document.notes.extend(wrong.chain(shown).take(NOTES_MAX));
    document
}

fn figures(options: &Options, ran: &Ran) -> Vec<Figure> {
    let count = |number: usize| number as f64;
    let zero = |name: &str, value: usize| Figure::at_most(name, count(value), "cases", 0.0);
    let judged = &ran.judgement;
    let mut figures = vec![
        Figure::at_least("rounds", count(ran.rounds.len()), "rounds", 1.0),
        Figure::at_least("people", count(ran.people), "people", 1.0),
        Figure::at_least("moved", count(judged.moved), "people", 1.0),
        Figure::info("stayed", count(judged.stayed), "people"),
        Figure::info("acknowledged", count(ran.told), "workouts"),
        Figure::at_least("operations-on-names", count(judged.names.0), "operations", 1.0),
        Figure::at_least("watched", count(judged.watched.people), "people", 1.0),
        Figure::info("seen", count(judged.watched.seen), "effects"),
    ];
    if let Some(plant) = &options.plant {
        let caught = count(usize::from(judged.shows(plant)));
        figures.push(Figure::at_least("caught", caught, "of 1", 1.0));
    } else {
        figures.extend([
            zero("lost-or-twice", judged.lost.len()),
            zero("two-homes", judged.two_homes.len()),
            zero("not-linearizable", judged.names.1.found),
            // A search that gave up proves nothing.
            zero("undecided", judged.names.1.undecided.len()),
            zero("not-once-or-out-of-order", judged.watched.verdict.found),
            zero("edges-wrong", judged.watched.edges.len()),
            zero("stuck", judged.stuck.len()),
            zero("unsettled", ran.unsettled),
        ]);
    }
    figures
}
