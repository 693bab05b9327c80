//! `residency`: where data is, by which rule, and whether that is as intended.

mod classes;
mod diff;
mod evidence;
mod report;
mod scope;
mod verify;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Ended;
use crate::printer::Printer;

/// Where data is: evidence from the nodes, compared with what is intended and with the law.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl residency report --out report.json")]
pub enum Residency {
    Report(report::Report),
    Verify(verify::Verify),
    Diff(diff::Diff),
    Classes(classes::Classes),
    Scope(scope::Scope),
}

impl Residency {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::Report(command) => command.run(printer).await,
            Self::Verify(command) => command.run(printer),
            Self::Diff(command) => command.run(printer).await,
            Self::Classes(command) => command.run(printer).await,
            Self::Scope(command) => command.run(printer).await,
        }
    }
}
