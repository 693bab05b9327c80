//! `member remove`: takes a controller's vote away.

use anyhow::Result;
use clap::Args;
use platform_wire::admin::WorldStatus;

use super::{Changed, MemberView};
use crate::ask;
use crate::command::WorldArgs;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::operator;

/// Takes a controller's vote away; it may then be stopped. Its id is never used again.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl member remove 3 --confirm 3 --reason 'the machine is given up'")]
pub struct Remove {
    /// Its Raft id.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    id: u64,
    /// The id once more: a world with fewer controllers survives less. On a terminal one is asked for it.
    #[arg(long, value_name = "ID")]
    confirm: Option<String>,
    /// Why; stands in the record of the decision.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Shows what would be changed, and changes nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    world: WorldArgs,
}

impl Remove {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = self.world.admin()?;
        let status = admin.status().await.map_err(operator::explain)?;
        self.check_known(&status)?;
        let left = status.members.len() - 1;
        printer.progress(&format!(
            "controller {} loses its vote; members then: {left}, of which {} may fail",
            self.id,
            survivable(left)
        ));
        let mut changed = Changed {
            changed: false,
            dry_run: self.dry_run,
            members: MemberView::all(&status.members, status.leader.as_ref()),
        };
        if self.dry_run {
            printer.progress("nothing was changed: --dry-run");
        } else {
            let again = format!("cellctl member remove {0} --confirm {0} --reason TEXT", self.id);
            ask::severe(&self.id.to_string(), self.confirm.as_deref(), &again, printer).await?;
            let voters = admin.remove_member(self.id, &self.reason).await;
            let voters = voters.map_err(operator::explain)?;
            changed.members = MemberView::all(&voters, status.leader.as_ref());
            changed.changed = true;
        }
        changed.print(printer);
        Ok(Ended::Ok)
    }

    fn check_known(&self, status: &WorldStatus) -> Result<()> {
        if status.members.iter().any(|member| member.id == self.id) {
            return Ok(());
        }
        let message = format!("there is no controller {}", self.id);
        Err(Hinted::new(message, &["cellctl member list"]).into())
    }
}

/// How many of so many voters may fail while the rest still decides.
fn survivable(voters: usize) -> usize {
    voters.saturating_sub(1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_must_be_left() {
        assert_eq!([0, 1, 2, 3, 5].map(survivable), [0, 0, 0, 1, 2]);
    }
}
