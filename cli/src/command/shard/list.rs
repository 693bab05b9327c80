//! `shard list`: who serves each shard, since which epoch, and who else holds a copy.

use anyhow::Result;
use clap::Args;
use platform_model::{CellId, HomeId};
use platform_wire::admin::{ShardRecord, WorldStatus};
use serde::Serialize;

use super::copies::{phase, standbys};
use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::{Column, Listed, Printer};
use crate::world::operator;

/// Lists the shards with their cell, primary, epoch and standbys.
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
        let views = wanted.map(|shard| ShardView::of(&status, shard));
        printer.list(&views.collect::<Vec<_>>());
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
    /// `in-sync 1, copying 1`.
    standbys: Option<String>,
    /// The change of primary that is under way.
    phase: Option<String>,
    /// Generation of the shard's configuration.
    configuration: Option<u64>,
    record: u64,
}

impl ShardView {
    pub fn of(status: &WorldStatus, shard: &ShardRecord) -> Self {
        let route = status.table.shards.get(&shard.shard);
        Self {
            shard: shard.shard.to_string(),
            cell: shard.cell.to_string(),
            primary: shard.primary.as_ref().map(ToString::to_string),
            epoch: shard.epoch.0,
            standbys: route.map(|route| standbys(&route.set)),
            phase: route.and_then(phase),
            configuration: route.map(|route| route.set.generation.0),
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
        Column::new("standbys"),
        Column::wide("under way"),
        Column::wide("configuration"),
        Column::wide("record"),
    ];

    fn cells(&self) -> Vec<String> {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.shard.clone(),
            self.cell.clone(),
            or_dash(&self.primary),
            format!("e{}", self.epoch),
            or_dash(&self.standbys),
            or_dash(&self.phase),
            self.configuration
                .map_or_else(|| "-".to_owned(), |generation| format!("g{generation}")),
            format!("g{}", self.record),
        ]
    }

    fn name(&self) -> String {
        self.shard.clone()
    }
}
