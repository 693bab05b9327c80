//! `shard failover`: another copy leads, now.

use anyhow::Result;
use clap::Args;
use platform_model::{CopyState, NodeId, ReplicaId, ShardId, ShardRoute};
use platform_wire::operation::{FailoverShard, Force};

use super::served;
use crate::ask::{self, Change, on_dry_run};
use crate::command::WorldArgs;
use crate::command::operation::follow::{Until, Wait};
use crate::command::operation::started::StartedView;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::operator;

/// Lets another copy of a shard lead, now: the one with the longest log, or the one on the node that is named. Only a
/// copy in sync may, so that nothing that was acknowledged is lost. With --force one that is not in sync: severe, and
/// only if the old primary is stopped and stays so.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl shard failover eu/eu-west/003 --reason 'eu-west-1/0 is slow' --wait\n         cellctl shard failover eu/eu-west/003 --to eu-west-2/0 --force --loss-max 100 --confirm eu/eu-west/003 --reason 'the host burnt'"
)]
pub struct Failover {
    /// The shard, such as `eu/eu-west/003`.
    #[arg(add = crate::command::known::shards())]
    shard: ShardId,
    /// The node whose copy is to lead.
    #[arg(long, value_name = "NODE", add = crate::command::known::nodes())]
    to: Option<NodeId>,
    /// Takes a copy that may lack what was acknowledged: you say that the old primary is stopped and stays so.
    #[arg(long, requires_all = ["to", "loss_max"])]
    force: bool,
    /// Entries that may be lost at most, with --force.
    #[arg(long, value_name = "ENTRIES", requires = "force")]
    loss_max: Option<u64>,
    /// The shard once more, with --force. On a terminal one is asked for it.
    #[arg(long, value_name = "SHARD", requires = "force")]
    confirm: Option<String>,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    world: WorldArgs,
}

impl Failover {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = self.world.admin()?;
        let status = admin.status().await.map_err(operator::explain)?;
        let route = served(&status, &self.shard)?;
        let to = self.to.as_ref().map(|node| copy_on(route, node)).transpose()?;
        let to_node = self
            .to
            .as_ref()
            .map_or_else(|| "the copy with the longest log".to_owned(), ToString::to_string);
        let what = format!("failover of {}: {} -> {to_node}", self.shard, route.node);
        printer.progress(&format!("{what} (configuration {})", route.set.generation));
        let sure = &self.change.sure;
        let mut started = StartedView::planned(format!("shard/{}", self.shard), what, sure);
        self.confirm(printer).await?;
        let given = FailoverShard {
            shard: self.shard.clone(),
            to,
            expected: Some(route.set.generation),
            force: self.force.then(|| Force {
                old_primary_is_dead: true,
                loss_entries_max: self.loss_max.unwrap_or_default(),
            }),
        };
        let judge = on_dry_run(admin.clone(), sure);
        started.done(judge.failover_shard(&given, &self.change.reason).await)?;
        started.end(&admin, (&self.wait, Until::Over), printer).await
    }

    async fn confirm(&self, printer: &Printer) -> Result<()> {
        let sure = &self.change.sure;
        if !self.force || sure.dry_run {
            return sure.ask(printer).await;
        }
        printer.progress(&format!(
            "by force: up to {} acknowledged entries may be lost for ever",
            self.loss_max.unwrap_or_default()
        ));
        let name = self.shard.to_string();
        let again = format!("the same command with --confirm {name}");
        ask::severe(&name, self.confirm.as_deref(), &again, printer).await
    }
}

/// The standby on a node.
fn copy_on(route: &ShardRoute, node: &NodeId) -> Result<ReplicaId> {
    let standbys = &route.set.standbys;
    if let Some(copy) = standbys.iter().find(|copy| copy.node == *node) {
        return Ok(copy.replica);
    }
    let message = if route.node == *node {
        format!("{node} leads already")
    } else {
        format!("{node} holds no copy of it")
    };
    let able = standbys.iter().filter(|copy| copy.state == CopyState::InSync);
    let hints: Vec<String> = able
        .map(|copy| format!("in sync: {}", copy.node))
        .chain(["cellctl shard show SHARD".to_owned()])
        .collect();
    Err(Hinted::new(message, &hints.iter().map(String::as_str).collect::<Vec<_>>()).into())
}

#[cfg(test)]
mod tests {
    use super::super::copies::tests::route;
    use super::*;

    #[test]
    fn a_copy_is_found_by_its_node_and_others_are_told_who_could() {
        let on = |node: &str| copy_on(&route(), &node.parse().expect("a node"));
        assert_eq!(on("eu-central-3/0").expect("a standby"), ReplicaId(3));
        let text = crate::exit::text(&on("eu-central-1/0").expect_err("the primary"), "");
        let expected = "error: eu-central-1/0 leads already\nhint: in sync: eu-central-2/0\n\
                        hint: in sync: eu-central-4/0\nhint: cellctl shard show SHARD";
        assert_eq!(text, expected);
        let text = crate::exit::text(&on("eu-west-1/0").expect_err("a stranger"), "");
        assert!(
            text.starts_with("error: eu-west-1/0 holds no copy of it"),
            "{text}"
        );
    }
}
