//! `bench`: measures what the platform promises, in one run beside its peers, and says whether each goal is met.
//!
//! One folder per suite or file ([`commit`], [`engines`], [`route`], [`replica`], [`law`], [`checkers`], [`backup`], [`process`]); each gives a [`platform_report::Document`], `output` prints it. Exit
//! 0: every goal met; 3: one missed; 1: the run failed; 2: usage. Never prints a number that it did not measure in
//! this run, never leaves out one that it did.

mod backup;
mod checkers;
mod command;
mod commit;
mod engines;
mod law;
mod output;
mod process;
mod replica;
mod route;
mod statistics;
mod versions;

use std::process::ExitCode;

use clap::Parser;

/// That of `celld`, for both sides of each measurement.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let outcome = command::run(&command::Cli::parse());
    if let Err(error) = &outcome {
        output::progress(&format!("error: {error:#}"));
    }
    ExitCode::from(output::exit_code(&outcome))
}
