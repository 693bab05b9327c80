//! `backup create`: writes shards to the backup stores of the nodes that serve them.

use anyhow::{Context, Result};
use clap::Args;
use platform_model::{HomeId, RoutingTable, ShardId};
use platform_runtime::tls::Identity;

use super::AtNode;
use super::at_node::explain;
use super::view::BackupView;
use crate::command::WorldArgs;
use crate::exit::{Ended, Hinted};
use crate::printer::{Listed, Printer};
use crate::world::operator;

/// Writes a backup of a shard, or of every shard of a home with its keys: each as it stood after one entry of its log,
/// sealed, to the store that its node's settings name, if the law lets it lie there.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cellctl backup create eu/eu-central/003\n  cellctl backup create --home eu/eu-central"
)]
pub struct Create {
    /// The shard.
    #[arg(add = crate::command::known::shards(), required_unless_present = "home", conflicts_with = "home")]
    shard: Option<ShardId>,
    /// Every shard of this home.
    #[arg(long, value_name = "HOME", add = crate::command::known::homes())]
    home: Option<HomeId>,
    #[command(flatten)]
    world: WorldArgs,
}

impl Create {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let target = self.world.target()?;
        let status = target.admin()?.status().await.map_err(operator::explain)?;
        let (table, identity) = (status.table, target.identity()?);
        let mut made = Vec::new();
        for shard in self.shards(&table)? {
            made.push(one(&shard, &table, &identity, printer).await?);
        }
        printer.rows(&made);
        printer.data(&made, made.iter().map(Listed::name));
        Ok(Ended::Ok)
    }

    fn shards(&self, table: &RoutingTable) -> Result<Vec<ShardId>> {
        if let Some(shard) = &self.shard {
            return Ok(vec![shard.clone()]);
        }
        let of = |shard: &&ShardId| shard.home() == self.home.as_ref();
        // Keys last: a key that is older than what it opens would lack people.
        let mut shards: Vec<ShardId> = table.shards.keys().filter(of).cloned().collect();
        shards.sort_by_key(|shard| matches!(shard, ShardId::Keys { .. }));
        if shards.is_empty() {
            let message = format!(
                "there is no home {}",
                self.home.as_ref().context("a home or a shard")?
            );
            return Err(Hinted::new(message, &["cellctl home list"]).into());
        }
        Ok(shards)
    }
}

async fn one(
    shard: &ShardId,
    table: &RoutingTable,
    identity: &Identity,
    printer: &Printer,
) -> Result<BackupView> {
    let route = table.shards.get(shard);
    let Some(route) = route else {
        let message = format!("nobody serves {shard}");
        return Err(Hinted::new(message, &["cellctl shard list"]).into());
    };
    let at = AtNode::new(&route.node, table, identity)?;
    let what = format!("{shard} at {}", route.node);
    let job = at.client().back_up(shard, "").await.map_err(explain)?;
    let done = at.wait(job, &what, printer).await?;
    printer.progress(&format!("{what}: {}", done.backup.name));
    let stored = at.client().list(false).await.map_err(explain)?;
    Ok(BackupView::of(&done.backup, &stored.sink))
}
