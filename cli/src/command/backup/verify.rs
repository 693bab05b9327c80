//! `backup verify`: restores a backup aside and compares it.

use anyhow::Result;
use clap::Args;
use platform_model::RoutingTable;
use platform_runtime::tls::Identity;

use super::AtNode;
use super::at_node::explain;
use super::view::BackupView;
use crate::command::WorldArgs;
use crate::exit::{Ended, Hinted};
use crate::printer::{Listed, Printer};
use crate::world::operator;

/// Restores a backup at a node that has it into a store of its own, and compares rows and state with what the shard held;
/// reads its log to the end. Keeps nothing.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl backup verify eu_eu-central_003.e4.1711.5f2c9a01")]
pub struct Verify {
    /// The backup; `cellctl backup list` names them.
    backup: String,
    #[command(flatten)]
    world: WorldArgs,
}

impl Verify {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let target = self.world.target()?;
        let status = target.admin()?.status().await.map_err(operator::explain)?;
        let (at, sink) = holder(&self.backup, &status.table, &target.identity()?).await?;
        let job = at.client().verify(&self.backup).await.map_err(explain)?;
        let what = format!("{} at {}", self.backup, at.node);
        let done = at.wait(job, &what, printer).await?;
        let reaches = done.backup.log.map(|log| format!(", and its log to {}", log.end));
        printer.progress(&format!(
            "{} is whole{}",
            self.backup,
            reaches.unwrap_or_default()
        ));
        let view = BackupView::of(&done.backup, &sink);
        printer.rows(std::slice::from_ref(&view));
        printer.data(&view, [view.name()]);
        Ok(Ended::Ok)
    }
}

/// A node whose store holds the backup, and what the law calls that store.
///
/// # Errors
/// When nobody has it.
pub async fn holder(backup: &str, table: &RoutingTable, identity: &Identity) -> Result<(AtNode, String)> {
    let mut odd = None;
    for node in table.nodes.keys() {
        let at = AtNode::new(node, table, identity)?;
        let Ok(stored) = at.client().list(false).await else {
            continue;
        };
        if stored.backups.iter().any(|view| view.name == backup) {
            return Ok((at, stored.sink));
        }
        // It is there and does not open: the node says why when it is asked to read it.
        if stored.unreadable.iter().any(|name| name == backup) {
            odd = odd.or(Some((at, stored.sink)));
        }
    }
    odd.ok_or_else(|| {
        let message = format!("no node that answers has a backup {backup}");
        Hinted::new(message, &["cellctl backup list"]).into()
    })
}
