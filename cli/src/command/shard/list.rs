//! `shard list`: who serves each shard, and since which epoch.

use anyhow::Result;
use clap::Args;
use platform_model::CellId;
use platform_wire::admin::ShardRecord;
use serde_json::{Value, json};

use crate::command::WorldFolder;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Lists the shards with their cell, primary and epoch.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl shard list --cell eu-west-1")]
pub struct List {
    /// Only the shards of this cell.
    #[arg(long, value_name = "CELL")]
    cell: Option<CellId>,
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

impl List {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = operator::connect(&self.world.dir)?;
        let status = admin.status().await.map_err(operator::explain)?;
        let wanted = |shard: &&ShardRecord| self.cell.as_ref().is_none_or(|cell| shard.cell == *cell);
        let shards: Vec<&ShardRecord> = status.shards.iter().filter(wanted).collect();
        printer.table(
            &["shard", "cell", "primary", "epoch", "record"],
            &shards.iter().map(|shard| row(shard)).collect::<Vec<_>>(),
        );
        printer.document(&shards.into_iter().map(document).collect::<Vec<_>>());
        Ok(Ended::Ok)
    }
}

fn row(shard: &ShardRecord) -> Vec<String> {
    vec![
        shard.shard.to_string(),
        shard.cell.to_string(),
        shard
            .primary
            .as_ref()
            .map_or_else(|| "-".to_owned(), ToString::to_string),
        shard.epoch.to_string(),
        shard.generation.to_string(),
    ]
}

fn document(shard: &ShardRecord) -> Value {
    json!({
        "shard": shard.shard.to_string(),
        "cell": shard.cell.to_string(),
        "primary": shard.primary.as_ref().map(ToString::to_string),
        "epoch": shard.epoch.0,
        "record": shard.generation.0,
    })
}
