//! `shard`: the unit of everything.

mod list;
mod place;
mod show;

use anyhow::Result;
use clap::Subcommand;
use platform_model::ShardId;
use platform_wire::admin::{ShardRecord, WorldStatus};

use crate::exit::{Ended, Hinted};
use crate::printer::Printer;

pub use list::ShardView;

/// The shards: list, show, place.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl shard list --cell eu-west-1")]
pub enum Shard {
    List(list::List),
    Show(show::Show),
    Place(place::Place),
}

impl Shard {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::List(command) => command.run(printer).await,
            Self::Show(command) => command.run(printer).await,
            Self::Place(command) => command.run(printer).await,
        }
    }
}

fn find<'a>(status: &'a WorldStatus, shard: &ShardId) -> Result<&'a ShardRecord> {
    let found = status.shards.iter().find(|known| known.shard == *shard);
    found.ok_or_else(|| Hinted::new(format!("there is no shard {shard}"), &["cellctl shard list"]).into())
}
