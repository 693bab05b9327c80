//! `node list`: each node as it is registered, beside what it reports.

use anyhow::Result;
use clap::Args;
use platform_model::{CellId, NodeId};
use platform_wire::admin::WorldStatus;
use serde::Serialize;

use crate::command::WorldArgs;
use crate::command::cell::list::age;
use crate::exit::Ended;
use crate::printer::{Column, Listed, Printer};
use crate::world::operator;

/// Lists the nodes: as they are registered, and what they report.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl node list -o wide")]
pub struct List {
    /// Only the nodes of this cell.
    #[arg(long, value_name = "CELL", add = crate::command::known::cells())]
    cell: Option<CellId>,
    #[command(flatten)]
    world: WorldArgs,
}

impl List {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let status = self.world.admin()?.status().await.map_err(operator::explain)?;
        let wanted = |node: &&NodeId| self.cell.as_ref().is_none_or(|cell| node.cell == *cell);
        let nodes = status.table.nodes.keys().filter(wanted);
        printer.list(&nodes.map(|node| NodeView::of(&status, node)).collect::<Vec<_>>());
        Ok(Ended::Ok)
    }
}

/// A node as it is shown.
#[derive(Debug, Serialize)]
pub struct NodeView {
    node: String,
    address: Option<String>,
    /// How often it has started, by the record and by its last report.
    incarnation: Option<u64>,
    reported_incarnation: Option<u64>,
    shards: usize,
    shards_open: Option<u32>,
    table: Option<u64>,
    report_age_ms: Option<u64>,
}

impl NodeView {
    pub fn of(status: &WorldStatus, node: &NodeId) -> Self {
        let known = status.table.nodes.get(node);
        let report = status.reports.iter().find(|report| report.node == *node);
        let serves = |shard: &&platform_wire::admin::ShardRecord| shard.primary.as_ref() == Some(node);
        Self {
            node: node.to_string(),
            address: known.map(|node| node.address.clone()),
            incarnation: known.map(|node| node.start.incarnation.0),
            reported_incarnation: report.map(|report| report.incarnation.0),
            shards: status.shards.iter().filter(serves).count(),
            shards_open: report.map(|report| report.shards_open),
            table: report.map(|report| report.table_generation.0),
            report_age_ms: report.map(|report| report.age_ms),
        }
    }
}

impl Listed for NodeView {
    const COLUMNS: &'static [Column] = &[
        Column::new("node"),
        Column::new("address"),
        Column::new("open"),
        Column::new("table"),
        Column::new("last report"),
        Column::wide("start"),
        Column::wide("reported start"),
    ];

    fn cells(&self) -> Vec<String> {
        let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let open = self
            .shards_open
            .map_or_else(|| "-".to_owned(), |open| open.to_string());
        vec![
            self.node.clone(),
            or_dash(self.address.clone()),
            format!("{open}/{}", self.shards),
            or_dash(self.table.map(|table| format!("g{table}"))),
            age(self.report_age_ms),
            or_dash(self.incarnation.map(|start| start.to_string())),
            or_dash(self.reported_incarnation.map(|start| start.to_string())),
        ]
    }

    fn name(&self) -> String {
        self.node.clone()
    }
}
