//! `region list`: each region that a cell or a home names, and each whose place someone attested.

use std::collections::BTreeSet;

use anyhow::Result;
use clap::Args;
use platform_model::RegionId;
use platform_runtime::clock::Clock;
use platform_wire::admin::WorldStatus;
use platform_wire::trust::{AttestedRegion, TrustClient};
use serde::Serialize;

use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::{Column, Listed, Printer};
use crate::world::operator;

/// Lists the regions: what lies in them, where they stand, and who says so.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl region list")]
pub struct List {
    #[command(flatten)]
    world: WorldArgs,
}

impl List {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let target = self.world.target()?;
        let status = target.admin()?.status().await.map_err(operator::explain)?;
        let controllers = target.controllers.values().cloned().collect();
        let client = TrustClient::connect(controllers, target.identity()?, Clock::system())?;
        let attested = client.read().await.map_err(operator::explain)?.regions;
        printer.list(&views(&status, &attested));
        Ok(Ended::Ok)
    }
}

#[derive(Debug, Serialize)]
struct View {
    region: String,
    cells: Vec<String>,
    homes: Vec<String>,
    shards: usize,
    /// Where it stands, and who says so; none where nobody did.
    country: Option<String>,
    place: Option<String>,
    attested_by: Option<String>,
    attested_ms: Option<u64>,
}

fn views(status: &WorldStatus, attested: &[AttestedRegion]) -> Vec<View> {
    let of_cells = status.table.cells.values().map(|cell| cell.region.clone());
    let of_homes = status.table.homes.keys().map(|home| home.region.clone());
    let told = attested.iter().map(|known| known.region.clone());
    let regions: BTreeSet<RegionId> = of_cells.chain(of_homes).chain(told).collect();
    let view = |region: RegionId| {
        let here = status
            .table
            .cells
            .iter()
            .filter(|(_, cell)| cell.region == region);
        let cells: BTreeSet<_> = here.map(|(cell, _)| cell.clone()).collect();
        let homes = status.table.homes.keys().filter(|home| home.region == region);
        let place = attested.iter().find(|known| known.region == region);
        View {
            country: place.map(|known| known.country.to_string()),
            place: place.map(|known| known.place.clone()),
            attested_by: place.map(|known| known.by.clone()),
            attested_ms: place.map(|known| known.attested_ms),
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
        Column::new("country"),
        Column::new("place"),
        Column::wide("attested by"),
    ];

    fn cells(&self) -> Vec<String> {
        let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.region.clone(),
            self.cells.join(" "),
            self.homes.join(" "),
            self.shards.to_string(),
            or_dash(&self.country),
            or_dash(&self.place),
            or_dash(&self.attested_by),
        ]
    }

    fn name(&self) -> String {
        self.region.clone()
    }
}
