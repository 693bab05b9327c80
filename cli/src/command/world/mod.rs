//! `world`: the whole deployment.

mod check;
mod init;
mod status;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Ended;
use crate::printer::Printer;

/// The whole deployment, as its controllers know it.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl world status")]
pub enum World {
    Init(init::Init),
    Status(status::Status),
    Check(check::Check),
}

impl World {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::Init(command) => command.run(printer),
            Self::Status(command) => command.run(printer).await,
            Self::Check(command) => command.run(printer).await,
        }
    }
}
