//! `automation resume`: the controllers act by themselves again.

use anyhow::Result;
use clap::Args;

use crate::ask::Sure;
use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::Printer;

/// Lets the controllers act by themselves again; what waited meanwhile is done at once.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl automation resume")]
pub struct Resume {
    /// Why; stands in the record of the decision.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    sure: Sure,
    #[command(flatten)]
    world: WorldArgs,
}

impl Resume {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        super::set(&self.world, false, &self.reason, &self.sure, printer).await?;
        Ok(Ended::Ok)
    }
}
