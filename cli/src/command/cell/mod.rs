//! `cell`: the self-contained deployments of which a world is made.

mod cordon;
pub mod list;
mod open;
mod provision;
mod set_state;
mod show;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Ended;
use crate::printer::Printer;

/// The cells: list, show, provision, cordon, open.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl cell list")]
pub enum Cell {
    List(list::List),
    Show(show::Show),
    Provision(Box<provision::Provision>),
    Cordon(cordon::Cordon),
    Open(open::Open),
}

impl Cell {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::List(command) => command.run(printer).await,
            Self::Show(command) => command.run(printer).await,
            Self::Provision(command) => command.run(printer).await,
            Self::Cordon(command) => command.run(printer).await,
            Self::Open(command) => command.run(printer).await,
        }
    }
}
