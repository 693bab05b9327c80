//! `audit`: what was decided and refused, and the proof that nothing of it was changed.

pub(crate) mod entry;
mod export;
mod list;
mod show;
mod verify;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Ended;
use crate::printer::Printer;

pub use entry::short;

/// The ledger of decisions: list, show, verify, export.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl audit verify")]
pub enum Audit {
    List(list::List),
    Show(show::Show),
    Verify(verify::Verify),
    Export(export::Export),
}

impl Audit {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::List(command) => command.run(printer).await,
            Self::Show(command) => command.run(printer).await,
            Self::Verify(command) => command.run(printer).await,
            Self::Export(command) => command.run(printer).await,
        }
    }
}
