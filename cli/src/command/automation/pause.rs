//! `automation pause`: the controllers do nothing by themselves.

use anyhow::Result;
use clap::Args;

use crate::ask::Change;
use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::Printer;

/// Pauses what the controllers do by themselves, world-wide. Today that is one thing: to give the shards that wait for
/// a cell to its first node as it registers. What is served goes on, and what a person commands is done.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl automation pause --reason 'network works until noon'")]
pub struct Pause {
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    world: WorldArgs,
}

impl Pause {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        super::set(&self.world, true, &self.change.reason, &self.change.sure, printer).await?;
        Ok(Ended::Ok)
    }
}
