//! `backup restore`: a shard whose copies are lost goes on from a backup, at another node.

use anyhow::Result;
use clap::Args;
use platform_model::{NodeId, ShardId};
use platform_wire::admin::AdminClient;
use platform_wire::backup::{Restorable, RestoredCopy};
use platform_wire::custody::{JobStatus, RestoreGoal};
use platform_wire::refusal::RefusalCode;
use serde::Serialize;

use super::AtNode;
use super::at_node::explain;
use super::goal::{Goal, what_is_lost};
use crate::ask;
use crate::command::WorldArgs;
use crate::exit::{Ended, Hinted};
use crate::law::views::moment;
use crate::printer::Printer;
use crate::world::operator;

/// Lets a shard go on from a backup, at a node that holds no copy of it, and from the log behind it as far as is said. Severe:
/// what was written after that is lost for ever, and the copies that were are given up, wherever they may come back. Refused
/// while any of them reports. People who were erased since are left out.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cellctl backup restore eu_eu-central_003.e4.1711.5f2c9a01 --to eu-west-1/0 --latest --copies-are-lost --confirm eu/eu-central/003 --reason 'the cell burnt down'\n  cellctl backup restore eu_eu-central_003.e4.1711.5f2c9a01 --to eu-west-1/0 --at 2025-11-26T04:06:40Z --copies-are-lost --reason 'a bug wrote nonsense'"
)]
pub struct Restore {
    /// The backup; `cellctl backup list` names them.
    backup: String,
    /// The node that is to hold the copy and lead.
    #[arg(long, value_name = "NODE", add = crate::command::known::nodes())]
    to: NodeId,
    #[command(flatten)]
    goal: Goal,
    /// You say that every copy of the shard is lost, or will never be started again.
    #[arg(long, required = true)]
    copies_are_lost: bool,
    /// The shard once more. On a terminal one is asked for it.
    #[arg(long, value_name = "SHARD")]
    confirm: Option<String>,
    /// Why; stands in the record of the decision.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Says what would be done and what the controllers say to it, and does nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Debug, Serialize)]
struct RestoredView {
    backup: String,
    shard: String,
    node: String,
    /// In which it leads.
    epoch: u64,
    /// Its last entry, as it was written, and when that was.
    end: Option<String>,
    end_time: Option<String>,
    rows: u64,
    bytes: u64,
    /// Rows of erased people that were left out.
    left_out: u64,
    changed: bool,
    /// Number of the decision.
    decision: Option<u64>,
}

impl Restore {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let shard = shard_of(&self.backup)?;
        let target = self.world.target()?;
        let admin = target.admin()?;
        let status = admin.status().await.map_err(operator::explain)?;
        let at = AtNode::new(&self.to, &status.table, &target.identity()?)?;
        printer.progress(&format!("{shard} goes on from {} at {}", self.backup, self.to));
        printer.progress(&what_is_lost(self.goal.named()));
        let may = admin.may_restore(&shard, &self.to, &self.reason).await;
        let may = may.map_err(operator::explain)?;
        let mut view = RestoredView {
            backup: self.backup.clone(),
            shard: shard.to_string(),
            node: self.to.to_string(),
            epoch: may.epoch.0,
            end: None,
            end_time: None,
            rows: 0,
            bytes: 0,
            left_out: 0,
            changed: false,
            decision: None,
        };
        if self.dry_run {
            printer.progress("the controllers would take it; nothing was changed: --dry-run");
        } else {
            let name = shard.to_string();
            let again = format!("the same command with --confirm {name}");
            ask::severe(&name, self.confirm.as_deref(), &again, printer).await?;
            let what = (&shard, self.goal.named());
            let job = at
                .client()
                .restore(&self.backup, what, may.epoch, &self.reason)
                .await;
            let job = job.map_err(explain)?;
            let what = format!("{shard} on {}", self.to);
            let done = at.wait(job, &what, printer).await?;
            self.knows_logs(&at, &shard, &done).await?;
            view.end = done.backup.log.map(|log| log.end.to_string());
            view.end_time = done.backup.log.and_then(|log| moment(log.time_ms));
            let taken = self.take(&admin, &at, &shard, may, &done).await?;
            view.rows = done.backup.rows;
            view.bytes = done.backup.bytes;
            view.left_out = done.left_out;
            view.changed = true;
            view.decision = Some(taken.sequence);
            printer.say(&format!(
                "{shard} is led by {} in e{} (decision {})",
                self.to, taken.epoch.0, taken.sequence
            ));
        }
        printer.document(&view);
        Ok(Ended::Ok)
    }

    /// A node of an earlier build takes no notice of how far it is to go: what it made is removed again.
    async fn knows_logs(&self, at: &AtNode, shard: &ShardId, done: &JobStatus) -> Result<()> {
        if self.goal.named() == RestoreGoal::Base || done.backup.log.is_some() {
            return Ok(());
        }
        if let Some((replica, _)) = done.restored {
            at.client().discard(shard, replica).await.map_err(explain)?;
        }
        let message = format!(
            "{} is of an earlier build: it restores backups without their logs",
            self.to
        );
        Err(Hinted::new(message, &["cellctl node list"]).into())
    }

    /// Hands the copy to the controllers; one that they do not take is removed again.
    async fn take(
        &self,
        admin: &AdminClient,
        at: &AtNode,
        shard: &ShardId,
        may: Restorable,
        done: &JobStatus,
    ) -> Result<Restorable> {
        let (replica, erased) = done
            .restored
            .ok_or_else(|| Hinted::new("the node restored something and does not say what", &[]))?;
        let copy = RestoredCopy {
            replica,
            epoch: may.epoch,
            expected: may.expected,
            erased,
            restored_ms: done.restored_ms,
        };
        let taken = admin.restore_shard(shard, &self.to, &copy, &self.reason).await;
        let error = match taken {
            Ok(taken) => return Ok(taken),
            Err(error) => error,
        };
        // Only where the controllers surely did not take it: of what may still be committed nothing is thrown away.
        let refused = error
            .refusal()
            .is_some_and(|refusal| refusal.code != RefusalCode::OutcomeUnknown);
        if refused {
            at.client().discard(shard, replica).await.map_err(explain)?;
        }
        Err(operator::explain(error))
    }
}

/// The shard that a backup is of, by its name.
///
/// # Errors
/// For what is no name of a backup.
pub fn shard_of(backup: &str) -> Result<ShardId> {
    let shard = backup.split('.').next().unwrap_or_default().replace('_', "/");
    shard.parse().map_err(|_| {
        let message = format!("`{backup}` is no name of a backup");
        Hinted::new(message, &["cellctl backup list -o name"]).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shard_is_in_the_name_and_what_is_no_name_is_told() {
        let shard = shard_of("eu_eu-central_003.e4.1711.5f2c9a01").expect("a name");
        assert_eq!(shard.to_string(), "eu/eu-central/003");
        let keys = shard_of("eu_eu-central_keys.e4.1711.5f2c9a01").expect("a name");
        assert!(matches!(keys, ShardId::Keys { .. }));
        let text = crate::exit::text(&shard_of("yesterday").expect_err("no name"), "");
        assert!(
            text.contains("no name of a backup") && text.contains("backup list"),
            "{text}"
        );
    }
}
