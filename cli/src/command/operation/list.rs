//! `operation list`: what is going on with shards.

use anyhow::Result;
use clap::Args;
use platform_model::ShardId;

use super::view::OperationView;
use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Lists the operations that go on, newest first, with how far each is and what it waits for.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl operation list --all -o wide")]
pub struct List {
    /// Those that have ended, too.
    #[arg(long)]
    all: bool,
    /// Only those of this shard.
    #[arg(long, value_name = "SHARD", add = crate::command::known::shards())]
    shard: Option<ShardId>,
    #[command(flatten)]
    world: WorldArgs,
}

impl List {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let operations = self.world.admin()?.operations(self.all).await;
        let operations = operations.map_err(operator::explain)?;
        let wanted = operations
            .iter()
            .filter(|operation| self.shard.as_ref().is_none_or(|shard| operation.shard == *shard));
        printer.list(&wanted.map(OperationView::of).collect::<Vec<_>>());
        Ok(Ended::Ok)
    }
}
