//! `shard`: the unit of everything.

mod copies;
mod failover;
mod list;
mod r#move;
mod place;
mod repair;
mod show;
mod verify;

use anyhow::Result;
use clap::Subcommand;
use platform_model::{ShardId, ShardRoute};
use platform_wire::admin::{ShardRecord, WorldStatus};

use crate::exit::{Ended, Hinted};
use crate::printer::Printer;

pub use list::ShardView;

/// The shards: list, show, place, move, failover, verify, repair.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Example: cellctl shard list --cell eu-west-1\n         cellctl shard move eu/eu-west/003 --to eu-west-2 --reason 'spread the home'"
)]
pub enum Shard {
    List(list::List),
    Show(show::Show),
    Place(place::Place),
    Move(r#move::Move),
    Failover(failover::Failover),
    Verify(verify::Verify),
    Repair(repair::Repair),
}

impl Shard {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::List(command) => command.run(printer).await,
            Self::Show(command) => command.run(printer).await,
            Self::Place(command) => command.run(printer).await,
            Self::Move(command) => command.run(printer).await,
            Self::Failover(command) => command.run(printer).await,
            Self::Verify(command) => command.run(printer).await,
            Self::Repair(command) => command.run(printer).await,
        }
    }
}

/// What the table says of the copies of a shard that is served.
fn served<'a>(status: &'a WorldStatus, shard: &ShardId) -> Result<&'a ShardRoute> {
    find(status, shard)?;
    status.table.shards.get(shard).ok_or_else(|| {
        let hint = format!("cellctl shard place {shard} --cell CELL");
        Hinted::new(format!("nobody has served {shard} yet"), &[&hint]).into()
    })
}

fn find<'a>(status: &'a WorldStatus, shard: &ShardId) -> Result<&'a ShardRecord> {
    let found = status.shards.iter().find(|known| known.shard == *shard);
    found.ok_or_else(|| Hinted::new(format!("there is no shard {shard}"), &["cellctl shard list"]).into())
}
