//! `chaos run --scenario claims`: two people in two cells want one address at once, over and over, while cells, links and
//! controllers are struck; some never come back for an answer. In the end each address is one person's or free.

mod judge;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use chaos::synthetic::Random;
use cli_world::app::{App, Newcomer, Person};
use cli_world::{Progress, Stage};
use futures::future::join_all;
use parking_lot::Mutex;
use platform_report::{Document, Figure};
use platform_runtime::clock::Clock;
use platform_runtime::random;
use serde_json::Value;
use uuid::Uuid;

use super::strikes;
use super::struck::Struck;
use crate::faults::revive;
use crate::run::Options;
use crate::staged::staged;
use crate::verdicts;

/// Two homes of one jurisdiction, so of one directory, in two cells.
const COUNTRIES: [&str; 2] = ["DE", "FR"];
/// Between two addresses.
const PAUSE: Duration = Duration::from_millis(100);
/// Before something is sent again.
const AGAIN_AFTER: Duration = Duration::from_millis(150);
/// One request and its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);
/// How often one who comes back for his answer does so.
const TRIES_MAX: usize = 40;
/// One of so many gives up at the first request without an answer.
const GIVES_UP_ONE_IN: u64 = 2;
/// Texts of what is wrong that the notes have at most.
const NOTES_MAX: usize = 20;

/// How somebody asks: under which key, from which country. Under the same key he is told the same.
type Attempt = (Uuid, &'static str);

/// One address and who got it.
struct Wanted {
    email: String,
    winners: Vec<Person>,
    /// Those who went away without an answer.
    gone: Vec<Attempt>,
}

#[derive(Default)]
struct Ran {
    rounds: Vec<Value>,
    addresses: usize,
    won: usize,
    abandoned: usize,
    /// Of those the ones who came back and were told that it is theirs.
    came_in: usize,
    freed: usize,
    /// More than one was told that it is his.
    twice: Vec<String>,
    /// It is his and he does not get in.
    lost: Vec<String>,
    /// Nobody's and not to be had.
    stuck: Vec<String>,
}

/// # Errors
/// When the run could not be made: it says nothing of the platform then.
pub async fn run(options: &Options, progress: &dyn Progress) -> Result<Document> {
    let play = async |stage: &Stage| play(options, stage, progress).await;
    let ran = staged("chaos-claims", options, progress, play).await?;
    Ok(document(options, &ran))
}

async fn play(options: &Options, stage: &Stage, progress: &dyn Progress) -> Result<Ran> {
    let struck = Struck::up(options, stage, progress).await?;
    let (app, scene) = (&struck.app, struck.scene());
    let (stopped, wanted) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let strikes = async {
        let rounds = strikes::strike(options, &scene, progress, async || {
            judge::is_seen(app, options.plant.as_deref(), &wanted).await
        })
        .await;
        stopped.store(true, Ordering::Relaxed);
        rounds
    };
    let (rounds, ()) = tokio::join!(strikes, race(app, options.seed, &stopped, &wanted));
    let rounds = rounds?;
    revive(&struck.world)?;
    let plant = options.plant.as_deref();
    if plant.is_some() {
        judge::until_seen(app, plant, &wanted).await;
    }
    let wanted = wanted.into_inner();
    progress.progress(&format!("{} addresses were wanted by two each", wanted.len()));
    let mut ran = judge::judge(app, &wanted, plant).await;
    ran.rounds = rounds;
    struck.down().await?;
    Ok(ran)
}

/// One address after the other, each by two at once.
async fn race(app: &App, seed: u64, stopped: &AtomicBool, wanted: &Mutex<Vec<Wanted>>) {
    let (clock, mut random) = (Clock::system(), Random::new(seed));
    for number in 0_u64.. {
        if stopped.load(Ordering::Relaxed) {
            return;
        }
        let email = format!("wanted-{number}@example.org");
        let attempts: [Attempt; 2] = COUNTRIES.map(|country| (random::uuid_v7(), country));
        let rivals = attempts.map(|attempt| {
            let gives_up = random.below(GIVES_UP_ONE_IN) == 0;
            register(app, &email, attempt, gives_up)
        });
        let ended = join_all(rivals).await;
        let (mut winners, mut gone) = (Vec::new(), Vec::new());
        for (end, attempt) in ended.into_iter().zip(attempts) {
            match end {
                End::In(person) => winners.push(*person),
                End::Taken => {}
                End::Abandoned => gone.push(attempt),
            }
        }
        wanted.lock().push(Wanted { email, winners, gone });
        clock.sleep(PAUSE).await;
    }
}

/// How an attempt ended for who made it.
enum End {
    In(Box<Person>),
    Taken,
    Abandoned,
}

async fn register(app: &App, email: &str, (key, country): Attempt, gives_up: bool) -> End {
    let clock = Clock::system();
    for _ in 0..TRIES_MAX {
        let newcomer = Newcomer {
            name: format!("of {country}"),
            country: country.parse().expect("a country"),
            email: email.to_owned(),
        };
        match tokio::time::timeout(ANSWER_WITHIN, app.register_under(newcomer, key)).await {
            Ok(Ok(person)) => return End::In(Box::new(person)),
            Ok(Err(failure)) if failure.code() == "claim-taken" => return End::Taken,
            _ if gives_up => return End::Abandoned,
            _ => clock.sleep(AGAIN_AFTER).await,
        }
    }
    End::Abandoned
}

fn document(options: &Options, ran: &Ran) -> Document {
    let mut document = Document::new("chaos-claims");
    let count = |number: usize| number as f64;
    let zero = |name: &str, value: usize| Figure::at_most(name, count(value), "cases", 0.0);
    document.figures = vec![
        Figure::at_least("rounds", count(ran.rounds.len()), "rounds", 1.0),
        Figure::at_least("addresses", count(ran.addresses), "addresses", 1.0),
        Figure::at_least("won", count(ran.won), "addresses", 1.0),
        Figure::info("abandoned", count(ran.abandoned), "attempts"),
        Figure::info("in-after-all", count(ran.came_in), "attempts"),
        Figure::info("freed", count(ran.freed), "addresses"),
    ];
    if let Some(plant) = &options.plant {
        let caught = count(usize::from(ran.shows(plant)));
        document
            .figures
            .push(Figure::at_least("caught", caught, "of 1", 1.0));
    } else {
        document.figures.extend([
            zero("held-by-two", ran.twice.len()),
            zero("holder-locked-out", ran.lost.len()),
            zero("stuck", ran.stuck.len()),
        ]);
    }
    let cases: [(&str, &[String]); 3] = [
        ("held-by-two", &ran.twice),
        ("holder-locked-out", &ran.lost),
        ("stuck", &ran.stuck),
    ];
    let verdict = verdicts::of_cases("claims", (ran.addresses, ran.abandoned), &cases);
    verdicts::tell(&mut document, &[verdict]);
    document
        .tables
        .insert("rounds".into(), Value::Array(ran.rounds.clone()));
    document.notes.push(format!("seed {}", options.seed));
    let wrong = ran.twice.iter().chain(&ran.lost).chain(&ran.stuck);
    document.notes.extend(wrong.take(NOTES_MAX).cloned());
    document
}
