//! `controld`: reads its settings, runs one controller until SIGTERM or SIGINT.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;
use control_plane_server::{Config, Controller};
use platform_runtime::clock::Clock;
use platform_runtime::{TaskGroup, config, shutdown, telemetry, tls};

/// Prefix of environment variables: `CONTROLD_RAFT__HEARTBEAT=500ms`.
const ENV_PREFIX: &str = "CONTROLD";

/// One controller of a Meridian world.
///
/// Example: controld --config /etc/meridian/controld.toml
#[derive(Parser)]
#[command(name = "controld", version)]
struct Arguments {
    /// Settings, as TOML.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Prints the settings that would be used, and ends.
    #[arg(long)]
    print_config: bool,
    /// Starts Raft among `peers` if it never ran on any of them.
    #[arg(long)]
    bootstrap: bool,
    /// One setting, such as `raft.heartbeat=500ms`; may stand several times.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// The settings or the machine do not allow a start.
const FAILED: u8 = 1;

fn main() -> ExitCode {
    let Err(error) = start() else {
        return ExitCode::SUCCESS;
    };
    let mut text = format!("error: {error}\n");
    for cause in error.chain().skip(1) {
        text.push_str(&format!("  because: {cause}\n"));
    }
    // Nobody is left to tell if stderr is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::from(FAILED)
}

fn start() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let config: Config = config::load(arguments.config.as_deref(), ENV_PREFIX, &overrides(&arguments)?)?;
    if arguments.print_config {
        write!(std::io::stdout(), "{}", config::print(&config)).context("cannot print the settings")?;
        return Ok(());
    }
    telemetry::init(config.log.format.unwrap_or_default(), &config.log.filter);
    tls::install_ring();
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(run(config))
}

async fn run(config: Config) -> anyhow::Result<()> {
    #[cfg(feature = "failpoints")]
    let _faults = fail::FailScenario::setup();
    let settings = config.check()?;
    let tasks = TaskGroup::new();
    let controller = Controller::start(settings, Clock::system(), &tasks).await?;
    let failed = tokio::select! {
        () = shutdown::signal() => None,
        reason = controller.failed() => Some(reason),
    };
    if let Some(reason) = failed {
        bail!("Raft has stopped: {reason}");
    }
    if !controller.shutdown().await {
        bail!("some tasks did not end in time");
    }
    Ok(())
}

fn overrides(arguments: &Arguments) -> anyhow::Result<Vec<(String, String)>> {
    let split = |text: &String| match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => bail!("`--set {text}`: a setting is KEY=VALUE"),
    };
    let mut all = arguments
        .set
        .iter()
        .map(split)
        .collect::<anyhow::Result<Vec<_>>>()?;
    if arguments.bootstrap {
        all.push(("bootstrap".into(), "true".into()));
    }
    Ok(all)
}
