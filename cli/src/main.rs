//! `cellctl`: the command line of a world. One file per command in `command/`; `printer` decides all output,
//! `contexts` which world is meant, `exit` how it ends.

mod ask;
mod command;
mod contexts;
mod demo;
mod evidence;
mod law;
mod printer;
mod store_check;
mod world;

use clap::{CommandFactory, FromArgMatches};
use cli_world::exit;

fn main() -> std::process::ExitCode {
    platform_runtime::tls::install_ring();
    command::complete();
    let typed = command::Cli::command().try_get_matches();
    let matches = typed.unwrap_or_else(|error| command::refuse_line(&error));
    let flag = command::flag(&matches);
    let cli = match command::Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::code(Err(error.into()), &flag),
    };
    let outcome = runtime.block_on(command::run(cli));
    // A question that nobody answers any more holds nothing up.
    runtime.shutdown_background();
    exit::code(outcome, &flag)
}
