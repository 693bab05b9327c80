//! The demo: a world on this machine shows what it promises, and says by name what does not exist yet.
//!
//! It is a client like any other: apps speak to the router's public port, the operator to the controllers with his
//! certificate, and processes are killed from outside. Nothing is looked up inside a process or its files. Each step
//! is one file; [`story`] collects what they find, [`stage`] cleans up whatever happens.

mod absent;
mod commands;
mod copies;
mod crash;
mod failover;
mod files;
mod follow;
mod keep;
mod law;
mod lost_cell;
mod memory;
mod outage;
mod people;
mod region_lost;
mod relocate;
mod sabotage;
mod shard_move;
mod story;
mod survival;
mod tally;
mod traces;
mod traffic;
mod workouts;

use std::path::PathBuf;

use anyhow::Result;

use sabotage::Act;
pub use sabotage::Sabotage;

use crate::command::interrupted;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::{Binaries, World, door};
use cli_world::app::{self, App, Person, track};
use cli_world::stage::{self, Stage};
use story::Story;

/// What was asked for on the command line.
#[derive(Debug)]
pub struct Options {
    pub files: Option<PathBuf>,
    pub keep: bool,
    pub sabotage: Option<Sabotage>,
    pub binaries: Binaries,
}

/// What every step after the first needs.
struct Scene<'a> {
    world: &'a World,
    app: App,
    people: Vec<Person>,
    sabotage: Option<Sabotage>,
}

/// Runs the whole demo and cleans up, also on Ctrl-C.
///
/// # Errors
/// What kept it from running to its end.
pub async fn run(options: &Options, printer: &Printer) -> Result<Ended> {
    let stage = Stage::new("demo");
    let mut story = Story::new(printer);
    let outcome = tokio::select! {
        outcome = play(options, &stage, &mut story) => Some(outcome),
        () = interrupted() => None,
    };
    let Some(outcome) = outcome else {
        printer.progress("interrupted: ending the processes and removing the folder");
        stage.leave(false, printer).await;
        return Ok(Ended::Interrupted);
    };
    if let Err(error) = &outcome {
        story.broke_off(error);
    }
    let so = story.end();
    stage.leave(options.keep, printer).await;
    outcome?;
    Ok(if so { Ended::Ok } else { Ended::NotSo })
}

async fn play(options: &Options, stage: &Stage, story: &mut Story<'_>) -> Result<()> {
    let files = files::find(options.files.as_deref()).await?;
    let printer = story.printer();
    let world = World::open_or_make(&stage.layout, None, printer)?;
    world.set_environment(options.sabotage.map(Sabotage::at_the_start).unwrap_or_default());
    story.step("a world comes up: 3 controllers, 3 cells in 2 jurisdictions, 1 router");
    world.up(options.binaries, printer).await?;
    memory::show_idle(&world, story);
    let app = App::new(door::client(&world.layout)?, &world.url());
    let mut scene = Scene {
        world: &world,
        app,
        people: Vec::new(),
        sabotage: options.sabotage,
    };
    // Without people nothing else can be shown.
    people::show(&mut scene, story).await?;
    let plays = |act| options.sabotage.is_none_or(|fault| fault.found_in() == act);
    if plays(Act::Workouts) {
        workouts::show(&scene, &files, story).await?;
    }
    if plays(Act::Outage) {
        outage::show(&scene, story).await?;
    }
    if plays(Act::Crash) {
        crash::show(&scene, story).await?;
    }
    if plays(Act::Copies) {
        shard_move::show(&scene, story).await?;
        survival::show(&scene, story).await?;
        region_lost::show(&scene, story).await?;
        failover::show(&scene, story).await?;
    }
    if plays(Act::Homes) {
        relocate::show(&scene, story).await?;
        lost_cell::show(&scene, story).await?;
    }
    if plays(Act::Law) {
        law::show(&scene, story).await?;
    }
    memory::show_after(&world, story);
    absent::show(story);
    if options.keep {
        keep::show(&scene, story);
    } else {
        end_in_order(&world, story).await?;
    }
    Ok(())
}

/// The last thing that is shown: every process ends by itself when asked to.
async fn end_in_order(world: &World, story: &mut Story<'_>) -> Result<()> {
    story.step("every process is asked to end");
    let killed = world.down(stage::STOP_WITHIN).await?;
    let names: Vec<String> = killed.iter().map(ToString::to_string).collect();
    story.check(killed.is_empty(), "every process ends on SIGTERM", || {
        format!("killed: {}", names.join(", "))
    });
    Ok(())
}
