//! `world`: the whole deployment.

mod backup;
mod check;
mod erasures_told;
mod give_up;
mod init;
mod recover;
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
    Backup(backup::Backup),
    Recover(recover::Recover),
    GiveUp(give_up::GiveUp),
    ErasuresTold(erasures_told::ErasuresTold),
}

impl World {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::Init(command) => command.run(printer),
            Self::Status(command) => command.run(printer).await,
            Self::Check(command) => command.run(printer).await,
            Self::Backup(command) => command.run(printer).await,
            Self::Recover(command) => command.run(printer).await,
            Self::GiveUp(command) => command.run(printer).await,
            Self::ErasuresTold(command) => command.run(printer).await,
        }
    }
}
