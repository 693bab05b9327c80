//! Somebody with many real rides changes home while he uses the platform: how long it takes, and for how long none of his
//! writes is acknowledged. Each of the people moves once, for nobody comes back.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chaos::checkers::linearizable;
use cli_world::app::{App, Newcomer, Person};
use futures::{StreamExt, TryStreamExt};
use platform_model::HomeId;
use platform_report::{Document, Figure};
use platform_runtime::clock::Clock;
use platform_runtime::random;
use serde_json::json;

use super::Plan;
use super::rides::Ride;
use super::stand::Stand;
use super::writers::{Writers, pause};
use crate::output;
use crate::statistics::{Spread, millis};
use crate::versions;

/// Two homes of one jurisdiction, in two cells.
const FROM: &str = "eu/eu-central";
const TO: &str = "eu/eu-west";
const COUNTRY: &str = "DE";
const CLIENTS: u64 = 2;
/// Uploads of one person at a time.
const UPLOADS: usize = 4;
const POLL: Duration = Duration::from_millis(10);
/// Load before and after.
const CALM: Duration = Duration::from_millis(1_000);
const MOVED_WITHIN: Duration = Duration::from_secs(300);
const P99_MS_MOST: f64 = 100.0;

/// What was measured of one person.
struct Round {
    /// From his request until the new home says that he lives there.
    took: Duration,
    /// The longest time without an acknowledged write meanwhile.
    pause: Duration,
    /// The same in the second before.
    before: Duration,
    lost: usize,
}

/// # Errors
/// When the world does not come up, or somebody does not move.
pub async fn run(plan: Plan) -> Result<Document> {
    let (stand, ride) = (Stand::up(1).await?, Ride::find()?);
    let fsync = stand.fsyncs("probe-before")?;
    let writers = Writers::new();
    let (mut rounds, mut people) = (Vec::new(), Vec::new());
    for number in 1..=plan.movers {
        let person = come_in(&stand.app, number).await?;
        let rides = record(&stand.app, &person, &ride, plan.rides).await?;
        let round = moves(&stand.app, &person, &writers, &rides).await;
        let round = round.with_context(|| format!("person {number}"))?;
        output::progress(&format!(
            "person {number} of {}: moved within {:.0} ms, writes paused for {:.1} ms",
            plan.movers,
            millis(round.took),
            millis(round.pause)
        ));
        rounds.push(round);
        people.push(person);
    }
    writers.read_back(&stand.app, &people).await;
    let document = document(plan, &rounds, &writers, fsync)?;
    stand.down().await?;
    Ok(document)
}

async fn come_in(app: &App, number: usize) -> Result<Person> {
    let newcomer = Newcomer {
        name: format!("mover{number}"),
        country: COUNTRY.parse().context("a country")?,
        email: format!("mover{number}@example.com"),
    };
    let person = app.register(newcomer).await?;
    ensure!(person.home.to_string() == FROM, "he lives in {}", person.home);
    Ok(person)
}

/// Ids of what was acknowledged.
async fn record(app: &App, person: &Person, ride: &Ride, count: usize) -> Result<Vec<uuid::Uuid>> {
    output::progress(&format!("{} records {count} rides", person.name));
    let one = |number: usize| async move {
        let (_, activity) = app
            .upload(person, ride.on_day(number)?, random::uuid_v7())
            .await?;
        anyhow::Ok(activity.id)
    };
    let all = futures::stream::iter((0..count).map(one));
    all.buffer_unordered(UPLOADS).try_collect().await
}

async fn moves(app: &App, person: &Person, writers: &Writers, rides: &[uuid::Uuid]) -> Result<Round> {
    let people = [person.clone()];
    writers.go_on();
    let act = async {
        let times = act(app, person, writers).await;
        writers.stop();
        times
    };
    let (times, ()) = tokio::join!(act, writers.write(app, &people, CLIENTS));
    let (calm, asked, moved) = times?;
    let acked = writers.acked();
    let there = app.all_ids(person).await?;
    Ok(Round {
        took: moved - asked,
        // A write of the time just before may wait for the fence, and is acknowledged behind it.
        pause: pause(&acked, asked, moved + CALM),
        before: pause(&acked, calm, asked),
        lost: rides.iter().filter(|ride| !there.contains(ride)).count(),
    })
}

/// When the load was on, when he asked, and when the new home served him.
async fn act(app: &App, person: &Person, writers: &Writers) -> Result<(Duration, Duration, Duration)> {
    let (clock, to) = (Clock::system(), TO.parse::<HomeId>()?);
    clock.sleep(CALM).await;
    let calm = writers.now();
    clock.sleep(CALM).await;
    let asked = writers.now();
    app.relocate(person, &to).await?;
    loop {
        let now = app.relocation(person).await;
        if let Ok(now) = now
            && now.phase == "at-home"
        {
            // Where he has come from: else it was cancelled.
            ensure!(now.home.as_deref() == Some(FROM), "he stays: {}", now.outcome);
            break;
        }
        ensure!(writers.now() - asked < MOVED_WITHIN, "he does not move");
        clock.sleep(POLL).await;
    }
    let moved = writers.now();
    clock.sleep(CALM + CALM / 2).await;
    Ok((calm, asked, moved))
}

fn document(plan: Plan, rounds: &[Round], writers: &Writers, fsync: Spread) -> Result<Document> {
    let of = |f: fn(&Round) -> Duration| rounds.iter().map(|round| millis(f(round))).collect::<Vec<f64>>();
    let (pauses, took, before) = (
        of(|round| round.pause),
        of(|round| round.took),
        of(|round| round.before),
    );
    let (pause, whole) = (
        Spread::of(pauses.iter().copied()),
        Spread::of(took.iter().copied()),
    );
    let (failed, samples) = writers.failed();
    let verdict = linearizable(&writers.operations());
    let lost: usize = rounds.iter().map(|round| round.lost).sum();
    let mut document = Document::new("relocate");
    document.versions = versions::versions(&[])?;
    document.figures = vec![
        Figure::info("relocate-pause-p50", pause.median, "ms"),
        Figure::at_most(
            "relocate-pause-p99",
            Spread::quantile(&pauses, 0.99),
            "ms",
            P99_MS_MOST,
        ),
        Figure::info("relocate-pause-max", pause.most, "ms"),
        Figure::info("longest-step-before-p50", Spread::of(before).median, "ms"),
        Figure::info("relocate-duration-p50", whole.median, "ms"),
        Figure::info("relocate-duration-max", whole.most, "ms"),
        Figure::info("rides-each", plan.rides as f64, "rides"),
        Figure::info("people", rounds.len() as f64, "people"),
        Figure::at_most("rides-lost", lost as f64, "rides", 0.0),
        Figure::at_most("client-errors", failed as f64, "requests", 0.0),
        Figure::at_most("not-linearizable", verdict.found as f64, "people", 0.0),
        Figure::info("fsync-p50", fsync.median, "ms"),
    ];
    let rows = json!([pause.row("pause"), whole.row("duration"), fsync.row("fsync")]);
    document.tables.insert("times-ms".into(), rows);
    document.notes.push(
        "the pause is the longest time without an acknowledged write of two clients of the person, through the router".into(),
    );
    document.notes.extend(samples);
    document
        .notes
        .extend((!verdict.is_clean()).then(|| verdict.to_string()));
    document.notes.extend(versions::profile_note());
    Ok(document)
}
