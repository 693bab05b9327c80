//! Events between two cells: how many take effect in a second, what one costs in processor time of both nodes, and how long
//! one takes from the answer to its cause until its receiver sees it.
//!
//! People in the United States change their names; followers in Germany are told, each by an event of his own.

use std::time::Duration;

use anyhow::{Context, Result};
use cli_world::app::{App, Newcomer, Person};
use cli_world::seats::seat_named;
use platform_report::{Document, Figure};
use platform_runtime::clock::Clock;
use platform_runtime::random;
use serde_json::json;

use super::Plan;
use super::stand::Stand;
use crate::output;
use crate::statistics::{Spread, millis};
use crate::versions;

const AUTHORS_CELL: &str = "celld-us-east-1";
const FOLLOWERS_CELL: &str = "celld-eu-central-1";
const AUTHORS: usize = 4;
const FOLLOWERS: usize = 40;
/// Changes of name of each author, for each round of the plan.
const CHANGES_A_ROUND: usize = 2;
/// Single events whose time is taken, for each round of the plan.
const SINGLE_A_ROUND: usize = 10;
const POLL: Duration = Duration::from_millis(1);
const WITHIN: Duration = Duration::from_secs(120);
/// Beside three fsyncs.
const P99_MS_BESIDE: f64 = 20.0;

/// # Errors
/// When the world does not come up, or an event never arrives.
pub async fn run(plan: Plan) -> Result<Document> {
    let stand = Stand::up(1).await?;
    let (authors, followers) = people(&stand.app).await?;
    for author in &authors {
        for follower in &followers {
            let home = follower.home.to_string();
            let admitted = stand
                .app
                .admit_follower(author, (follower.user, &home), random::uuid_v7());
            admitted.await?;
        }
    }
    until_version(&stand.app, &followers, &authors, 1).await?;
    let fsync = stand.fsyncs("probe-before")?;
    let burst = burst(&stand, &authors, &followers, plan.rounds * CHANGES_A_ROUND).await?;
    let single = single(&stand.app, &followers[0], plan.rounds * SINGLE_A_ROUND).await?;
    let document = document(&burst, &single, fsync)?;
    stand.down().await?;
    Ok(document)
}

/// Many events as fast as they go.
struct Burst {
    events: usize,
    took: Duration,
    processor: Duration,
}

async fn people(app: &App) -> Result<(Vec<Person>, Vec<Person>)> {
    output::progress("authors and followers come in");
    let (mut authors, mut followers) = (Vec::new(), Vec::new());
    for number in 0..AUTHORS {
        authors.push(register(app, "US", &format!("author{number}")).await?);
    }
    for number in 0..FOLLOWERS {
        followers.push(register(app, "DE", &format!("follower{number}")).await?);
    }
    Ok((authors, followers))
}

async fn register(app: &App, country: &str, name: &str) -> Result<Person> {
    let newcomer = Newcomer {
        name: name.to_owned(),
        country: country.parse().context("a country")?,
        email: format!("{name}@example.com"),
    };
    Ok(app.register(newcomer).await?)
}

async fn burst(stand: &Stand, authors: &[Person], followers: &[Person], changes: usize) -> Result<Burst> {
    output::progress(&format!(
        "{changes} changes of {AUTHORS} names for {FOLLOWERS} followers"
    ));
    let clock = Clock::system();
    let processors = || -> Result<Duration> {
        let of = |name| stand.processor_time(&seat_named(name).context("a seat")?);
        Ok(of(AUTHORS_CELL)? + of(FOLLOWERS_CELL)?)
    };
    let (begun, before) = (clock.monotonic(), processors()?);
    let change = |author: &Person| {
        let author = author.clone();
        async move {
            for number in 0..changes {
                stand.app.rename(&author, &format!("name {number}")).await?;
            }
            anyhow::Ok(())
        }
    };
    futures::future::try_join_all(authors.iter().map(change)).await?;
    let last = 1 + changes as u64;
    until_version(&stand.app, followers, authors, last).await?;
    Ok(Burst {
        events: changes * authors.len() * followers.len(),
        took: clock.monotonic() - begun,
        processor: processors()? - before,
    })
}

/// Waits until every follower has been shown that version of every author.
async fn until_version(app: &App, followers: &[Person], authors: &[Person], version: u64) -> Result<()> {
    let clock = Clock::system();
    let begun = clock.monotonic();
    for follower in followers {
        loop {
            let seen = app.following(follower).await?;
            if seen.len() == authors.len() && seen.iter().all(|one| one.version >= version) {
                break;
            }
            anyhow::ensure!(clock.monotonic() - begun < WITHIN, "an event never arrived");
            clock.sleep(POLL * 20).await;
        }
    }
    Ok(())
}

/// Milliseconds from the answer to a change until its one follower sees it, each alone.
async fn single(app: &App, follower: &Person, count: usize) -> Result<Vec<f64>> {
    output::progress(&format!("{count} single events"));
    let (author, clock) = (register(app, "US", "single").await?, Clock::system());
    let home = follower.home.to_string();
    app.admit_follower(&author, (follower.user, &home), random::uuid_v7())
        .await?;
    let mut times = Vec::with_capacity(count);
    for number in 0..count {
        app.rename(&author, &format!("name {number}")).await?;
        let (answered, version) = (clock.monotonic(), number as u64 + 2);
        loop {
            let seen = app.following(follower).await?;
            if seen
                .iter()
                .any(|one| one.user == author.user && one.version >= version)
            {
                break;
            }
            anyhow::ensure!(clock.monotonic() - answered < WITHIN, "an event never arrived");
            clock.sleep(POLL).await;
        }
        times.push(millis(clock.monotonic() - answered));
    }
    Ok(times)
}

fn document(burst: &Burst, singles: &[f64], fsync: Spread) -> Result<Document> {
    let events = burst.events as f64;
    let single = Spread::of(singles.iter().copied());
    let mut document = Document::new("events");
    document.versions = versions::versions(&[])?;
    document.figures = vec![
        Figure::info("events", events, "events"),
        Figure::info("events-per-second", events / burst.took.as_secs_f64(), "1/s"),
        Figure::info(
            "processor-per-event",
            millis(burst.processor) * 1_000.0 / events,
            "us",
        ),
        Figure::info("single-p50", single.median, "ms"),
        Figure::at_most(
            "single-most",
            single.most,
            "ms",
            3.0 * fsync.median + P99_MS_BESIDE,
        ),
        Figure::info("fsync-p50", fsync.median, "ms"),
    ];
    let rows = json!([single.row("one event"), fsync.row("fsync")]);
    document.tables.insert("times-ms".into(), rows);
    document.notes.push(
        "an event's time is taken by an app that asks for it over and over through the router: its own requests are in it"
            .into(),
    );
    document.notes.push(
        "the processor time is that of both nodes with everything that the changes and the polls cost".into(),
    );
    document
        .notes
        .push("no peer was measured beside it: there is no NATS JetStream pair in this suite yet".into());
    document.notes.extend(versions::profile_note());
    Ok(document)
}
