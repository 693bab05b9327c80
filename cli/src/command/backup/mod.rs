//! `backup`: shards kept in an object store, and brought back from it.

mod at_node;
mod create;
mod goal;
mod list;
mod remove;
mod restore;
mod verify;
mod view;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Ended;
use crate::printer::Printer;

pub use at_node::{AtNode, explain};

/// Backups of shards: create, list, verify, restore, remove.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl backup list")]
pub enum Backup {
    Create(create::Create),
    List(list::List),
    Verify(verify::Verify),
    Restore(restore::Restore),
    Remove(remove::Remove),
}

impl Backup {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::Create(command) => command.run(printer).await,
            Self::List(command) => command.run(printer).await,
            Self::Verify(command) => command.run(printer).await,
            Self::Restore(command) => command.run(printer).await,
            Self::Remove(command) => command.run(printer).await,
        }
    }
}
