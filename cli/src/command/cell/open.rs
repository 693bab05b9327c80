//! `cell open`: a cordoned cell takes people and shards again.

use anyhow::Result;
use clap::Args;
use platform_model::{CellId, CellState};

use super::set_state;
use crate::ask::Change;
use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::Printer;

/// Lets a cordoned cell take people and shards again.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl cell open eu-west-1 --reason 'the disks are in'")]
pub struct Open {
    /// The cell, such as `eu-west-1`.
    #[arg(add = crate::command::known::cells())]
    cell: CellId,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    world: WorldArgs,
}

impl Open {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        set_state::set(&self.world, &self.cell, CellState::Open, &self.change, printer).await
    }
}
