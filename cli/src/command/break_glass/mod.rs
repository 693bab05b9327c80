//! `break-glass`: windows in which one person may read the data of one other, on record.

mod close;
mod list;
mod open;
mod read;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Ended;
use crate::printer::Printer;

/// Windows for reading a person's data: list, open, read, close.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl break-glass list")]
pub enum BreakGlass {
    List(list::List),
    Open(open::Open),
    Read(read::Read),
    Close(close::Close),
}

impl BreakGlass {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::List(command) => command.run(printer).await,
            Self::Open(command) => command.run(printer).await,
            Self::Read(command) => command.run(printer).await,
            Self::Close(command) => command.run(printer).await,
        }
    }
}
