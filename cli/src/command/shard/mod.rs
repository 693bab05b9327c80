//! `shard`: the unit of everything.

mod list;
mod place;

use anyhow::Result;
use clap::Subcommand;

use crate::command::WorldFolder;
use crate::exit::Ended;
use crate::printer::Printer;

/// The shards: list, place.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl shard list --cell eu-west-1")]
pub enum Shard {
    List(list::List),
    Place(place::Place),
}

impl Shard {
    pub fn folder(&self) -> &WorldFolder {
        match self {
            Self::List(command) => &command.world,
            Self::Place(command) => &command.world,
        }
    }

    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::List(command) => command.run(printer).await,
            Self::Place(command) => command.run(printer).await,
        }
    }
}
