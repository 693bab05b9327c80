//! `backup remove`: a backup that is wanted no more.

use anyhow::Result;
use clap::Args;
use platform_model::RoutingTable;
use platform_runtime::tls::Identity;
use platform_wire::custody::Removal;
use serde::Serialize;

use super::AtNode;
use super::at_node::explain;
use super::restore::shard_of;
use crate::ask;
use crate::command::WorldArgs;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::operator;

/// Removes a backup from the store of a node that has it, for ever. Severe: a shard whose copies are lost comes back
/// from nothing else. Refused for the only backup of a shard there; on record before it is done. What was never
/// finished is removed a day after it was given up.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl backup remove eu_eu-central_003.e4.1711.5f2c9a01 --confirm eu/eu-central/003 --reason 'made before the repair'"
)]
pub struct Remove {
    /// The backup; `cellctl backup list` names them.
    backup: String,
    /// Also the only one of its shard.
    #[arg(long)]
    even_the_last: bool,
    /// The shard. On a terminal one is asked for it.
    #[arg(long, value_name = "SHARD")]
    confirm: Option<String>,
    /// Why; stands in the record of the decision.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Says whether it would be removed, and does nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Debug, Serialize)]
struct RemovedView {
    backup: String,
    shard: String,
    node: String,
    /// Other backups of the shard in that store.
    left: u64,
    changed: bool,
    /// Number of the decision.
    decision: Option<u64>,
}

impl Remove {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let shard = shard_of(&self.backup)?.to_string();
        let target = self.world.target()?;
        let status = target.admin()?.status().await.map_err(operator::explain)?;
        let at = holder(&self.backup, &status.table, &target.identity()?).await?;
        let asked = |dry_run| Removal {
            backup: &self.backup,
            reason: &self.reason,
            even_the_last: self.even_the_last,
            dry_run,
        };
        let may = at.client().remove_backup(asked(true)).await.map_err(explain)?;
        printer.progress(&format!(
            "{} of {shard} at {}; others of it there: {}",
            self.backup, at.node, may.left
        ));
        let mut view = RemovedView {
            backup: self.backup.clone(),
            node: at.node.to_string(),
            left: may.left,
            changed: false,
            decision: None,
            shard,
        };
        if self.dry_run {
            printer.progress("it would be removed; nothing was changed: --dry-run");
        } else {
            let again = format!("the same command with --confirm {}", view.shard);
            ask::severe(&view.shard, self.confirm.as_deref(), &again, printer).await?;
            let removed = at.client().remove_backup(asked(false)).await.map_err(explain)?;
            view.left = removed.left;
            view.changed = true;
            view.decision = Some(removed.sequence);
            printer.say(&format!(
                "{} is removed (decision {})",
                self.backup, removed.sequence
            ));
        }
        printer.document(&view);
        Ok(Ended::Ok)
    }
}

/// A node whose store has something of that name; first one where it opens.
async fn holder(backup: &str, table: &RoutingTable, identity: &Identity) -> Result<AtNode> {
    let mut odd = None;
    for node in table.nodes.keys() {
        let at = AtNode::new(node, table, identity)?;
        let Ok(stored) = at.client().list(false).await else {
            continue;
        };
        if stored.backups.iter().any(|view| view.name == backup) {
            return Ok(at);
        }
        let mut others = stored.unreadable.iter().chain(&stored.unfinished);
        if others.any(|name| name == backup) {
            odd = odd.or(Some(at));
        }
    }
    odd.ok_or_else(|| {
        let message = format!("no node that answers has a backup {backup}");
        Hinted::new(message, &["cellctl backup list"]).into()
    })
}
