//! `node show`: one node and the shards that it serves.

use anyhow::Result;
use clap::Args;
use platform_model::NodeId;
use serde::Serialize;

use super::NodeView;
use crate::command::WorldArgs;
use crate::command::shard::ShardView;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::operator;

/// Shows one node and the shards of which it is the primary.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl node show eu-west-1/0")]
pub struct Show {
    /// The node, such as `eu-west-1/0`.
    #[arg(add = crate::command::known::nodes())]
    node: NodeId,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Serialize)]
struct View {
    #[serde(flatten)]
    node: NodeView,
    serves: Vec<ShardView>,
}

impl Show {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let status = self.world.admin()?.status().await.map_err(operator::explain)?;
        if !status.table.nodes.contains_key(&self.node) {
            let message = format!("there is no node {}", self.node);
            return Err(Hinted::new(message, &["cellctl node list"]).into());
        }
        let serves = status
            .shards
            .iter()
            .filter(|shard| shard.primary.as_ref() == Some(&self.node));
        let view = View {
            node: NodeView::of(&status, &self.node),
            serves: serves.map(|shard| ShardView::of(&status, shard)).collect(),
        };
        printer.rows(std::slice::from_ref(&view.node));
        printer.say("");
        printer.rows(&view.serves);
        printer.data(&view, [&self.node]);
        Ok(Ended::Ok)
    }
}
