//! `cell show`: one cell, with its nodes and what it holds.

use anyhow::Result;
use clap::Args;
use platform_model::CellId;
use serde::Serialize;

use super::list::CellView;
use super::set_state;
use crate::command::WorldArgs;
use crate::command::node::NodeView;
use crate::command::shard::ShardView;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Shows one cell: its nodes and the shards that are meant for it.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl cell show eu-west-1")]
pub struct Show {
    /// The cell, such as `eu-west-1`.
    #[arg(add = crate::command::known::cells())]
    cell: CellId,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Serialize)]
struct View {
    #[serde(flatten)]
    cell: CellView,
    holds: Vec<ShardView>,
    processes: Vec<NodeView>,
}

impl Show {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let status = self.world.admin()?.status().await.map_err(operator::explain)?;
        set_state::known(&status, &self.cell)?;
        let nodes = status.table.nodes.keys().filter(|node| node.cell == self.cell);
        let shards = status.shards.iter().filter(|shard| shard.cell == self.cell);
        let view = View {
            cell: CellView::of(&status, &self.cell),
            holds: shards.map(|shard| ShardView::of(&status, shard)).collect(),
            processes: nodes.map(|node| NodeView::of(&status, node)).collect(),
        };
        printer.rows(std::slice::from_ref(&view.cell));
        printer.say("");
        printer.rows(&view.processes);
        printer.say("");
        printer.rows(&view.holds);
        printer.data(&view, [&self.cell]);
        Ok(Ended::Ok)
    }
}
