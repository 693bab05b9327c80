//! `shard move`: a shard goes to another node: copy, compare, hand over, keep a way back, erase.

use std::str::FromStr;

use anyhow::{Context, Result};
use clap::Args;
use platform_model::{InvalidId, ShardId};
use platform_runtime::config::HumanDuration;
use platform_wire::operation::{MoveShard, MoveTo};

use super::served;
use crate::ask::{Change, on_dry_run};
use crate::command::WorldArgs;
use crate::command::operation::follow::{Until, Wait};
use crate::command::operation::started::StartedView;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Moves a shard to another node. A copy is made there while the shard is served, is compared with it, and takes over;
/// writes wait for a moment and none is refused for it. Until the window is over `operation reverse` takes the shard
/// back; then the old copy is erased, which its node confirms. With --wait: until the shard is served there.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl shard move eu/eu-west/003 --to eu-west-2 --reason 'spread the home' --wait\n         cellctl shard move eu/eu-west/003 --to eu-west-2/0 --window 1h --reason 'one node' --dry-run"
)]
pub struct Move {
    /// The shard, such as `eu/eu-west/003`.
    #[arg(add = crate::command::known::shards())]
    shard: ShardId,
    /// A cell, whose node with the most room is taken, or a node: `eu-west-2` or `eu-west-2/0`.
    #[arg(long, value_name = "CELL|NODE", add = crate::command::known::nodes())]
    to: Target,
    /// How long the old copy is kept for a way back.
    #[arg(long, value_name = "TIME", default_value = "10m")]
    window: HumanDuration,
    /// Cancelled if it is not done by then; without it, the controllers' own.
    #[arg(long, value_name = "TIME")]
    deadline: Option<HumanDuration>,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    world: WorldArgs,
}

/// Where to.
#[derive(Debug, Clone)]
struct Target(MoveTo);

impl FromStr for Target {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Ok(Self(match text.contains('/') {
            true => MoveTo::Node(text.parse()?),
            false => MoveTo::Cell(text.parse()?),
        }))
    }
}

impl Target {
    fn told(&self) -> String {
        match &self.0 {
            MoveTo::Node(node) => node.to_string(),
            MoveTo::Cell(cell) => format!("a node of {cell}"),
        }
    }
}

impl Move {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = self.world.admin()?;
        let status = admin.status().await.map_err(operator::explain)?;
        let route = served(&status, &self.shard)?;
        let what = format!("move {}: {} -> {}", self.shard, route.node, self.to.told());
        printer.progress(&format!(
            "{what}; the old copy is kept for {}, then erased (configuration {})",
            self.window, route.set.generation
        ));
        let sure = &self.change.sure;
        let mut started = StartedView::planned(format!("shard/{}", self.shard), what, sure);
        sure.ask(printer).await?;
        let given = MoveShard {
            shard: self.shard.clone(),
            to: self.to.0.clone(),
            window_ms: ms(self.window)?,
            deadline_ms: self.deadline.map(ms).transpose()?,
            expected: Some(route.set.generation),
        };
        let judge = on_dry_run(admin.clone(), sure);
        started.done(judge.move_shard(&given, &self.change.reason).await)?;
        started.end(&admin, (&self.wait, Until::Served), printer).await
    }
}

fn ms(time: HumanDuration) -> Result<u64> {
    u64::try_from(time.0.as_millis()).context("that long")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_node_or_a_cell() {
        let told = |text: &str| text.parse::<Target>().map(|target| target.told());
        assert_eq!(told("eu-west-2").as_deref(), Ok("a node of eu-west-2"));
        assert_eq!(told("eu-west-2/0").as_deref(), Ok("eu-west-2/0"));
        assert!(told("EU").is_err() && told("eu-west-2/").is_err());
    }
}
