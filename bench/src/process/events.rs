//! Events between two cells: how many take effect in a second, what one costs in processor time of both nodes, and how long
//! one takes from the answer to its cause until its receiver sees it.
//!
//! People in the United States change their names; followers in Germany are told, each by an event of his own. In turn with
//! that a pair of NATS JetStream servers carries as many messages ([`peer`]).

mod half;
mod peer;

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
use crate::statistics::{Spread, millis, ours_first};
use crate::versions;
use peer::Pair;

const AUTHORS_CELL: &str = "celld-us-east-1";
const FOLLOWERS_CELL: &str = "celld-eu-central-1";
const AUTHORS: usize = 4;
const FOLLOWERS: usize = 40;
/// Changes of name of each author in one burst.
const CHANGES: usize = 20;
/// Rounds of the plan for one pair of bursts: ours and the peer's.
const ROUNDS_A_PAIR: usize = 3;
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
    let mut side = Side {
        stand: &stand,
        authors,
        followers,
        version: 1,
    };
    let mut peer = Pair::up(stand.world.layout.root()).await?;
    let pairs = pairs(&mut side, peer.as_mut().ok(), plan.rounds.div_ceil(ROUNDS_A_PAIR)).await?;
    let missing = peer.err();
    let every = pairs.half_rate();
    let count = plan.rounds * SINGLE_A_ROUND;
    let single = tokio::select! {
        single = single(&stand.app, &side.followers[0], count) => single?,
        refused = half::load(&stand.app, &side.authors, every) => match refused? {},
    };
    let document = document(&pairs, &single, fsync, missing)?;
    stand.down().await?;
    Ok(document)
}

/// The people of this side, and how far the names are.
struct Side<'a> {
    stand: &'a Stand,
    authors: Vec<Person>,
    followers: Vec<Person>,
    version: u64,
}

/// Bursts of ours, and of the peer as many or none.
#[derive(Default)]
struct Pairs {
    ours: Vec<Burst>,
    peers: Vec<Burst>,
}

impl Pairs {
    fn of(bursts: &[Burst], value: fn(&Burst) -> f64) -> Spread {
        Spread::of(bursts.iter().map(value))
    }

    /// Ours over the peer's, run by run.
    fn ratio(&self, value: fn(&Burst) -> f64) -> Spread {
        let both = self.ours.iter().zip(&self.peers);
        Spread::of(both.map(|(ours, peer)| value(ours) / value(peer)))
    }

    /// How long one change of a name may take at half of what was measured.
    fn half_rate(&self) -> Duration {
        let rate = Self::of(&self.ours, Burst::per_second).median / 2.0;
        Duration::from_secs_f64(FOLLOWERS as f64 / rate)
    }
}

async fn pairs(side: &mut Side<'_>, mut peer: Option<&mut Pair>, count: usize) -> Result<Pairs> {
    let mut pairs = Pairs::default();
    for pair in 0..count {
        if ours_first(pair) {
            pairs.ours.push(side.burst().await?);
        }
        if let Some(peer) = peer.as_deref_mut() {
            output::progress("as many messages through the NATS pair");
            pairs.peers.push(peer.burst(CHANGES * AUTHORS * FOLLOWERS).await?);
        }
        if !ours_first(pair) {
            pairs.ours.push(side.burst().await?);
        }
    }
    Ok(pairs)
}

/// Many events as fast as they go.
struct Burst {
    events: usize,
    took: Duration,
    processor: Duration,
}

impl Burst {
    fn per_second(&self) -> f64 {
        self.events as f64 / self.took.as_secs_f64()
    }

    /// Microseconds of processor for one.
    fn processor_us(&self) -> f64 {
        millis(self.processor) * 1_000.0 / self.events as f64
    }
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

impl Side<'_> {
    async fn burst(&mut self) -> Result<Burst> {
        let (stand, authors, followers) = (self.stand, &self.authors, &self.followers);
        output::progress(&format!(
            "{CHANGES} changes of {AUTHORS} names for {FOLLOWERS} followers"
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
                for number in 0..CHANGES {
                    stand.app.rename(&author, &format!("name {number}")).await?;
                }
                anyhow::Ok(())
            }
        };
        futures::future::try_join_all(authors.iter().map(change)).await?;
        self.version += CHANGES as u64;
        until_version(&stand.app, followers, authors, self.version).await?;
        Ok(Burst {
            events: CHANGES * authors.len() * followers.len(),
            took: clock.monotonic() - begun,
            processor: processors()? - before,
        })
    }
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

fn document(pairs: &Pairs, singles: &[f64], fsync: Spread, missing: Option<String>) -> Result<Document> {
    let ours = Pairs::of(&pairs.ours, Burst::per_second);
    let peer = Pairs::of(&pairs.peers, Burst::per_second);
    let ratio = pairs.ratio(Burst::per_second);
    let single = Spread::of(singles.iter().copied());
    let p99 = Spread::quantile(singles, 0.99);
    let mut document = Document::new("events");
    document.versions = versions::versions(&["async-nats"])?;
    document.figures = vec![
        Figure::info(
            "events",
            pairs.ours.iter().map(|burst| burst.events as f64).sum(),
            "events",
        ),
        Figure::info("events-per-second", ours.median, "1/s"),
        Figure::at_least("events-per-second-to-nats-pair", ratio.median, "times", 1.0),
        Figure::info("nats-pair-per-second", peer.median, "1/s"),
        Figure::info(
            "processor-per-event",
            Pairs::of(&pairs.ours, Burst::processor_us).median,
            "us",
        ),
        Figure::info(
            "nats-pair-processor-per-message",
            Pairs::of(&pairs.peers, Burst::processor_us).median,
            "us",
        ),
        Figure::info(
            "processor-to-nats-pair",
            pairs.ratio(Burst::processor_us).median,
            "times",
        ),
        Figure::info("commit-to-effect-p50", single.median, "ms"),
        Figure::at_most(
            "commit-to-effect-p99",
            p99,
            "ms",
            3.0 * fsync.median + P99_MS_BESIDE,
        ),
        Figure::info("fsync-p50", fsync.median, "ms"),
    ];
    let times = json!([single.row("one event at half load"), fsync.row("fsync")]);
    document.tables.insert("times-ms".into(), times);
    let rates = json!([
        ours.row("events-per-second"),
        peer.row("nats-pair-per-second"),
        ratio.row("ratio"),
    ]);
    document.tables.insert("rates".into(), rates);
    document.notes.extend(
        [
            "ours and the peer's bursts run in turn; a ratio is of two neighbours, and the figure is the median of them",
            "the peer: two nats-server, every message synced before it is acknowledged (`sync_interval: always`); published to the first, consumed from it, published to the second, then acknowledged to the first",
            "ours includes the changes that tell the events, their requests through the router, and the app that asks whether all have arrived; the peer is given the messages",
            "the processor time of ours is that of both nodes with everything that the changes and the polls cost; that of the peer is of the two servers, without the clients that carry from one to the other",
            "an event's time is taken by an app that asks for it over and over through the router, beside authors who tell half of the events that were measured: its own requests are in it",
        ]
        .map(str::to_owned),
    );
    if let Some(why) = missing {
        document.notes.push(format!("skipped: the NATS pair: {why}"));
    }
    document.notes.extend(versions::profile_note());
    Ok(document)
}
