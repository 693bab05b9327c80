//! `user`: one person, by opaque id.

mod erase;
mod export;
mod relocate;
mod relocation;
mod there;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Ended;
use crate::printer::Printer;

/// One person, by opaque id.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Example: cellctl user erase eu/eu-central/0197a4a0-0000-7000-8000-000000000001 --as compliance/ann --reason 'request 4711'"
)]
pub enum User {
    Erase(erase::Erase),
    Export(export::Export),
    Relocate(relocate::Relocate),
    #[command(subcommand)]
    Relocation(relocation::Relocation),
}

impl User {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::Erase(command) => command.run(printer).await,
            Self::Export(command) => command.run(printer).await,
            Self::Relocate(command) => command.run(printer).await,
            Self::Relocation(command) => command.run(printer).await,
        }
    }
}
