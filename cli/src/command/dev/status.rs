//! `dev status`: what runs of a world, and what the controllers say of it.

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::command::WorldFolder;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::{Layout, Process, Seat, State, World, ready, seats};

/// Shows the processes of the world and whether it serves. Exit code 3 if something of it does not.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl dev status -o json")]
pub struct Status {
    #[command(flatten)]
    world: WorldFolder,
}

impl Status {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let world = World::open(&Layout::new(&self.world.dir))?;
        let ended = show(&world, printer).await?;
        if ended == Ended::Differs {
            printer.hint(&self.world.named("cellctl dev up"));
        }
        Ok(ended)
    }
}

/// Prints processes and whether the world serves.
///
/// # Errors
/// When the operator's certificate cannot be used.
pub async fn show(world: &World, printer: &Printer) -> Result<Ended> {
    let seats = seats::seats();
    let rows: Vec<Row> = seats.iter().map(|seat| Row::of(world, seat)).collect();
    let missing = missing(world, &rows).await?;
    printer.table(
        &["process", "state", "pid", "address", "memory"],
        &rows.iter().map(Row::cells).collect::<Vec<_>>(),
    );
    match &missing {
        None => printer.say("\n  the world serves"),
        Some(why) => printer.say(&format!("\n  the world does not serve: {why}")),
    }
    let view = View {
        world: world.id.to_string(),
        folder: world.layout.root().display().to_string(),
        url: world.url(),
        serves: missing.is_none(),
        missing: missing.clone(),
        processes: rows.iter().map(Row::view).collect(),
    };
    printer.data(&view, rows.iter().map(|row| &row.name));
    Ok(if missing.is_none() {
        Ended::Ok
    } else {
        Ended::Differs
    })
}

/// Why the world does not serve.
async fn missing(world: &World, rows: &[Row]) -> Result<Option<String>> {
    if let Some(row) = rows.iter().find(|row| !matches!(row.state, State::Running(_))) {
        return Ok(Some(format!("{} does not run", row.name)));
    }
    Ok(match world.admin()?.status().await {
        Ok(status) => ready::not_ready(&status, &ready::StartedAfter::new()),
        Err(error) => Some(error.to_string()),
    })
}

#[derive(Serialize)]
struct View {
    world: String,
    folder: String,
    url: String,
    serves: bool,
    missing: Option<String>,
    processes: Vec<ProcessView>,
}

#[derive(Serialize)]
struct ProcessView {
    name: String,
    state: &'static str,
    pid: Option<i32>,
    address: String,
    memory_mib: Option<f64>,
}

struct Row {
    name: String,
    state: State,
    address: String,
}

impl Row {
    fn of(world: &World, seat: &Seat) -> Self {
        let state = Process::state(&world.layout, seat);
        Self {
            name: seat.to_string(),
            state,
            address: world.ports.address(seat),
        }
    }

    fn word(&self) -> &'static str {
        match self.state {
            State::Running(_) => "running",
            State::Stale(_) => "gone",
            State::Stopped => "stopped",
        }
    }

    fn process(&self) -> Option<&Process> {
        match &self.state {
            State::Running(process) => Some(process),
            State::Stale(_) | State::Stopped => None,
        }
    }

    fn cells(&self) -> Vec<String> {
        let dash = || "-".to_owned();
        let memory = self.process().and_then(Process::memory_mib);
        vec![
            self.name.clone(),
            self.word().to_owned(),
            self.process()
                .map_or_else(dash, |process| process.pid.to_string()),
            self.address.clone(),
            memory.map_or_else(dash, |mib| format!("{mib:.0} MiB")),
        ]
    }

    fn view(&self) -> ProcessView {
        ProcessView {
            name: self.name.clone(),
            state: self.word(),
            pid: self.process().map(|process| process.pid),
            address: self.address.clone(),
            memory_mib: self.process().and_then(Process::memory_mib),
        }
    }
}
