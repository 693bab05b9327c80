//! How much memory each process holds: while nobody asks anything of it, and after everything that the demo asked.

use platform_report::Figure;
use serde_json::json;

use super::story::{Row, Story};
use crate::world::{Process, State, World, seats};

/// What each kind of process may hold while it is idle, in MiB.
const IDLE_MIB_MAX: [(&str, f64); 3] = [("controld", 64.0), ("celld", 256.0), ("routerd", 64.0)];

/// Shows every process of a world that has just started, and the largest of each kind as a figure.
pub fn show_idle(world: &World, story: &mut Story<'_>) {
    let rows = seats::seats().into_iter().filter_map(|seat| {
        let process = running(world, &seat)?;
        let mib = tenth(process.memory_mib()?);
        let (name, address) = (seat.to_string(), world.ports.address(&seat));
        Some(Row {
            text: vec![
                name.clone(),
                process.pid.to_string(),
                address.clone(),
                format!("{mib:.1} MiB"),
            ],
            json: json!({ "process": name, "pid": process.pid, "address": address, "idle_memory_mib": mib }),
        })
    });
    let header = ["process", "pid", "address", "idle memory"];
    story.table(
        "processes",
        "The processes of this world",
        &header,
        rows.collect(),
    );
    for (binary, most) in IDLE_MIB_MAX {
        let name = format!("idle-memory-{binary}");
        story.figure(Figure::at_most(name, largest(world, binary), "MiB", most));
    }
}

/// The largest process of each kind, for information.
pub fn show_after(world: &World, story: &mut Story<'_>) {
    for (binary, _) in IDLE_MIB_MAX {
        let name = format!("memory-after-load-{binary}");
        story.figure(Figure::info(name, largest(world, binary), "MiB"));
    }
}

/// Memory of the largest process of a kind; no number if none runs.
fn largest(world: &World, binary: &str) -> f64 {
    let seats = seats::seats().into_iter().filter(|seat| seat.binary() == binary);
    let each = seats.filter_map(|seat| running(world, &seat)?.memory_mib());
    tenth(each.fold(f64::NAN, f64::max))
}

fn running(world: &World, seat: &crate::world::Seat) -> Option<Process> {
    match Process::state(&world.layout, seat) {
        State::Running(process) => Some(process),
        State::Stale(_) | State::Stopped => None,
    }
}

fn tenth(mib: f64) -> f64 {
    (mib * 10.0).round() / 10.0
}
