//! `canary`: where a person's bytes lie.

mod place;
mod search;
mod wanted;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Ended;
use crate::printer::Printer;

/// Where a person's bytes lie: which files of which cell, log, ledger or backup hold them.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl canary search --values values.txt")]
pub enum Canary {
    Search(search::Search),
}

impl Canary {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::Search(command) => command.run(printer).await,
        }
    }
}
