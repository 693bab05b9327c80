//! What a change of the law asks of whoever gives it: a reason, and on a terminal a yes.

use std::io::{BufRead, IsTerminal};

use anyhow::Result;
use clap::Args;

use crate::command::Change;
use crate::exit::Hinted;
use crate::printer::Printer;

/// Why the law is changed, and whether it really is.
#[derive(Debug, Clone, Args)]
pub struct Decision {
    #[command(flatten)]
    pub change: Change,
    /// Does not ask.
    #[arg(short, long, conflicts_with = "dry_run")]
    pub yes: bool,
}

impl Decision {
    /// Whether to go on. Asks on a terminal; elsewhere the command line is the answer.
    ///
    /// # Errors
    /// When the answer is not yes: nothing is done.
    pub fn goes_on(&self, printer: &Printer) -> Result<bool> {
        if self.change.dry_run {
            printer.progress("nothing was changed: --dry-run");
            return Ok(false);
        }
        let on_a_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if self.yes || !on_a_terminal {
            return Ok(true);
        }
        printer.progress("go on? [y/N]");
        let mut line = String::new();
        let _ = std::io::stdin().lock().read_line(&mut line);
        match line.trim() {
            "y" | "Y" | "yes" => Ok(true),
            _ => Err(Hinted::new("not confirmed: nothing was done", &[]).into()),
        }
    }
}
