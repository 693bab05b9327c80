//! One round: people come in, use the platform, a fault strikes and heals, everything must succeed again, and what was
//! acknowledged must be there.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use anyhow::Result;
use cli_world::app::{App, Person};
use platform_model::ShardId;
use platform_runtime::clock::Clock;
use tokio::sync::watch;

use super::aim::{self, Hit};
use super::copies::{self, Moved};
use super::later::Kept;
use crate::faults::{Scene, Strike, Touched, revive};
use crate::judge::{Judgement, judge};
use crate::load::Load;
use crate::planted::Checker;

/// Load before a fault strikes, and after it has healed.
const CALM: Duration = Duration::from_millis(1_500);
/// From the healing until every client has had an answer to everything it does.
pub const HEALED_WITHIN: Duration = Duration::from_secs(30);
/// How often it is looked whether they have.
const POLL: Duration = Duration::from_millis(50);
/// However broken it is, a round ends.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(60);

/// What came of a round.
pub struct Round {
    pub strike: Strike,
    pub lasted: Duration,
    /// From the healing until everything succeeded; none if it never did.
    pub healed_in: Option<Duration>,
    pub requests: usize,
    /// Failed requests of those whom the fault does not touch.
    pub untouched_failed: usize,
    pub touched_failed: usize,
    /// Requests that nobody answered however often they were sent.
    pub unsettled: usize,
    /// The longest time that somebody's writes were not answered.
    pub silence: Duration,
    /// The same of those whose shards have a standby, when a node of theirs was killed or stopped.
    pub failover: Option<Duration>,
    /// From the end of the round until every shard that has standbys could lose its primary again.
    pub whole_in: Option<Duration>,
    /// How the change of place that went on meanwhile ended.
    pub moved: Option<Moved>,
    /// Where that was when the fault struck.
    pub hit: Option<Hit>,
    /// Shards with standbys that the struck node led before the round and leads no more after it.
    pub left: Option<usize>,
    /// Writes that were acknowledged.
    pub written: usize,
    pub samples: Vec<String>,
    pub judgement: Judgement,
}

