//! `celld --config FILE`: see the library for what it does.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use cell_node::run::StartError;
use cell_node::{Config, Verdict, start};
use clap::Parser;
use platform_runtime::clock::Clock;
use platform_runtime::{config, shutdown, telemetry, tls};

/// The C library keeps an arena for each thread and gives little of it back: bulk reads on many threads left a node with
/// twice what it uses. This one gives back what nobody has used for a moment.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Prefix of environment variables: `CELLD_LOG__FILTER=debug`.
const ENV_PREFIX: &str = "CELLD";

/// One node of a cell of a Meridian world: it holds shards and serves them to routers.
#[derive(Parser)]
#[command(
    name = "celld",
    version,
    after_help = "Example: celld --config /etc/meridian/celld.toml --set log.filter=debug"
)]
struct Arguments {
    /// Settings, as TOML.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key, such as `listen=0.0.0.0:7200`; stands before file and environment (`CELLD_LISTEN`).
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Prints the settings that would be used, and ends.
    #[arg(long)]
    print_config: bool,
    /// Opens the store as a start would, reads once, says how it is, one line for each thing, and ends; with 1 if a
    /// start would fail, or something is bad.
    #[arg(long)]
    check_store: bool,
    /// Prints every stored table with the data class of each field, and ends.
    #[arg(long)]
    print_tables: bool,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("written as key=value")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if this cannot be written.
            let _ = writeln!(std::io::stderr(), "celld: {error:#}");
            if let Some(hint) = error.downcast_ref::<StartError>().and_then(StartError::hint) {
                let _ = writeln!(std::io::stderr(), "hint: {hint}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    if arguments.print_tables {
        return Ok(std::io::stdout().write_all(cell_node::gateway::catalogue().as_bytes())?);
    }
    let config: Config = config::load(arguments.config.as_deref(), ENV_PREFIX, &arguments.set)?;
    if arguments.print_config {
        return Ok(std::io::stdout().write_all(config::print(&config).as_bytes())?);
    }
    telemetry::init(config.log.format.unwrap_or_default(), &config.log.filter);
    // Whatever is counted from here on is kept.
    let _ = telemetry::metrics();
    tls::install_ring();
    if arguments.check_store {
        let found = cell_node::check_store(config, Clock::system()).await;
        let found = found.context("the store cannot be used")?;
        for finding in &found {
            writeln!(std::io::stdout(), "{finding}")?;
        }
        let bad = found.iter().filter(|finding| finding.verdict == Verdict::Bad);
        return match bad.count() {
            0 => Ok(()),
            count => bail!("the store serves, and {count} things of it are bad"),
        };
    }
    #[cfg(feature = "failpoints")]
    let _faults = fail::FailScenario::setup();
    let running = start(config, Clock::system()).await.context("cannot start")?;
    let asked = async {
        shutdown::signal().await;
        running.hand_over().await;
    };
    let failed = tokio::select! {
        () = asked => None,
        why = running.failed() => Some(why),
    };
    let ended = running.stop(failed.as_ref()).await;
    match failed {
        Some(why) => bail!("{why}"),
        None if !ended => bail!("some tasks did not end in time"),
        None => Ok(()),
    }
}
