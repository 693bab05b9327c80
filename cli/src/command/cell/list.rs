//! `cell list`: each cell with its region, state, node and shards.

use anyhow::Result;
use clap::Args;
use platform_model::{CellId, CellState};
use platform_wire::admin::WorldStatus;
use serde_json::{Value, json};

use crate::command::WorldFolder;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Lists the cells.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl cell list -o json")]
pub struct List {
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

impl List {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = operator::connect(&self.world.dir)?;
        let status = admin.status().await.map_err(operator::explain)?;
        let rows: Vec<Row> = status
            .table
            .cells
            .keys()
            .map(|cell| Row::of(&status, cell))
            .collect();
        let header = [
            "cell",
            "region",
            "state",
            "shards",
            "nodes",
            "last report",
            "record",
        ];
        printer.table(&header, &rows.iter().map(Row::cells).collect::<Vec<_>>());
        printer.document(&rows.iter().map(Row::json).collect::<Vec<_>>());
        Ok(Ended::Ok)
    }
}

struct Row {
    cell: String,
    region: String,
    state: CellState,
    shards: usize,
    nodes: Vec<String>,
    report_age_ms: Option<u64>,
    record: u64,
}

impl Row {
    fn of(status: &WorldStatus, cell: &CellId) -> Self {
        let known = &status.table.cells[cell];
        let reports = status.reports.iter().filter(|report| report.node.cell == *cell);
        let nodes = status.table.nodes.keys().filter(|node| node.cell == *cell);
        Self {
            cell: cell.to_string(),
            region: known.region.to_string(),
            state: known.state,
            shards: status.shards.iter().filter(|shard| shard.cell == *cell).count(),
            nodes: nodes.map(ToString::to_string).collect(),
            report_age_ms: reports.map(|report| report.age_ms).min(),
            record: status
                .cells
                .iter()
                .find(|(id, _)| id == cell)
                .map_or(0, |(_, generation)| generation.0),
        }
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.cell.clone(),
            self.region.clone(),
            state(self.state).to_owned(),
            self.shards.to_string(),
            self.nodes.join(" "),
            self.report_age_ms
                .map_or_else(|| "never".to_owned(), |age| format!("{age}ms ago")),
            format!("g{}", self.record),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "cell": self.cell,
            "region": self.region,
            "state": state(self.state),
            "shards": self.shards,
            "nodes": self.nodes,
            "report_age_ms": self.report_age_ms,
            "record": self.record,
        })
    }
}

/// The state as people write it.
pub fn state(state: CellState) -> &'static str {
    match state {
        CellState::Open => "open",
        CellState::Cordoned => "cordoned",
    }
}
