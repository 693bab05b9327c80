//! `chaos`: runs what tries to break the platform, and prints what came of it. `chaos sim` is the simulator of the
//! replication protocol.

mod plants;
mod sim_command;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tries to break the platform, on purpose and by seed.
#[derive(Debug, Parser)]
#[command(name = "chaos", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulates the replication protocol under faults and checks its invariants.
    Sim(sim_command::SimArguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Sim(arguments) => sim_command::run(&arguments),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let text = format!("error: {error:#}\n");
            // Nothing is left to tell it to.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
            ExitCode::from(1)
        }
    }
}
