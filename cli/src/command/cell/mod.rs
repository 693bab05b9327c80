//! `cell`: the self-contained deployments of which a world is made.

mod cordon;
mod list;
mod open;
mod set_state;

use anyhow::Result;
use clap::Subcommand;

use crate::command::WorldFolder;
use crate::exit::Ended;
use crate::printer::Printer;

/// The cells: list, cordon, open.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl cell list")]
pub enum Cell {
    List(list::List),
    Cordon(cordon::Cordon),
    Open(open::Open),
}

impl Cell {
    pub fn folder(&self) -> &WorldFolder {
        match self {
            Self::List(command) => &command.world,
            Self::Cordon(command) => &command.world,
            Self::Open(command) => &command.world,
        }
    }

    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::List(command) => command.run(printer).await,
            Self::Cordon(command) => command.run(printer).await,
            Self::Open(command) => command.run(printer).await,
        }
    }
}