/// # Errors
/// When the round could not be made.
pub async fn play(
    scene: &Scene<'_>,
    app: &App,
    number: usize,
    mut strike: Strike,
    (lasts, aim): (Duration, Option<&'static str>),
    stay: &[Person],
    kept: &mut VecDeque<Kept>,
) -> Result<Round> {
    let load = Load::new(app, number, scene.ways, stay).await?;
    let led = led(scene, &strike).await;
    let (starts, mut started) = watch::channel(None);
    let faults = async {
        let hit = calm(scene, &strike, aim, &mut started).await;
        let healed = suffer(scene, &load, &mut strike, (lasts, hit.as_ref())).await;
        load.record.stop();
        (healed, hit)
    };
    let moving = copies::during(scene, &load, number, starts);
    let ((healed_in, hit), (), moved) = tokio::join!(faults, load.run(HEALED_WITHIN), moving);
    let healed_in = healed_in?;
    let judgement = judge(app, &load).await;
    kept.push_back(super::later::keep(&load));
    let (requests, unsettled) = load.record.totals();
    let (untouched_failed, touched_failed) = failures(&load, &strike, moved.as_ref());
    let written = load.record.written_count();
    let silence = (0..load.residents.len())
        .map(|person| load.record.silence_of(person))
        .max();
    let failover = copies::failover(&load, &strike);
    let whole_in = if scene.ways.survives {
        copies::whole(scene.world).await
    } else {
        None
    };
    let left = match (led, self::led(scene, &strike).await) {
        (Some(before), Some(after)) => Some(before.difference(&after).count()),
        _ => None,
    };
    Ok(Round {
        strike,
        lasted: lasts,
        healed_in,
        requests,
        untouched_failed,
        touched_failed,
        unsettled,
        silence: silence.unwrap_or_default(),
        failover,
        whole_in,
        moved,
        hit,
        left,
        written,
        samples: load.record.samples(),
        judgement,
    })
}

/// What the struck node leads of all that has standbys.
async fn led(scene: &Scene<'_>, strike: &Strike) -> Option<BTreeSet<ShardId>> {
    let node = strike.node.as_ref().filter(|_| scene.ways.survives)?;
    copies::led_by(scene.world, node).await
}

/// Load before the fault strikes: for a while, or until what changes its place is where the fault is aimed at.
async fn calm(
    scene: &Scene<'_>,
    strike: &Strike,
    aim: Option<&'static str>,
    started: &mut watch::Receiver<Option<u64>>,
) -> Option<Hit> {
    match aim {
        Some(wanted) => aim::reached(scene.world, started, wanted, strike.node.as_ref()).await,
        None => {
            Clock::system().sleep(CALM).await;
            None
        }
    }
}

/// The fault itself, under which what was paused for it goes on. Gives the time from its end until everything succeeded.
async fn suffer(
    scene: &Scene<'_>,
    load: &Load,
    strike: &mut Strike,
    (lasts, hit): (Duration, Option<&Hit>),
) -> Result<Option<Duration>> {
    let begun = strike.begin(scene).await;
    let heals = async {
        begun?;
        heal(scene, load, strike, lasts).await
    };
    let (healed_in, ()) = tokio::join!(heals, aim::let_go(scene.world, hit));
    healed_in
}

async fn heal(scene: &Scene<'_>, load: &Load, strike: &Strike, lasts: Duration) -> Result<Option<Duration>> {
    let clock = Clock::system();
    clock.sleep(lasts).await;
    strike.heal(scene).await?;
    let healed_at = clock.monotonic();
    let healed_in = loop {
        let since = clock.monotonic().saturating_sub(healed_at);
        if load.record.all_answered_since(healed_at) {
            break Some(since);
        }
        if since > GIVEN_UP_AFTER {
            break None;
        }
        revive(scene.world)?;
        clock.sleep(POLL).await;
    };
    clock.sleep(CALM).await;
    Ok(healed_in)
}

/// Failed requests of those whom a fault must not touch, and of the others.
fn failures(load: &Load, strike: &Strike, moved: Option<&Moved>) -> (usize, usize) {
    let touched = strike.touched();
    let (mut untouched_failed, mut touched_failed) = (0, 0);
    for (index, resident) in load.residents.iter().enumerate() {
        let is_touched = match &touched {
            Touched::Nobody => moved.is_some_and(|moved| moved.people.contains(&index)),
            Touched::CellOf(seat) => resident.seats.contains(seat),
            Touched::Everybody => true,
        };
        let failed = if is_touched {
            &mut touched_failed
        } else {
            &mut untouched_failed
        };
        *failed += load.record.failures_of(index);
    }
    (untouched_failed, touched_failed)
}

impl Round {
    /// What was acknowledged and is not there or not as it was, and histories that no order explains.
    pub fn wrong(&self) -> usize {
        let found = self
            .judgement
            .verdicts()
            .map(|verdict| verdict.found)
            .sum::<usize>();
        found + self.judgement.unreadable.len()
    }

    /// Async writes: more lost than the bound says, or read otherwise than they can be.
    pub fn async_wrong(&self) -> usize {
        self.judgement.found(Checker::Async)
    }

    /// One line for whoever watches.
    pub fn line(&self, number: usize) -> String {
        let healed = self.healed_in.map_or_else(
            || "NEVER HEALED".to_owned(),
            |time| format!("healed in {time:.1?}"),
        );
        let (wrong, counts) = (self.wrong(), self.judgement.counts);
        let moved = self.moved.as_ref();
        let moved = moved.map_or_else(String::new, |moved| {
            format!(", {}: {} in {:.1?}", moved.kind.name(), moved.end, moved.took)
        });
        let hit = self.hit.as_ref();
        let hit = hit.map_or_else(String::new, |hit| format!(", struck at {}", hit.step));
        format!(
            "round {number}: {} at {} for {:.1?}: {} requests, {} files acknowledged, {wrong} wrong, {} failed and {} \
             that must not, silent for {:.1?}, {healed}{moved}{hit}",
            self.strike.fault.name(),
            self.strike.target(),
            self.lasted,
            self.requests,
            counts.acknowledged,
            self.touched_failed,
            self.untouched_failed,
            self.silence,
        )
    }
}
