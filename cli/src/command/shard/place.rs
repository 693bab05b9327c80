//! `shard place`: gives a shard that nobody serves yet to a cell.

use anyhow::Result;
use clap::Args;
use platform_model::{CellId, ShardId};
use platform_wire::admin::{ShardRecord, WorldStatus};
use serde_json::json;

use crate::command::{Change, WorldFolder};
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::operator;

/// Gives a shard that has no primary yet to a cell. The controllers refuse what a rule of placement forbids.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl shard place eu/eu-west/003 --cell eu-west-1 --reason 'spread the home'"
)]
pub struct Place {
    /// The shard, such as `eu/eu-west/003`.
    shard: ShardId,
    /// The cell that is to hold it.
    #[arg(long, value_name = "CELL")]
    cell: CellId,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

impl Place {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = operator::connect(&self.world.dir)?;
        let status = admin.status().await.map_err(operator::explain)?;
        let found = find(&status, &self.shard)?;
        printer.progress(&format!(
            "shard {}: {} -> {} (record {})",
            self.shard, found.cell, self.cell, found.generation
        ));
        let accepted = if self.change.dry_run {
            printer.progress("nothing was changed: --dry-run");
            None
        } else {
            let reason = &self.change.reason;
            let done = admin
                .place_shard(&self.shard, &self.cell, found.generation, reason)
                .await;
            Some(done.map_err(operator::explain)?)
        };
        if let Some(accepted) = accepted {
            printer.say(&format!(
                "shard {} is for {} (decision {})",
                self.shard, self.cell, accepted.sequence
            ));
        }
        printer.document(&json!({
            "shard": self.shard.to_string(),
            "from": found.cell.to_string(),
            "to": self.cell.to_string(),
            "changed": accepted.is_some(),
            "decision": accepted.map(|accepted| accepted.sequence),
            "table": accepted.map(|accepted| accepted.generation.0),
        }));
        Ok(Ended::Ok)
    }
}

fn find<'a>(status: &'a WorldStatus, shard: &ShardId) -> Result<&'a ShardRecord> {
    let found = status.shards.iter().find(|known| known.shard == *shard);
    found.ok_or_else(|| Hinted::new(format!("there is no shard {shard}"), &["cellctl shard list"]).into())
}
