//! `chaos sim`: many seeds, one seed with its trace, or the planted bugs.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail};
use chaos_sim::shared::{self, SharedRun};
use chaos_sim::sim::exhaustive::{Bounds, search};
use chaos_sim::sim::{Run, Seeds, Setting, SimPlant, Total, run_guided, run_seed, shrink};
use clap::{Args, ValueEnum};
use platform_report::{Document, Figure};
use serde_json::{Value, json};

use crate::plants::{Plant, plant_names, plants};

/// States that an exhaustive search holds at most.
const STATES_MAX: u64 = 4_000_000;
/// Entries that the speed of the pure machines is measured over.
const PACE_ENTRIES: u64 = 200_000;
/// A world where people live takes so many times as long: one in so many seeds runs there too.
const PEOPLE_ONE_IN: u64 = 8;
/// Failing seeds that are shrunk and printed.
const FAILED_SHOWN_MAX: usize = 5;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  chaos sim --seeds 1000\n  chaos sim --seed 17 --trace\n  chaos sim --plant all -o json"
)]
pub struct SimArguments {
    /// How many seeds are run; for a planted bug, how many at most.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only this one.
    #[arg(long)]
    seed: Option<u64>,
    /// With `--seed`: in the world where people live in the shards, with all that crosses them.
    #[arg(long, requires = "seed")]
    people: bool,
    /// Print all that takes place; with `--seed`.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Put this bug in and look for the seed that shows it; `all` for each in turn.
    #[arg(long)]
    plant: Option<String>,
    /// Instead, search a world of two replicas wholly, every interleaving up to so many steps.
    #[arg(long)]
    exhaustive: Option<u32>,
    /// Let rare pairs of state and event choose which seeds come next and, within a run, where faults go. The same
    /// number of plain seeds runs beside it, for comparison.
    #[arg(long)]
    guided: bool,
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Runs the command. Answers with the exit code.
pub fn run(arguments: &SimArguments) -> anyhow::Result<u8> {
    if let Some(seed) = arguments.seed {
        return one(arguments, seed);
    }
    if let Some(depth) = arguments.exhaustive {
        return show(&exhaustively(depth), arguments.output);
    }
    let document = match arguments.plant.as_deref() {
        Some("all") => plants(&Plant::all(), arguments.from, arguments.seeds),
        Some(name) => {
            let Some(plant) = Plant::all().into_iter().find(|plant| plant.name() == name) else {
                bail!("there is no planted bug `{name}`; there are {}", plant_names());
            };
            plants(&[plant], arguments.from, arguments.seeds)
        }
        None => many(arguments),
    };
    show(&document, arguments.output)
}

fn show(document: &Document, output: Output) -> anyhow::Result<u8> {
    let text = match output {
        Output::Text => format!("{document}"),
        Output::Json => serde_json::to_string_pretty(document).context("the result has a JSON form")? + "\n",
    };
    print(&text)?;
    Ok(document.verdict().exit_code())
}

/// Every interleaving of a small world.
fn exhaustively(depth: u32) -> Document {
    let mut document = Document::new("sim-exhaustive");
    let searched = search(Bounds {
        depth,
        states_max: STATES_MAX,
        crashes: 1,
        writes: 2,
        jumps: 2,
        promotions: 1,
        plants: Default::default(),
    });
    document.figures = vec![
        Figure::info("states", searched.states as f64, "states"),
        Figure::info("steps", searched.steps as f64, "steps"),
        Figure::at_least("depth", f64::from(searched.depth), "steps", f64::from(depth)),
        Figure::at_most(
            "violations",
            f64::from(u8::from(searched.broken.is_some())),
            "paths",
            0.0,
        ),
    ];
    document.notes.push(
        "one shard, two replicas, at most 3 frames under way, 1 crash, 2 writes, 2 jumps past all promises, 1 promotion"
            .to_owned(),
    );
    if let Some((invariant, path)) = searched.broken {
        document
            .notes
            .push(format!("{invariant} broken by: {}", path.join(", ")));
    }
    document
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("stdout")
}

/// Time that this process has computed.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = stat.split_whitespace().next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

fn one(arguments: &SimArguments, seed: u64) -> anyhow::Result<u8> {
    let plant = match arguments.plant.as_deref() {
        Some(name) => Some(SimPlant::by_name(name).with_context(|| format!("no planted bug `{name}`"))?),
        None => None,
    };
    let setting = plant.map_or(Setting::plain(seed), |plant| Setting::planted(seed, plant));
    let run = chaos_sim::sim::run(Setting {
        trace: arguments.trace,
        guided: arguments.guided,
        crossing: arguments.people || setting.crossing,
        ..setting
    });
    let mut text = run.lines.join("\n");
    text.push_str(&schedule(&run));
    match &run.violation {
        Some(violation) => {
            text.push_str(&format!("seed {seed}: {violation}\n"));
            let shrunk = shrink(&run, plant);
            text.push_str(&format!(
                "shrunk to {} faults:\n{}",
                shrunk.faults.len(),
                schedule(&shrunk)
            ));
        }
        None => text.push_str(&format!("seed {seed}: nothing is broken\n")),
    }
    print(&text)?;
    Ok(if run.violation.is_some() { 3 } else { 0 })
}

fn schedule(run: &Run) -> String {
    let mut text = format!("\nschedule of seed {}:\n", run.seed);
    for fault in &run.faults {
        text.push_str(&format!("  {fault}\n"));
    }
    text
}

/// Every seed that was asked for, one after another.
fn run_all(arguments: &SimArguments) -> Total {
    let mut seeds = Seeds::new(arguments.from, arguments.guided);
    let mut total = Total::default();
    for _ in 0..arguments.seeds {
        let seed = seeds.draw();
        let run = if arguments.guided {
            run_guided(seed)
        } else {
            run_seed(seed, None)
        };
        seeds.learn(&total, &run);
        total.add(run);
    }
    total
}

fn many(arguments: &SimArguments) -> Document {
    let mut document = Document::new("sim");
    let before = cpu();
    let total = run_all(arguments);
    let seconds = (cpu() - before).as_secs_f64().max(1e-9);
    let before = cpu();
    let replicated = chaos_sim::sim::pace::replicate(PACE_ENTRIES);
    let entry_micros = (cpu() - before).as_secs_f64() * 1e6 / (replicated.max(1) as f64);
    let people = people_runs(arguments);
    let shared = shared_runs(arguments);
    let broken = total.failed.len() + people.failed.len() + shared.broken.len();
    document.figures = vec![
        Figure::info("seeds", total.runs as f64, "runs"),
        Figure::at_most("violations", broken as f64, "runs", 0.0),
    ];
    let pace = total.numbers.steps as f64 / seconds;
    document.figures.extend(figures(&total, pace, entry_micros));
    if arguments.guided {
        document.figures.extend(beside_plain(arguments, &total));
    }
    document.figures.extend(people_figures(&people));
    document.figures.extend(shared.figures());
    tables(&mut document, &total, &people);
    for (seed, broken) in shared.broken.iter().take(FAILED_SHOWN_MAX) {
        document
            .notes
            .push(format!("shared store, seed {seed}: {broken}"));
    }
    document.notes.push(format!(
        "every seed runs in the world of clients and in that of the shared store; the first {} of them, one in \
         {PEOPLE_ONE_IN}, in the world of people too (`--seed N --people`)",
        people.runs
    ));
    let fingerprint = total.numbers.fingerprint ^ people.numbers.fingerprint;
    document
        .notes
        .push(format!("fingerprint of all runs: {fingerprint:016x}"));
    document
}

/// Those of the world of clients.
fn figures(total: &Total, pace: f64, entry_micros: f64) -> Vec<Figure> {
    let (numbers, count) = (&total.numbers, |value: u64| value as f64);
    let lost = count(numbers.lost_async);
    vec![
        Figure::info("steps", count(numbers.steps), "steps"),
        Figure::at_least("steps-per-second", pace, "1/s", 200_000.0),
        Figure::at_most("cpu-per-replicated-entry", entry_micros, "us", 2.0),
        Figure::info("simulated-hours", count(numbers.micros) / 3.6e9, "h"),
        Figure::info("faults", count(numbers.faults.values().sum()), "faults"),
        Figure::info("operations", count(numbers.operations), "operations"),
        Figure::info("operations-answered", count(numbers.answered), "operations"),
        Figure::info("operations-judged", count(numbers.judged), "operations"),
        Figure::info("entries", count(numbers.entries), "entries"),
        Figure::info("changes-of-primary", count(numbers.epochs), "epochs"),
        Figure::info("async-writes-lost-within-the-bound", lost, "writes"),
        Figure::info("refusals", count(numbers.refused), "steps"),
        Figure::info("state-event-pairs-seen", total.coverage.pairs() as f64, "pairs"),
    ]
}

fn tables(document: &mut Document, total: &Total, people: &Total) {
    let named = |map: &std::collections::BTreeMap<&'static str, u64>| -> Value {
        map.iter()
            .map(|(name, count)| json!({ "name": name, "count": count }))
            .collect()
    };
    let mut insert = |name: &str, table| document.tables.insert(name.into(), table);
    insert("faults", named(&total.numbers.faults));
    insert("seen", named(&total.numbers.seen));
    insert("faults-with-people", named(&people.numbers.faults));
    insert("seen-with-people", named(&people.numbers.seen));
    insert("coverage", coverage(total));
    if !(total.failed.is_empty() && people.failed.is_empty()) {
        insert("violations", violations(total, people));
    }
}

