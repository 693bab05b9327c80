//! `region list`: each region that a cell or a home names. The controllers keep no record of a region of its own.

use std::collections::BTreeSet;

use anyhow::Result;
use clap::Args;
use platform_model::RegionId;
use platform_wire::admin::WorldStatus;
use serde::Serialize;

use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::{Column, Listed, Printer};
use crate::world::operator;

/// Lists the regions that cells and homes name.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl region list")]
pub struct List {
    #[command(flatten)]
    world: WorldArgs,
}

impl List {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let status = self.world.admin()?.status().await.map_err(operator::explain)?;
        printer.list(&views(&status));
        Ok(Ended::Ok)
    }
}

#[derive(Debug, Serialize)]
struct View {
    region: String,
    cells: Vec<String>,
    homes: Vec<String>,
    shards: usize,
}

fn views(status: &WorldStatus) -> Vec<View> {
    let of_cells = status.table.cells.values().map(|cell| cell.region.clone());
    let of_homes = status.table.homes.keys().map(|home| home.region.clone());
    let regions: BTreeSet<RegionId> = of_cells.chain(of_homes).collect();
    let view = |region: RegionId| {
        let here = status
            .table
            .cells
            .iter()
            .filter(|(_, cell)| cell.region == region);
        let cells: BTreeSet<_> = here.map(|(cell, _)| cell.clone()).collect();
        let homes = status.table.homes.keys().filter(|home| home.region == region);
        View {
            homes: homes.map(ToString::to_string).collect(),
            shards: status
                .shards
                .iter()
                .filter(|shard| cells.contains(&shard.cell))
                .count(),
            cells: cells.iter().map(ToString::to_string).collect(),
            region: region.to_string(),
        }
    };
    regions.into_iter().map(view).collect()
}

impl Listed for View {
    const COLUMNS: &'static [Column] = &[
        Column::new("region"),
        Column::new("cells"),
        Column::new("homes"),
        Column::new("shards"),
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.region.clone(),
            self.cells.join(" "),
            self.homes.join(" "),
            self.shards.to_string(),
        ]
    }

    fn name(&self) -> String {
        self.region.clone()
    }
}
