//! `shard place`: gives a shard that nobody serves yet to a cell.

use anyhow::Result;
use clap::Args;
use platform_model::{CellId, ShardId};

use super::find;
use crate::ask::{Sure, on_dry_run};
use crate::command::WorldArgs;
use crate::command::changed::Changed;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Gives a shard that has no primary yet to a cell. The controllers refuse what a rule of placement forbids, and the
/// refusal is on record.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl shard place eu/eu-west/003 --cell eu-west-1 --reason 'spread the home'"
)]
pub struct Place {
    /// The shard, such as `eu/eu-west/003`.
    #[arg(add = crate::command::known::shards())]
    shard: ShardId,
    /// The cell that is to hold it.
    #[arg(long, value_name = "CELL", add = crate::command::known::cells())]
    cell: CellId,
    /// Why; stands in the record of the decision.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    sure: Sure,
    #[command(flatten)]
    world: WorldArgs,
}

impl Place {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = self.world.admin()?;
        let status = admin.status().await.map_err(operator::explain)?;
        let found = find(&status, &self.shard)?;
        printer.progress(&format!(
            "shard {}: {} -> {} (record {})",
            self.shard, found.cell, self.cell, found.generation
        ));
        let mut changed = Changed::planned(
            format!("shard/{}", self.shard),
            found.cell.as_str(),
            self.cell.as_str(),
            &self.sure,
        );
        let admin = on_dry_run(admin, &self.sure);
        self.sure.ask(printer).await?;
        let done = admin
            .place_shard(&self.shard, &self.cell, found.generation, &self.reason)
            .await;
        changed.done(done)?;
        changed.print(printer, &format!("shard {} is for {}", self.shard, self.cell));
        Ok(Ended::Ok)
    }
}
