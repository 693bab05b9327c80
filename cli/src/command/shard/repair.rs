//! `shard repair`: makes standbys anew that are missing or of no use.

use anyhow::Result;
use clap::Args;
use platform_model::ShardId;

use super::copies::standbys;
use super::served;
use crate::ask::{Sure, on_dry_run};
use crate::command::WorldArgs;
use crate::command::operation::follow::{Until, Wait};
use crate::command::operation::started::StartedView;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Makes a standby anew that is missing for the goal of the shard's home, or damaged. The controllers do so by
/// themselves; this does it now, also while automation is paused.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl shard repair eu/eu-west/003 --wait --timeout 10m")]
pub struct Repair {
    /// The shard, such as `eu/eu-west/003`.
    #[arg(add = crate::command::known::shards())]
    shard: ShardId,
    /// Why; stands in the record of the decision.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    sure: Sure,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    world: WorldArgs,
}

impl Repair {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = self.world.admin()?;
        let status = admin.status().await.map_err(operator::explain)?;
        let route = served(&status, &self.shard)?;
        let what = format!("repair {}", self.shard);
        printer.progress(&format!("{what}; standbys now: {}", standbys(&route.set)));
        let mut started = StartedView::planned(format!("shard/{}", self.shard), what, &self.sure);
        self.sure.ask(printer).await?;
        let judge = on_dry_run(admin.clone(), &self.sure);
        started.done(judge.repair_shard(&self.shard, &self.reason).await)?;
        started.end(&admin, (&self.wait, Until::Over), printer).await
    }
}
