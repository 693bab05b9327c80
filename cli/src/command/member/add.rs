//! `member add`: a controller that runs already gets a vote.

use anyhow::Result;
use clap::Args;
use platform_wire::admin::{Member, WorldStatus};

use super::{Changed, MemberView};
use crate::ask::Sure;
use crate::command::WorldArgs;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::operator;

/// Gives a vote to a controller that runs already: it is sent the whole state first.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl member add 4 127.0.0.1:7104 --reason 'a third region'")]
pub struct Add {
    /// Its Raft id, which was never another disk's.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    id: u64,
    /// Where the others reach it, `host:port`.
    address: String,
    /// Why; stands in the record of the decision.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    sure: Sure,
    #[command(flatten)]
    world: WorldArgs,
}

impl Add {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = self.world.admin()?;
        let status = admin.status().await.map_err(operator::explain)?;
        let newcomer = Member {
            id: self.id,
            address: self.address.clone(),
        };
        if status.members.contains(&newcomer) {
            let id = self.id;
            printer.progress(&format!(
                "controller {id} is a member already: nothing was changed"
            ));
            self.unchanged(&status).print(printer);
            return Ok(Ended::Ok);
        }
        self.check_id(&status)?;
        printer.progress(&format!(
            "controller {} at {} gets a vote; members then: {}",
            self.id,
            self.address,
            status.members.len() + 1
        ));
        if self.sure.dry_run {
            printer.progress("nothing was changed: --dry-run");
            self.unchanged(&status).print(printer);
            return Ok(Ended::Ok);
        }
        self.sure.ask(printer).await?;
        let voters = admin
            .add_member(&newcomer, &self.reason)
            .await
            .map_err(operator::explain)?;
        let changed = Changed {
            changed: true,
            dry_run: false,
            members: MemberView::all(&voters, status.leader.as_ref()),
        };
        changed.print(printer);
        Ok(Ended::Ok)
    }

    fn unchanged(&self, status: &WorldStatus) -> Changed {
        Changed {
            changed: false,
            dry_run: self.sure.dry_run,
            members: MemberView::all(&status.members, status.leader.as_ref()),
        }
    }

    fn check_id(&self, status: &WorldStatus) -> Result<()> {
        let Some(other) = status.members.iter().find(|member| member.id == self.id) else {
            return Ok(());
        };
        let message = format!("id {} belongs to the controller at {}", other.id, other.address);
        let hints = ["cellctl member list", "take an id that was never used"];
        Err(Hinted::new(message, &hints).into())
    }
}
