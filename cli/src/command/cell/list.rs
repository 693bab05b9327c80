//! `cell list`: each cell with its region, state, node and shards.

use anyhow::Result;
use clap::Args;
use platform_model::{CellId, CellState};
use platform_wire::admin::WorldStatus;
use serde::Serialize;

use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::{Column, Listed, Printer};
use crate::world::operator;

/// Lists the cells.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl cell list -o json")]
pub struct List {
    #[command(flatten)]
    world: WorldArgs,
}

impl List {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let status = self.world.admin()?.status().await.map_err(operator::explain)?;
        let cells = status.table.cells.keys();
        printer.list(&cells.map(|cell| CellView::of(&status, cell)).collect::<Vec<_>>());
        Ok(Ended::Ok)
    }
}

/// A cell as it is shown.
#[derive(Debug, Serialize)]
pub struct CellView {
    cell: String,
    region: String,
    state: &'static str,
    shards: usize,
    nodes: Vec<String>,
    report_age_ms: Option<u64>,
    record: u64,
}

impl CellView {
    /// `cell` is in the table of this status.
    pub fn of(status: &WorldStatus, cell: &CellId) -> Self {
        let known = &status.table.cells[cell];
        let reports = status.reports.iter().filter(|report| report.node.cell == *cell);
        let nodes = status.table.nodes.keys().filter(|node| node.cell == *cell);
        let record = status.cells.iter().find(|(id, _)| id == cell);
        Self {
            cell: cell.to_string(),
            region: known.region.to_string(),
            state: state(known.state),
            shards: status.shards.iter().filter(|shard| shard.cell == *cell).count(),
            nodes: nodes.map(ToString::to_string).collect(),
            report_age_ms: reports.map(|report| report.age_ms).min(),
            record: record.map_or(0, |(_, generation)| generation.0),
        }
    }
}

impl Listed for CellView {
    const COLUMNS: &'static [Column] = &[
        Column::new("cell"),
        Column::new("region"),
        Column::new("state"),
        Column::new("shards"),
        Column::new("nodes"),
        Column::new("last report"),
        Column::wide("record"),
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.cell.clone(),
            self.region.clone(),
            self.state.to_owned(),
            self.shards.to_string(),
            self.nodes.join(" "),
            age(self.report_age_ms),
            format!("g{}", self.record),
        ]
    }

    fn name(&self) -> String {
        self.cell.clone()
    }
}

/// How long ago a node was heard.
pub fn age(age_ms: Option<u64>) -> String {
    age_ms.map_or_else(|| "never".to_owned(), |age| format!("{age}ms ago"))
}

/// The state as people write it.
pub fn state(state: CellState) -> &'static str {
    match state {
        CellState::Open => "open",
        CellState::Cordoned => "cordoned",
    }
}
