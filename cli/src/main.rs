//! `cellctl`: the command line of a world. One file per command in `command/`; `printer` decides all output.

mod command;
mod demo;
mod evidence;
mod exit;
mod law;
mod printer;
mod world;

use clap::Parser;

fn main() -> std::process::ExitCode {
    platform_runtime::tls::install_ring();
    let cli = command::Cli::parse();
    let flag = cli.flag();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(command::run(cli)),
        Err(error) => Err(error.into()),
    };
    exit::code(outcome, &flag)
}
