//! One run: the world comes up behind its proxies; rounds of load, fault, healing, judgement; the document.

mod aim;
mod attribution;
pub mod copies;
mod document;
mod flat;
pub mod later;
mod round;
mod samples;

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use cli_world::app::{App, Person};
use cli_world::seats::{seat_named, seats};
use cli_world::stage::STOP_WITHIN;
use cli_world::{Binaries, Progress, Seat, Stage, World, door, make};
use platform_report::Document;
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use serde_json::Value;

use crate::faults::{Fault, Means, Scene};
use crate::load::{HOME_NODE, Ways, settle};
use crate::planted;
use crate::proxy::Proxies;
use crate::schedule::Schedule;
use crate::staged::staged;
use aim::{Aims, Hit};
use copies::Kind;
use later::Kept;
use round::Round;
use samples::{Sample, Sampler};

/// The node whose disk can be struck, where nothing has standbys.
const DISK_AT: &str = "celld-us-east-1";
/// A log that is short: whoever was away for long is copied anew, and what is kept of it is soon as much as it ever is.
const SHORT_LOG: [(&str, &str); 2] = [
    ("CELLD_SHARDS__LOG_ENTRIES", "500"),
    ("CELLD_SHARDS__LOG_SIZE", "8MiB"),
];
/// Rounds of one run at most.
const ROUNDS_MAX: usize = 2_000;

pub struct Options {
    pub minutes: Duration,
    pub seed: u64,
    /// None: all.
    pub faults: Vec<Fault>,
    pub plant: Option<String>,
    /// What one home is to survive: `zone`, `region`.
    pub survival: Option<String>,
    /// Whether a shard moves in every round.
    pub moves: bool,
    /// Whether it goes on past its time until every fault has struck.
    pub every_fault: bool,
    pub no_build: bool,
    pub keep: bool,
    /// Where the histories of every round are kept.
    pub histories: Option<PathBuf>,
}

/// What is told of a run when it is over.
pub struct Told {
    pub seed: u64,
    pub plant: Option<String>,
    pub rounds: Vec<Round>,
    /// Why no other round could be begun before the time was over.
    pub broke_off: Option<String>,
    /// Faults that this machine cannot do, and why.
    pub skipped: Vec<(Fault, String)>,
    /// Files of earlier rounds that were not there at the end.
    pub lost_later: Vec<String>,
    /// Memory and disk of every process over time.
    pub samples: Vec<Sample>,
    /// Shards whose copies are not equal after all faults; none where there are no copies.
    pub differ: Option<Vec<String>>,
    pub world: Vec<String>,
    pub took: Duration,
}

/// # Errors
/// When the run could not be made: it says nothing of the platform then.
pub async fn run(options: &Options, progress: &dyn Progress) -> Result<Document> {
    let play = async |stage: &Stage| play(options, stage, progress).await;
    let told = staged("chaos", options, progress, play).await?;
    Ok(document::document(&told))
}

impl Options {
    /// What people may notice of a fault.
    fn ways(&self) -> Ways {
        Ways {
            survives: self.survival.is_some(),
            moves: self.moves,
        }
    }

    /// Rounds that are played however long they take: a pass of the schedule, in which each of so many faults comes once.
    fn rounds_min(&self, faults: usize) -> usize {
        if self.every_fault { faults } else { 0 }
    }

    /// The node whose disk can be struck: where there are standbys, that of their primaries, to which shards move, too.
    fn disk_at(&self) -> &'static str {
        if self.survival.is_some() {
            HOME_NODE
        } else {
            DISK_AT
        }
    }
}

