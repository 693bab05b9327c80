//! `region`: the places in which cells stand, and who says where they are.

mod attest;
mod list;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Ended;
use crate::printer::Printer;

/// The regions: list, attest.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl region list")]
pub enum Region {
    List(list::List),
    Attest(attest::Attest),
}

impl Region {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::List(command) => command.run(printer).await,
            Self::Attest(command) => command.run(printer).await,
        }
    }
}
