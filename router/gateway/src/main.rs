//! `routerd --config FILE`: see the library for what it does.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use platform_runtime::clock::Clock;
use platform_runtime::{config, shutdown, telemetry, tls};
use router_gateway::{Config, start};

/// The router of a Meridian world: the one address that apps know.
#[derive(Parser)]
#[command(
    name = "routerd",
    version,
    after_help = "Example: routerd --config /etc/meridian/routerd.toml --set log.filter=debug"
)]
struct Arguments {
    /// The configuration, a TOML file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key, such as `apps.listen=0.0.0.0:443`; stands before file and environment (`ROUTERD_APPS__LISTEN`).
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Prints the configuration as it would be used, and ends.
    #[arg(long)]
    print_config: bool,
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
            let _ = writeln!(std::io::stderr(), "routerd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config: Config = config::load(arguments.config.as_deref(), "ROUTERD", &arguments.set)?;
    if arguments.print_config {
        return Ok(std::io::stdout().write_all(config::print(&config).as_bytes())?);
    }
    telemetry::init(config.log.format, &config.log.filter);
    // Whatever is counted from here on is kept.
    let _ = telemetry::metrics();
    tls::install_ring();
    #[cfg(feature = "failpoints")]
    let _faults = fail::FailScenario::setup();
    let running = start(&config, Clock::system()).await.context("cannot start")?;
    shutdown::signal().await;
    running.drain().await;
    Ok(())
}
