//! `world`: the whole deployment.

mod init;
mod status;

use anyhow::Result;
use clap::Subcommand;

use crate::command::WorldFolder;
use crate::exit::Ended;
use crate::printer::Printer;

/// The whole deployment, as its controllers know it.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl world status")]
pub enum World {
    Init(init::Init),
    Status(status::Status),
}

impl World {
    pub fn folder(&self) -> Option<&WorldFolder> {
        match self {
            Self::Init(_) => None,
            Self::Status(command) => Some(&command.world),
        }
    }

    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::Init(command) => command.run(printer),
            Self::Status(command) => command.run(printer).await,
        }
    }
}
