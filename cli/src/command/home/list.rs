//! `home list`: each home with its host, shards, cells, and the countries whose people may live in it.

use std::collections::BTreeSet;

use anyhow::Result;
use clap::Args;
use platform_model::HomeId;
use platform_wire::admin::WorldStatus;
use serde::Serialize;

use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::{Column, Listed, Printer};
use crate::world::operator;

/// Lists the homes.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl home list -o wide")]
pub struct List {
    #[command(flatten)]
    world: WorldArgs,
}

impl List {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let status = self.world.admin()?.status().await.map_err(operator::explain)?;
        let homes = status.table.homes.keys();
        printer.list(&homes.map(|home| HomeView::of(&status, home)).collect::<Vec<_>>());
        Ok(Ended::Ok)
    }
}

/// A home as it is shown.
#[derive(Debug, Serialize)]
pub struct HomeView {
    home: String,
    jurisdiction: String,
    region: String,
    host: String,
    shards: u16,
    served: usize,
    cells: Vec<String>,
    token_keys: usize,
    countries: Vec<String>,
}

impl HomeView {
    /// `home` is in the table of this status.
    pub fn of(status: &WorldStatus, home: &HomeId) -> Self {
        let known = &status.table.homes[home];
        let shards = || {
            status
                .shards
                .iter()
                .filter(|shard| shard.shard.home() == Some(home))
        };
        let cells: BTreeSet<String> = shards().map(|shard| shard.cell.to_string()).collect();
        let countries = status.table.countries.iter();
        let ours = countries.filter(|(_, jurisdiction)| **jurisdiction == home.jurisdiction);
        Self {
            home: home.to_string(),
            jurisdiction: home.jurisdiction.to_string(),
            region: home.region.to_string(),
            host: known.host.clone(),
            shards: known.shard_count,
            served: shards().filter(|shard| shard.primary.is_some()).count(),
            cells: cells.into_iter().collect(),
            token_keys: known.token_keys.len(),
            countries: ours.map(|(country, _)| country.to_string()).collect(),
        }
    }
}

impl Listed for HomeView {
    const COLUMNS: &'static [Column] = &[
        Column::new("home"),
        Column::new("host"),
        Column::new("shards"),
        Column::new("cells"),
        Column::wide("served, keys included"),
        Column::wide("token keys"),
        Column::wide("countries"),
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.home.clone(),
            self.host.clone(),
            self.shards.to_string(),
            self.cells.join(" "),
            self.served.to_string(),
            self.token_keys.to_string(),
            self.countries.join(" "),
        ]
    }

    fn name(&self) -> String {
        self.home.clone()
    }
}
