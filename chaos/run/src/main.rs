//! `chaos`: runs what tries to break the platform, and prints what came of it. `chaos sim` is the simulator of the
//! replication protocol; `chaos run` strikes real processes: `run` is one run, `faults` what strikes, `proxy` the links
//! between processes, `load` the people, `judge` what is made of what they saw; `scenario` are runs about one promise,
//! `planted` the faults that show whether a run sees anything. All plays in a world of its own (`staged`).

mod check_command;
mod faults;
mod judge;
mod load;
mod planted;
mod plants;
mod proxy;
mod run;
mod run_command;
mod scenario;
mod schedule;
mod sim_command;
mod staged;
mod verdicts;

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
    /// Strikes a world of real processes with faults while people use it, and checks what they saw.
    Run(run_command::RunArguments),
    /// Judges a recorded history.
    Check(check_command::CheckArguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Sim(arguments) => sim_command::run(&arguments),
        Command::Run(arguments) => run_command::run(&arguments),
        Command::Check(arguments) => check_command::run(&arguments),
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