/// How much further the guided search gets than as many plain seeds.
fn beside_plain(arguments: &SimArguments, guided: &Total) -> [Figure; 3] {
    let mut plain = Total::default();
    for seed in arguments.from..arguments.from + arguments.seeds {
        plain.add(run_seed(seed, None));
    }
    let figure = |name: &str, count: usize| Figure::info(name, count as f64, "pairs");
    [
        figure("state-event-pairs-of-plain-seeds", plain.coverage.pairs()),
        figure("pairs-only-guided", guided.coverage.only_here(&plain.coverage)),
        figure("pairs-only-plain", plain.coverage.only_here(&guided.coverage)),
    ]
}

/// The world where people live, by the first of the seeds.
fn people_runs(arguments: &SimArguments) -> Total {
    let mut total = Total::default();
    for seed in arguments.from..arguments.from + arguments.seeds.div_ceil(PEOPLE_ONE_IN) {
        total.add(chaos_sim::sim::run(Setting::crossing(seed)));
    }
    total
}

fn people_figures(people: &Total) -> Vec<Figure> {
    let numbers = &people.numbers;
    let seen = |name: &str| numbers.seen.get(name).copied().unwrap_or(0) as f64;
    vec![
        Figure::info("people-seeds", people.runs as f64, "runs"),
        Figure::info("people-steps", numbers.steps as f64, "steps"),
        Figure::info("people-simulated-hours", numbers.micros as f64 / 3.6e9, "h"),
        Figure::info("people-changes-of-primary", numbers.epochs as f64, "epochs"),
        Figure::info("events-emitted", seen("event-emitted"), "events"),
        Figure::info("events-delivered", seen("event-took-effect"), "events"),
        Figure::info("events-parked", seen("event-parked"), "events"),
        Figure::info("people-moved", seen("person-moved"), "people"),
        Figure::info("claims-activated", seen("claim-activated"), "claims"),
    ]
}

