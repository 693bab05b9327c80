//! `chaos sim`: many seeds, one seed with its trace, or the planted bugs.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail};
use chaos_sim::cross::{self, CrossRun};
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
    let run = chaos_sim::sim::run(Setting {
        seed,
        plant,
        trace: arguments.trace,
        guided: arguments.guided,
        faults: None,
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
    let count = |value: u64| value as f64;
    let steps_seconds = (cpu() - before).as_secs_f64().max(1e-9);
    let before = cpu();
    let replicated = chaos_sim::sim::pace::replicate(PACE_ENTRIES);
    let entry_micros = (cpu() - before).as_secs_f64() * 1e6 / count(replicated.max(1));
    let crossed = cross_runs(arguments);
    let numbers = &total.numbers;
    document.figures = vec![
        Figure::info("seeds", count(total.runs), "runs"),
        Figure::at_most(
            "violations",
            (total.failed.len() + crossed.broken.len()) as f64,
            "runs",
            0.0,
        ),
        Figure::info("steps", count(numbers.steps), "steps"),
        Figure::at_least(
            "steps-per-second",
            count(numbers.steps) / steps_seconds,
            "1/s",
            200_000.0,
        ),
        Figure::at_most("cpu-per-replicated-entry", entry_micros, "us", 2.0),
        Figure::info("simulated-hours", count(numbers.micros) / 3.6e9, "h"),
        Figure::info("faults", count(numbers.faults.values().sum()), "faults"),
        Figure::info("operations", count(numbers.operations), "operations"),
        Figure::info("operations-answered", count(numbers.answered), "operations"),
        Figure::info("operations-judged", count(numbers.judged), "operations"),
        Figure::info("entries", count(numbers.entries), "entries"),
        Figure::info("changes-of-primary", count(numbers.epochs), "epochs"),
        Figure::info(
            "async-writes-lost-within-the-bound",
            count(numbers.lost_async),
            "writes",
        ),
        Figure::info("refusals", count(numbers.refused), "steps"),
        Figure::info("state-event-pairs-seen", total.coverage.pairs() as f64, "pairs"),
    ];
    if arguments.guided {
        document.figures.extend(beside_plain(arguments, &total));
    }
    document.figures.extend(crossed.figures());
    let named = |map: &std::collections::BTreeMap<&'static str, u64>| -> Value {
        map.iter()
            .map(|(name, count)| json!({ "name": name, "count": count }))
            .collect()
    };
    document.tables.insert("faults".into(), named(&numbers.faults));
    document.tables.insert("seen".into(), named(&numbers.seen));
    document.tables.insert("coverage".into(), coverage(&total));
    if !total.failed.is_empty() {
        document.tables.insert("violations".into(), violations(&total));
    }
    for (seed, broken) in crossed.broken.iter().take(FAILED_SHOWN_MAX) {
        document.notes.push(format!("beside, seed {seed}: {broken}"));
    }
    document
        .notes
        .push(format!("fingerprint of all runs: {:016x}", numbers.fingerprint));
    document
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

/// Sums of the simulations of what crosses shards and of shared stores.
#[derive(Debug, Default)]
struct Crossed {
    sum: CrossRun,
    shared: SharedRun,
    broken: Vec<(u64, String)>,
}

impl Crossed {
    fn figures(&self) -> Vec<Figure> {
        let count = |value: u64| value as f64;
        vec![
            Figure::info("cross-steps", count(self.sum.steps), "steps"),
            Figure::info("cross-failovers", count(self.sum.failovers), "epochs"),
            Figure::info("events-delivered", count(self.sum.delivered), "events"),
            Figure::info("people-moved", count(self.sum.moved), "people"),
            Figure::info("shared-store-steps", count(self.shared.steps), "steps"),
            Figure::info("shared-store-takeovers", count(self.shared.takeovers), "epochs"),
            Figure::info("claims-activated", count(self.sum.claims_active), "claims"),
        ]
    }
}

fn cross_runs(arguments: &SimArguments) -> Crossed {
    let mut crossed = Crossed::default();
    for seed in arguments.from..arguments.from + arguments.seeds {
        let run = cross::run(seed, None);
        let sum = &mut crossed.sum;
        sum.steps += run.steps;
        sum.failovers += run.failovers;
        sum.delivered += run.delivered;
        sum.moved += run.moved;
        sum.claims_active += run.claims_active;
        if let Some(broken) = run.broken {
            crossed.broken.push((seed, broken));
        }
        let run = shared::run(seed, None);
        crossed.shared.steps += run.steps;
        crossed.shared.takeovers += run.takeovers;
        if let Some(broken) = run.broken {
            crossed.broken.push((seed, broken));
        }
    }
    crossed
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

fn violations(total: &Total) -> Value {
    total
        .failed
        .iter()
        .take(FAILED_SHOWN_MAX)
        .map(|run| {
            let shrunk = shrink(run, None);
            let faults: Vec<String> = shrunk.faults.iter().map(|fault| fault.to_string()).collect();
            json!({
                "seed": run.seed,
                "violation": run.violation.as_ref().map(ToString::to_string),
                "schedule": faults,
            })
        })
        .collect()
}
