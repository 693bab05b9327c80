//! `operation watch`: takes up following one.

use anyhow::Result;
use clap::Args;
use platform_runtime::config::HumanDuration;

use super::follow::{Until, follow};
use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::Printer;

/// Follows one operation until it is over: a bar on a terminal, lines elsewhere. Exit code 1 if it failed, 3 if it was
/// cancelled or reversed, or is not over in time. Ctrl-C stops looking and nothing else.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl operation watch 7 --timeout 10m")]
pub struct Watch {
    /// Its number.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    id: u64,
    /// The longest that it looks.
    #[arg(long, value_name = "TIME")]
    timeout: Option<HumanDuration>,
    /// Only until the shard is served at its new place.
    #[arg(long)]
    served: bool,
    #[command(flatten)]
    world: WorldArgs,
}

impl Watch {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let until = if self.served { Until::Served } else { Until::Over };
        let timeout = self.timeout.map(|timeout| timeout.0);
        follow(&self.world.admin()?, self.id, until, timeout, printer).await
    }
}