async fn play(options: &Options, stage: &Stage, progress: &dyn Progress) -> Result<Told> {
    let clock = Clock::system();
    make::make_behind_proxies(&stage.layout)?;
    let world = World::open(&stage.layout)?;
    let Possible {
        able: faults,
        skipped,
        means,
    } = possible(options, &world)?;
    let tasks = TaskGroup::new();
    let proxies = Proxies::start(&world, &tasks).await?;
    bring_up_with(options, &world, means.environment(), progress).await?;
    let app = App::new(door::client(&world.layout)?, &world.url());
    let stay = who_stays(options, &world, &app).await?;
    if let Some(goal) = &options.survival {
        copies::raise(&world, goal, progress).await?;
    }
    let ways = options.ways();
    let scene = Scene {
        world: &world,
        links: &proxies.links,
        means: &means,
        ways,
    };
    let mut schedule = Schedule::new(options.seed, faults, means.disk_at().cloned(), ways.copies());
    let begun = clock.monotonic();
    let sampler = Sampler::start(&world.layout, options.minutes, &tasks);
    let mut course = Course {
        app: &app,
        stay,
        kept: VecDeque::new(),
        lost_later: Vec::new(),
        aims: Aims::default(),
        sampler: &sampler,
    };
    let played = rounds(
        options,
        &scene,
        &mut course,
        &mut schedule,
        begun + options.minutes,
        progress,
    );
    let (rounds, broke_off) = played.await?;
    let mut lost_later = course.lost_later;
    lost_later.extend(later::lost(&app, &course.kept).await);
    let world_check = world_at_the_end(&world).await;
    progress.progress("copies are compared");
    let differ = match options.survival {
        Some(_) => Some(copies::compare(&world).await),
        None => None,
    };
    let took = clock.monotonic().saturating_sub(begun);
    world.down(STOP_WITHIN).await?;
    tasks.shutdown(STOP_WITHIN).await;
    Ok(Told {
        seed: options.seed,
        plant: options.plant.clone(),
        rounds,
        broke_off,
        skipped,
        lost_later,
        samples: sampler.samples(),
        differ,
        world: world_check,
        took,
    })
}

/// Who takes part in every round: those whose shards move.
async fn who_stays(options: &Options, world: &World, app: &App) -> Result<Vec<Person>> {
    if options.moves {
        settle(world, app).await
    } else {
        Ok(Vec::new())
    }
}

/// What `world check` finds once all is over, and the operations that never ended.
pub async fn world_at_the_end(world: &World) -> Vec<String> {
    let mut found = check_world(world)
        .await
        .unwrap_or_else(|why| vec![format!("{why:#}")]);
    found.extend(copies::unfinished(world).await);
    found
}

/// What goes on from round to round.
struct Course<'a> {
    app: &'a App,
    /// Who takes part in every round.
    stay: Vec<Person>,
    kept: VecDeque<Kept>,
    lost_later: Vec<String>,
    aims: Aims,
    sampler: &'a Sampler,
}

impl Course<'_> {
    /// A step that was aimed at and not struck is aimed at again.
    fn note_aim(&mut self, fault: Fault, kind: Option<Kind>, hit: Option<&Hit>) {
        if let (Some(kind), Some(hit)) = (kind, hit.filter(|hit| hit.step != hit.wanted)) {
            self.aims.missed(fault, kind, hit.wanted);
        }
    }
}

/// Round after round, until the time is over, the schedule ends, or a plant is caught. With what broke it off.
async fn rounds(
    options: &Options,
    scene: &Scene<'_>,
    course: &mut Course<'_>,
    schedule: &mut Schedule,
    due: Duration,
    progress: &dyn Progress,
) -> Result<(Vec<Round>, Option<String>)> {
    let clock = Clock::system();
    let schedule_len = schedule.faults();
    let mut rounds = Vec::new();
    let is_due = |played: usize| clock.monotonic() >= due && played >= options.rounds_min(schedule_len);
    while !is_due(rounds.len()) && rounds.len() < ROUNDS_MAX {
        let Some((strike, lasts)) = schedule.next() else {
            break;
        };
        let (fault, name) = (strike.fault, strike.fault.name());
        let kind = Kind::of_round(scene.ways, rounds.len());
        let aim = kind.map(|kind| course.aims.next(strike.fault, kind));
        let lost = later::let_go(course.app, &mut course.kept).await;
        course.lost_later.extend(lost);
        let (app, stay, kept) = (course.app, &course.stay, &mut course.kept);
        match round::play(scene, app, rounds.len(), strike, (lasts, aim), stay, kept).await {
            Ok(mut round) => {
                course.sampler.wrote(round.written);
                course.note_aim(fault, kind, round.hit.as_ref());
                let histories = std::mem::take(&mut round.judgement.histories);
                if let Some(folder) = &options.histories {
                    write_histories(folder, rounds.len(), &histories)?;
                }
                progress.progress(&round.line(rounds.len()));
                rounds.push(round);
                let plant = options.plant.as_deref();
                if plant.is_some_and(|plant| attribution::is_caught(plant, &rounds)) {
                    break;
                }
            }
            Err(why) => {
                let why = format!("round {}, {name}: {why:#}", rounds.len());
                progress.progress(&why);
                return Ok((rounds, Some(why)));
            }
        }
    }
    Ok((rounds, None))
}

