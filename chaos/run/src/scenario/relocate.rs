//! `chaos run --scenario relocate`: people change home while they use it and cells, links and controllers are struck. In the end
//! each has one home, which serves him and has all that was acknowledged to him.

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
    let people = People::new(&struck.app, options.seed);
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
    let judgement = people.judge(&struck.world).await;
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
    let count = |number: usize| number as f64;
    let zero = |name: &str, value: usize| Figure::at_most(name, count(value), "cases", 0.0);
    let judged = &ran.judgement;
    document.figures = vec![
        Figure::at_least("rounds", count(ran.rounds.len()), "rounds", 1.0),
        Figure::at_least("people", count(ran.people), "people", 1.0),
        Figure::at_least("moved", count(judged.moved), "people", 1.0),
        Figure::info("stayed", count(judged.stayed), "people"),
        Figure::info("acknowledged", count(ran.told), "workouts"),
        Figure::at_least("operations-on-names", count(judged.names.0), "operations", 1.0),
    ];
    if let Some(plant) = &options.plant {
        let caught = count(usize::from(judged.shows(plant)));
        document
            .figures
            .push(Figure::at_least("caught", caught, "of 1", 1.0));
    } else {
        document.figures.extend([
            zero("lost-or-twice", judged.lost.len()),
            zero("two-homes", judged.two_homes.len()),
            zero("not-linearizable", judged.names.1.found),
            // A search that gave up proves nothing.
            zero("undecided", judged.names.1.undecided.len()),
            zero("stuck", judged.stuck.len()),
            zero("unsettled", ran.unsettled),
        ]);
    }
    let cases: [(&str, &[String]); 3] = [
        ("lost-or-twice", &judged.lost),
        ("two-homes", &judged.two_homes),
        ("stuck", &judged.stuck),
    ];
    let places = verdicts::of_cases("places", (ran.people, ran.unsettled), &cases);
    verdicts::tell(&mut document, &[judged.names.1.clone(), places]);
    document
        .tables
        .insert("rounds".into(), Value::Array(ran.rounds.clone()));
    document.notes.push(format!("seed {}", options.seed));
    document
        .notes
        .extend((!judged.names.1.is_clean()).then(|| judged.names.1.to_string()));
    let wrong = judged.lost.iter().chain(&judged.two_homes).chain(&judged.stuck);
    document.notes.extend(wrong.take(NOTES_MAX).cloned());
    document
}
