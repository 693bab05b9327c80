//! `country`: to which jurisdiction residents of a country belong.

mod list;
mod set;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Ended;
use crate::printer::Printer;

/// The countries: list, set.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl country list")]
pub enum Country {
    List(list::List),
    Set(set::Set),
}

impl Country {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::List(command) => command.run(printer).await,
            Self::Set(command) => command.run(printer).await,
        }
    }
}
