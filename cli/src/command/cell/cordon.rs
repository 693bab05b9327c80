//! `cell cordon`: a cell takes nothing new.

use anyhow::Result;
use clap::Args;
use platform_model::{CellId, CellState};

use super::set_state;
use crate::ask::Change;
use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::Printer;

/// Lets a cell take nothing new: no people, no shards. What it holds it serves on.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl cell cordon eu-west-1 --reason 'new disks on Tuesday'")]
pub struct Cordon {
    /// The cell, such as `eu-west-1`.
    #[arg(add = crate::command::known::cells())]
    cell: CellId,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    world: WorldArgs,
}

impl Cordon {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        set_state::set(
            &self.world,
            &self.cell,
            CellState::Cordoned,
            &self.change,
            printer,
        )
        .await
    }
}
