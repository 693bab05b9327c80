//! `home show`: one home and its shards.

use anyhow::Result;
use clap::Args;
use platform_model::HomeId;
use serde::Serialize;

use super::list::HomeView;
use crate::command::WorldArgs;
use crate::command::shard::ShardView;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::operator;

/// Shows one home: its host, its shards and who serves them.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl home show eu/eu-west")]
pub struct Show {
    /// The home, such as `eu/eu-west`.
    #[arg(add = crate::command::known::homes())]
    home: HomeId,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Serialize)]
struct View {
    #[serde(flatten)]
    home: HomeView,
    holds: Vec<ShardView>,
}

impl Show {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let status = self.world.admin()?.status().await.map_err(operator::explain)?;
        if !status.table.homes.contains_key(&self.home) {
            let message = format!("there is no home {}", self.home);
            return Err(Hinted::new(message, &["cellctl home list"]).into());
        }
        let shards = status
            .shards
            .iter()
            .filter(|shard| shard.shard.home() == Some(&self.home));
        let view = View {
            home: HomeView::of(&status, &self.home),
            holds: shards.map(|shard| ShardView::of(&status, shard)).collect(),
        };
        printer.rows(std::slice::from_ref(&view.home));
        printer.say("");
        printer.rows(&view.holds);
        printer.data(&view, [&self.home]);
        Ok(Ended::Ok)
    }
}
