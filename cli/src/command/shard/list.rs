//! `shard list`: who serves each shard, and since which epoch.

use anyhow::Result;
use clap::Args;
use platform_model::{CellId, HomeId};
use platform_wire::admin::ShardRecord;
use serde::Serialize;

use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::{Column, Listed, Printer};
use crate::world::operator;

/// Lists the shards with their cell, primary and epoch.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl shard list --cell eu-west-1")]
pub struct List {
    /// Only the shards of this cell.
    #[arg(long, value_name = "CELL", add = crate::command::known::cells())]
    cell: Option<CellId>,
    /// Only the shards of this home.
    #[arg(long, value_name = "HOME", add = crate::command::known::homes())]
    home: Option<HomeId>,
    /// Only those that nobody serves.
    #[arg(long)]
    unserved: bool,
    #[command(flatten)]
    world: WorldArgs,
}

impl List {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let status = self.world.admin()?.status().await.map_err(operator::explain)?;
        let wanted = status.shards.iter().filter(|shard| self.wants(shard));
        printer.list(&wanted.map(ShardView::of).collect::<Vec<_>>());
        Ok(Ended::Ok)
    }

    fn wants(&self, shard: &ShardRecord) -> bool {
        self.cell.as_ref().is_none_or(|cell| shard.cell == *cell)
            && self
                .home
                .as_ref()
                .is_none_or(|home| shard.shard.home() == Some(home))
            && !(self.unserved && shard.primary.is_some())
    }
}

/// A shard as it is shown.
#[derive(Debug, Serialize)]
pub struct ShardView {
    shard: String,
    cell: String,
    primary: Option<String>,
    epoch: u64,
    record: u64,
}

impl ShardView {
    pub fn of(shard: &ShardRecord) -> Self {
        Self {
            shard: shard.shard.to_string(),
            cell: shard.cell.to_string(),
            primary: shard.primary.as_ref().map(ToString::to_string),
            epoch: shard.epoch.0,
            record: shard.generation.0,
        }
    }
}

impl Listed for ShardView {
    const COLUMNS: &'static [Column] = &[
        Column::new("shard"),
        Column::new("cell"),
        Column::new("primary"),
        Column::new("epoch"),
        Column::wide("record"),
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.shard.clone(),
            self.cell.clone(),
            self.primary.clone().unwrap_or_else(|| "-".to_owned()),
            format!("e{}", self.epoch),
            format!("g{}", self.record),
        ]
    }

    fn name(&self) -> String {
        self.shard.clone()
    }
}
