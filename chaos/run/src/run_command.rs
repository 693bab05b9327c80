//! `chaos run`: a world of real processes behind proxies, people who use it, faults by seed, and a table of fault and
//! invariant.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use cli_world::Progress;
use platform_report::Document;

use crate::faults::Fault;
use crate::planted;
use crate::run;
use crate::scenario::Scenario;

const EXAMPLES: &str = "\
Examples:
  chaos run --minutes 10 -o json
  chaos run --seed 7 --faults kill-cell,cut-router-node --minutes 2
  chaos run --faults kill-cell,stop-cell,cut-nodes   automatic failover
  chaos run --moves --every-fault --minutes 10   every fault, and every step of a move
  chaos run --survival none --minutes 5   nobody has a standby
  chaos run --moves --minutes 5   a shard moves while every fault strikes
  chaos run --scenario shared-store --minutes 3   nodes of one cell on a TiKV server (MERIDIAN_TIKV_PD)
  chaos run --moves --minutes 90   the standing world: is anything lost, does anything grow?
  chaos run --scenario events --minutes 5   people show each other workouts over homes
  chaos run --scenario events --survival region --minutes 5   and the home of some fails over
  chaos run --scenario claims --minutes 2   two people in two cells want one address
  chaos run --scenario claims --plant claim-by-clock --minutes 1   is a holder seen whose claim was let go?
  chaos run --scenario relocate --minutes 2   people change home while whoever has a part in it is killed
  chaos run --scenario relocate --plant relocation-without-tail   is somebody seen whose last workouts stayed behind?
  chaos run --scenario relocate --plant relocation-tells-at-once   is somebody seen who is heard out of order?
  chaos run --scenario restore   a cell lost for good goes on from its backups, without who was erased
  chaos run --scenario restore --plant restore-forgets-erased   is somebody who comes back seen?
  chaos run --scenario recover   all controllers lost for good go on from a backup of what they knew
  chaos run --scenario events --plant event-without-mark --minutes 2   is an effect that comes twice seen?
  chaos run --plant ack-before-write   does a run see that a cell acknowledges too early?
  chaos run --plant lost-update --minutes 1   does it see an update that another one wrote over unseen?

Exit code: 0 every invariant held, 3 one did not (with --plant: it was caught, it was not), 1 the run failed.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArguments {
    /// After so long no other fault begins
    #[arg(long, default_value_t = 10)]
    minutes: u32,
    /// Which faults, where and how long: the same seed gives the same schedule [default: a fresh one, printed]
    #[arg(long)]
    seed: Option<u64>,
    /// A run about one promise, with faults or people of its own
    #[arg(long, value_enum, conflicts_with_all = ["moves", "histories"])]
    scenario: Option<Scenario>,
    /// Only these faults
    #[arg(long, value_enum, value_delimiter = ',')]
    faults: Vec<Fault>,
    /// Switch this planted fault on in every cell (binaries with the cargo feature `failpoints`)
    #[arg(long)]
    plant: Option<String>,
    /// Give the shards of one home standbys first, so that it survives the loss of a zone or region [default: region;
    /// with --scenario: none]
    #[arg(long, value_parser = ["none", "zone", "region"])]
    survival: Option<String>,
    /// In every round, while the fault strikes, move a shard to another cell; with --survival, let a standby take over in
    /// every other round instead
    #[arg(long)]
    moves: bool,
    /// Go on past the time until every fault has struck once
    #[arg(long, conflicts_with = "scenario")]
    every_fault: bool,
    /// Take the servers that lie beside this binary, as they are
    #[arg(long)]
    no_build: bool,
    /// Keep the histories of every round here, for `chaos check`
    #[arg(long, value_name = "DIR")]
    histories: Option<PathBuf>,
    /// Leave the world's folder, with logs and data
    #[arg(long)]
    keep: bool,
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// What goes on, on stderr.
struct Stderr;

impl Progress for Stderr {
    fn progress(&self, text: &str) {
        // A closed stderr is no failure of the run.
        let _ = writeln!(std::io::stderr().lock(), "- {text}");
    }
}

/// Runs the command. Answers with the exit code.
///
/// # Errors
/// When the run could not be made, and before any process is started what is planted where it would show nothing.
pub fn run(arguments: &RunArguments) -> Result<u8> {
    planted::check(arguments.plant.as_deref(), arguments.scenario)?;
    platform_runtime::tls::install_ring();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let options = run::Options {
        minutes: Duration::from_secs(u64::from(arguments.minutes) * 60),
        seed: arguments
            .seed
            .unwrap_or_else(|| platform_runtime::random::below(1 << 32)),
        faults: arguments.faults.clone(),
        plant: arguments.plant.clone(),
        survival: arguments.survival(),
        moves: arguments.moves,
        every_fault: arguments.every_fault,
        no_build: arguments.no_build,
        keep: arguments.keep,
        histories: arguments.histories.clone(),
    };
    let document = match arguments.scenario {
        Some(scenario) => runtime.block_on(scenario.run(&options, &Stderr))?,
        None => runtime.block_on(run::run(&options, &Stderr))?,
    };
    show(&document, arguments.output)?;
    Ok(document.verdict().exit_code())
}

impl RunArguments {
    /// What one home is to survive, if anything. A scenario has a promise of its own.
    fn survival(&self) -> Option<String> {
        let usual = if self.scenario.is_some() { "none" } else { "region" };
        let goal = self.survival.as_deref().unwrap_or(usual);
        (goal != "none").then(|| goal.to_owned())
    }
}

fn show(document: &Document, output: Output) -> Result<()> {
    let text = match output {
        Output::Text => document.to_string(),
        Output::Json => serde_json::to_string_pretty(document).context("the result has a JSON form")? + "\n",
    };
    std::io::stdout()
        .lock()
        .write_all(text.as_bytes())
        .context("cannot write the result")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        arguments: RunArguments,
    }

    #[test]
    fn one_home_has_standbys_unless_somebody_says_otherwise() {
        for (words, goal) in [
            (&["chaos"][..], Some("region")),
            (&["chaos", "--survival", "zone"], Some("zone")),
            (&["chaos", "--survival", "none"], None),
            (&["chaos", "--scenario", "events"], None),
            (
                &["chaos", "--scenario", "events", "--survival", "region"],
                Some("region"),
            ),
        ] {
            let alone = Alone::try_parse_from(words).expect("they parse");
            assert_eq!(alone.arguments.survival().as_deref(), goal, "{words:?}");
        }
    }

    #[test]
    fn the_examples_parse() {
        for example in EXAMPLES
            .lines()
            .filter_map(|line| line.strip_prefix("  chaos run "))
        {
            let words = example.split("   ").next().expect("the command comes first");
            let words = std::iter::once("chaos").chain(words.split_whitespace());
            let alone = Alone::try_parse_from(words).expect(example);
            let arguments = alone.arguments;
            let planted = planted::check(arguments.plant.as_deref(), arguments.scenario);
            assert_eq!(planted, Ok(()), "{example}");
        }
    }
}
