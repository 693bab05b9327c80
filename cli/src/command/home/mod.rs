//! `home`: where people's data lives: a jurisdiction and its home region.

mod list;
mod show;
mod survival;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Ended;
use crate::printer::Printer;

/// The homes: list, show, survival.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl home list")]
pub enum Home {
    List(list::List),
    Show(show::Show),
    Survival(survival::Survival),
}

impl Home {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::List(command) => command.run(printer).await,
            Self::Show(command) => command.run(printer).await,
            Self::Survival(command) => command.run(printer).await,
        }
    }
}