/// Sums of the simulation of shared stores.
#[derive(Debug, Default)]
struct Shared {
    sum: SharedRun,
    broken: Vec<(u64, String)>,
}

impl Shared {
    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::info("shared-store-steps", self.sum.steps as f64, "steps"),
            Figure::info("shared-store-takeovers", self.sum.takeovers as f64, "epochs"),
        ]
    }
}

fn shared_runs(arguments: &SimArguments) -> Shared {
    let mut shared = Shared::default();
    for seed in arguments.from..arguments.from + arguments.seeds {
        let run = shared::run(seed, None);
        shared.sum.steps += run.steps;
        shared.sum.takeovers += run.takeovers;
        if let Some(broken) = run.broken {
            shared.broken.push((seed, broken));
        }
    }
    shared
}

fn coverage(total: &Total) -> Value {
    total
        .coverage
        .rows()
        .map(|(state, event, taken, refused)| {
            json!({ "state": state, "event": event, "taken": taken, "refused": refused })
        })
        .collect()
}

fn violations(total: &Total, people: &Total) -> Value {
    total
        .failed
        .iter()
        .chain(&people.failed)
        .take(FAILED_SHOWN_MAX)
        .map(|run| {
            let shrunk = shrink(run, None);
            let faults: Vec<String> = shrunk.faults.iter().map(|fault| fault.to_string()).collect();
            json!({
                "seed": run.seed,
                "people": run.crossing,
                "violation": run.violation.as_ref().map(ToString::to_string),
                "schedule": faults,
            })
        })
        .collect()
}
