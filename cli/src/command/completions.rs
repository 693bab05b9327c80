//! `completions`: a script that makes a shell complete the commands, and the names of the world that is meant.

use anyhow::{Context, Result};
use clap::Args;
use clap_complete::Shell;
use clap_complete::env::Shells;

use crate::exit::Ended;
use crate::printer::Printer;

/// The variable by which a shell asks for completions.
pub const VARIABLE: &str = "CELLCTL_COMPLETE";

/// Prints a script that makes a shell complete the commands of cellctl, and its cells, homes, nodes, shards and
/// contexts: the shell asks cellctl, and cellctl the controllers, with little patience.
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
    pub fn run(&self, printer: &Printer) -> Result<Ended> {
        let name = self.shell.to_string();
        let shells = Shells::builtins();
        let shell = shells.completer(&name).context("every shell has a completer")?;
        let mut script = Vec::new();
        shell.write_registration(VARIABLE, "cellctl", "cellctl", "cellctl", &mut script)?;
        printer.script(&String::from_utf8_lossy(&script));
        Ok(Ended::Ok)
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_is_given_a_script_that_asks_by_the_variable() {
        for shell in Shell::value_variants() {
            let shells = Shells::builtins();
            let completer = shells.completer(&shell.to_string()).expect("a completer");
            let mut script = Vec::new();
            completer
                .write_registration(VARIABLE, "cellctl", "cellctl", "cellctl", &mut script)
                .expect("written");
            assert!(String::from_utf8_lossy(&script).contains(VARIABLE), "{shell}");
        }
    }
}
