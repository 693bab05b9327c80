//! Every controller is killed, and everybody goes on: reading, writing, logging in, coming in.

mod users;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use futures::future::{join, join_all};
use platform_report::Figure;
use platform_runtime::clock::Clock;

use super::Scene;
use super::story::{Story, count};
use super::tally::{HEADER, Kind, Tally};
use crate::world::{Process, Seat, State, World, seats};

/// The controllers are dead for at least so long.
const DEAD_S_MIN: f64 = 20.0;
/// Requests that are made meanwhile.
const REQUESTS_MIN: usize = 1_000;
/// Writes among them.
const WRITE_SHARE_MIN: f64 = 0.5;
/// However slow the machine is, the load ends.
const LOAD_WITHIN: Duration = Duration::from_secs(180);
/// More failures tell nothing new: the load ends.
const FAILURES_MAX: usize = 200;

/// When the load has shown what it is for.
struct Until {
    clock: Clock,
    begun: Duration,
    tally: Arc<Tally>,
}

impl Until {
    fn over(&self) -> bool {
        let passed = self.clock.monotonic().saturating_sub(self.begun);
        let shown = passed.as_secs_f64() >= DEAD_S_MIN && self.tally.requests() >= REQUESTS_MIN;
        shown || passed > LOAD_WITHIN || self.tally.failures() > FAILURES_MAX
    }
}

pub async fn show(scene: &Scene<'_>, story: &mut Story<'_>) -> Result<()> {
    story.step("every controller is killed; requests go on for 20 s and more");
    let controllers: Vec<Seat> = seats::seats().into_iter().filter(Seat::is_controller).collect();
    let clock = Clock::system();
    for outcome in join_all(controllers.iter().map(|seat| scene.world.kill(seat))).await {
        outcome?;
    }
    let begun = clock.monotonic();
    let tally = Arc::new(Tally::default());
    load(
        scene,
        Until {
            clock: clock.clone(),
            begun,
            tally: Arc::clone(&tally),
        },
    )
    .await;
    let alive: Vec<String> = controllers
        .iter()
        .filter(|seat| runs(scene.world, seat))
        .map(ToString::to_string)
        .collect();
    let dead_s = clock.monotonic().saturating_sub(begun).as_secs_f64();
    story.check(
        alive.is_empty(),
        "no controller ran while the requests were made",
        || alive.join(", "),
    );
    report(&tally, dead_s, story);
    story.step("the controllers come back");
    scene.world.start_controllers(&controllers).await?;
    let status = scene.world.wait_for_leader().await?;
    let served = status.shards.iter().all(|shard| shard.primary.is_some());
    story.check(served, "the controllers know the same world as before", || {
        "a shard lost its primary".to_owned()
    });
    Ok(())
}

/// Everyone at once: those who live here, and some who come in.
async fn load(scene: &Scene<'_>, until: Until) {
    let app = scene.app.counted(&until.tally);
    let residents = scene
        .people
        .iter()
        .map(|person| users::resident(&app, person.clone(), &until));
    join(join_all(residents), users::newcomers(&app, &until)).await;
}

fn runs(world: &World, seat: &Seat) -> bool {
    matches!(Process::state(&world.layout, seat), State::Running(_))
}

fn report(tally: &Tally, dead_s: f64, story: &mut Story<'_>) {
    story.table(
        "outage",
        "Requests while no controller ran",
        &HEADER,
        tally.rows(),
    );
    for kind in [Kind::Register, Kind::Login, Kind::Refresh, Kind::Upload] {
        story.check(tally.has(kind), "all kinds of requests are among them", || {
            format!("no {}", kind.as_str())
        });
    }
    for sample in tally.samples() {
        story.note(format!("failed without controllers: {sample}"));
    }
    let tenth = |value: f64| (value * 10.0).round() / 10.0;
    story.figure(Figure::at_least(
        "controllers-dead-s",
        tenth(dead_s),
        "s",
        DEAD_S_MIN,
    ));
    story.figure(Figure::at_least(
        "requests-without-controllers",
        count(tally.requests()),
        "requests",
        count(REQUESTS_MIN),
    ));
    story.figure(Figure::at_most(
        "failed-requests",
        count(tally.failures()),
        "requests",
        0.0,
    ));
    story.figure(Figure::at_least(
        "write-share",
        (tally.write_share() * 1e3).round() / 1e3,
        "of 1",
        WRITE_SHARE_MIN,
    ));
    story.figure(Figure::info(
        "p50-without-controllers",
        tenth(tally.percentile_ms(0.5)),
        "ms",
    ));
    story.figure(Figure::info(
        "p99-without-controllers",
        tenth(tally.percentile_ms(0.99)),
        "ms",
    ));
    if let Some(first) = tally.samples().first() {
        story.check(
            false,
            "every request is answered while no controller runs",
            || first.clone(),
        );
    }
}
