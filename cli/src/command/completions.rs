//! `completions`: a script that makes a shell complete the commands.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use crate::exit::Ended;
use crate::printer::Printer;

/// Prints a script that makes a shell complete the commands of cellctl.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl completions bash > ~/.local/share/bash-completion/completions/cellctl"
)]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub fn run(&self, printer: &Printer) -> Ended {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "cellctl", &mut script);
        printer.script(&String::from_utf8_lossy(&script));
        Ended::Ok
    }
}
