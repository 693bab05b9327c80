//! `dev up`: starts what does not run, in a world that is made when there is none.

use anyhow::Result;
use clap::Args;

use super::{lock, status};
use crate::command::WorldFolder;
use crate::exit::Ended;
use crate::printer::{Printer, counted};
use crate::world::{Binaries, Folder, Layout, Process, State, World, seats};

/// Starts the world, and makes it first if there is none. What runs already is left alone.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl dev up --port 8443")]
pub struct Up {
    #[command(flatten)]
    world: WorldFolder,
    /// The port at which apps reach a new world; without it, and on every later start, the world keeps its own.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Takes the servers that lie beside cellctl as they are, instead of building them.
    #[arg(long)]
    no_build: bool,
    /// Says what would be made and started, and does nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Up {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let layout = Layout::new(&self.world.dir);
        // Looked at before anything is written, the lock included.
        let found = Folder::look(&layout)?;
        if self.dry_run {
            say(&layout, &found, printer);
            return Ok(Ended::Ok);
        }
        let _lock = lock(&layout)?;
        let world = World::open_or_make(&layout, self.port, printer)?;
        self.warn_of_port(&world, printer);
        let binaries = if self.no_build {
            Binaries::AsTheyAre
        } else {
            Binaries::Normal
        };
        let started = world.up(binaries, printer).await?;
        match started.len() {
            0 => printer.progress("the world is up already: nothing was changed"),
            count if count == seats::seats().len() => printer.progress("the world is up"),
            count => {
                let started = counted(count, "process was", "processes were");
                printer.progress(&format!("the world is up: {started} missing"));
            }
        }
        status::show(&world, printer).await?;
        printer.say(&format!("\n  apps begin at {}", world.url()));
        Ok(Ended::Ok)
    }

    fn warn_of_port(&self, world: &World, printer: &Printer) {
        let kept = world.url();
        if self.port.is_some_and(|port| !kept.ends_with(&format!(":{port}"))) {
            printer.progress(&format!("--port is for a new world; this one keeps {kept}"));
        }
    }
}

/// What would be made and started.
fn say(layout: &Layout, found: &Folder, printer: &Printer) {
    if !matches!(found, Folder::World(_)) {
        printer.progress(&format!("a new world is made in {}", layout.root().display()));
    }
    let gone = seats::seats().into_iter();
    let gone = gone.filter(|seat| !matches!(Process::state(layout, seat), State::Running(_)));
    let names: Vec<String> = gone.map(|seat| seat.to_string()).collect();
    match names.as_slice() {
        [] => printer.progress("everything runs already; nothing was changed: --dry-run"),
        names => printer.progress(&format!(
            "starts {}; nothing was changed: --dry-run",
            names.join(", ")
        )),
    }
}
