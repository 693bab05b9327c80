//! `shard show`: one shard: who holds a copy and how far each is, and the node that serves it.

use anyhow::Result;
use clap::Args;
use platform_model::ShardId;
use serde::Serialize;

use super::copies::{CopyView, copies};
use super::{ShardView, find};
use crate::command::WorldArgs;
use crate::command::node::NodeView;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Shows one shard, its copies and the node that serves it. Exit code 3 if nobody does.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl shard show eu/eu-west/003")]
pub struct Show {
    /// The shard, such as `eu/eu-west/003`.
    #[arg(add = crate::command::known::shards())]
    shard: ShardId,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Serialize)]
struct View {
    #[serde(flatten)]
    shard: ShardView,
    copies: Vec<CopyView>,
    node: Option<NodeView>,
}

impl Show {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let status = self.world.admin()?.status().await.map_err(operator::explain)?;
        let found = find(&status, &self.shard)?;
        let node = found.primary.as_ref().map(|node| NodeView::of(&status, node));
        let served = node.is_some();
        let route = status.table.shards.get(&self.shard);
        let view = View {
            shard: ShardView::of(&status, found),
            copies: route
                .map(|route| copies(route, &status.copies))
                .unwrap_or_default(),
            node,
        };
        printer.rows(std::slice::from_ref(&view.shard));
        if !view.copies.is_empty() {
            printer.say("");
            printer.rows(&view.copies);
        }
        if let Some(node) = &view.node {
            printer.say("");
            printer.rows(std::slice::from_ref(node));
        }
        printer.data(&view, [&self.shard]);
        Ok(if served { Ended::Ok } else { Ended::Differs })
    }
}
