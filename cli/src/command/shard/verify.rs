//! `shard verify`: compares the standbys with the primary, chunk by chunk.

use anyhow::Result;
use clap::Args;
use platform_model::ShardId;

use super::served;
use crate::ask::{Sure, on_dry_run};
use crate::command::WorldArgs;
use crate::command::operation::follow::{Until, Wait};
use crate::command::operation::started::StartedView;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Compares every chunk of every standby in sync with the primary's, while the shard is served. A standby that differs
/// is damaged from then on, and is made anew.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl shard verify eu/eu-west/003 --wait")]
pub struct Verify {
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

impl Verify {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = self.world.admin()?;
        let status = admin.status().await.map_err(operator::explain)?;
        let route = served(&status, &self.shard)?;
        let what = format!("compare the standbys of {} with {}", self.shard, route.node);
        printer.progress(&what);
        let mut started = StartedView::planned(format!("shard/{}", self.shard), what, &self.sure);
        self.sure.ask(printer).await?;
        let judge = on_dry_run(admin.clone(), &self.sure);
        started.done(judge.verify_shard(&self.shard, &self.reason).await)?;
        started.end(&admin, (&self.wait, Until::Over), printer).await
    }
}