/// What this machine can do of what was asked for.
struct Possible {
    able: Vec<Fault>,
    skipped: Vec<(Fault, String)>,
    means: Means,
}

/// The faults that were asked for and can be done here, those that cannot, and the means of the former.
fn possible(options: &Options, world: &World) -> Result<Possible> {
    let wanted = planted::faults(&options.faults, options.plant.as_deref());
    let disk_at: Seat = seat_named(options.disk_at()).context("there is such a seat")?;
    let means = Means::prepare(&world.layout, &wanted, &disk_at);
    let (able, unable): (Vec<_>, Vec<_>) = wanted
        .into_iter()
        .partition(|fault| means.lacks(*fault).is_none());
    let skipped = unable.into_iter().map(|fault| {
        let why = means.lacks(fault).unwrap_or_default();
        (fault, why.to_owned())
    });
    Ok(Possible {
        able,
        skipped: skipped.collect(),
        means,
    })
}

/// For a scenario: what it looks for shows in no world that only comes up, so that it is planted from the start.
///
/// # Errors
/// When the world does not come up.
pub async fn bring_up(options: &Options, world: &World, progress: &dyn Progress) -> Result<()> {
    let planted = options.plant.iter().map(|plant| switched_on(plant)).collect();
    up(options, world, planted, progress).await.map(drop)
}

/// With this in the environment of every process. What is planted is planted once the world has come up.
async fn bring_up_with(
    options: &Options,
    world: &World,
    environment: Vec<(String, String)>,
    progress: &dyn Progress,
) -> Result<()> {
    let environment = up(options, world, environment, progress).await?;
    if let Some(plant) = &options.plant {
        progress.progress(&format!("every cell starts again with {plant}"));
        world.set_environment(environment.into_iter().chain([switched_on(plant)]).collect());
        let nodes: Vec<Seat> = seats().into_iter().filter(|seat| seat.node().is_some()).collect();
        for seat in &nodes {
            world.stop(seat, STOP_WITHIN).await?;
        }
        world.start_others(&nodes).await?;
    }
    Ok(())
}

/// How a process is told of a planted fault.
fn switched_on(plant: &str) -> (String, String) {
    ("FAILPOINTS".to_owned(), format!("{plant}=return"))
}

/// Answers the environment of every process.
async fn up(
    options: &Options,
    world: &World,
    environment: Vec<(String, String)>,
    progress: &dyn Progress,
) -> Result<Vec<(String, String)>> {
    let binaries = match (options.no_build, &options.plant) {
        (true, _) => Binaries::AsTheyAre,
        (false, Some(_)) => Binaries::Failpoints,
        (false, None) => Binaries::Normal,
    };
    let short = SHORT_LOG
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let environment: Vec<(String, String)> = environment.into_iter().chain(short).collect();
    world.set_environment(environment.clone());
    world.up(binaries, progress).await?;
    Ok(environment)
}

/// One file for each checker and round.
fn write_histories(folder: &Path, round: usize, histories: &[(&str, Value)]) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, history) in histories {
        let path = folder.join(format!("round-{round}.{name}.json"));
        let text = serde_json::to_vec(history).context("a history has a JSON form")?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// What is not as it should be in the world as its controllers tell it, once everything is healed.
async fn check_world(world: &World) -> Result<Vec<String>> {
    let status = world.wait_for_leader().await?;
    let mut wrong = Vec::new();
    let clock = Clock::system();
    let begun = clock.monotonic();
    let admin = world.admin()?;
    let mut why = cli_world::ready::not_ready(&status, &Default::default());
    while why.is_some() && clock.monotonic().saturating_sub(begun) < round::HEALED_WITHIN {
        clock.sleep(cli_world::ready::POLL).await;
        let status = admin.status().await.map_err(cli_world::operator::explain)?;
        why = cli_world::ready::not_ready(&status, &Default::default());
    }
    wrong.extend(why);
    Ok(wrong)
}
