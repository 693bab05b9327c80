//! `member add`: a controller that runs already gets a vote.

use anyhow::Result;
use clap::Args;
use platform_wire::admin::Member;
use serde_json::json;

use super::{document, rows};
use crate::command::WorldFolder;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::operator;

/// Gives a vote to a controller that runs already: it is sent the whole state first.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl member add 4 127.0.0.1:7104")]
pub struct Add {
    /// Its Raft id, which was never another disk's.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    id: u64,
    /// Where the others reach it, `host:port`.
    address: String,
    /// Shows what would be changed, and changes nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

impl Add {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = operator::connect(&self.world.dir)?;
        let status = admin.status().await.map_err(operator::explain)?;
        let newcomer = Member {
            id: self.id,
            address: self.address.clone(),
        };
        if status.members.contains(&newcomer) {
            printer.progress(&format!(
                "controller {} is a member already: nothing was changed",
                self.id
            ));
            printer.document(&json!({ "changed": false, "members": document(&status.members) }));
            return Ok(Ended::Ok);
        }
        if let Some(other) = status.members.iter().find(|member| member.id == self.id) {
            let message = format!("id {} belongs to the controller at {}", other.id, other.address);
            return Err(Hinted::new(
                message,
                &["cellctl member list", "take an id that was never used"],
            )
            .into());
        }
        printer.progress(&format!(
            "controller {} at {} gets a vote; members then: {}",
            self.id,
            self.address,
            status.members.len() + 1
        ));
        if self.dry_run {
            printer.progress("nothing was changed: --dry-run");
            printer.document(&json!({ "changed": false, "members": document(&status.members) }));
            return Ok(Ended::Ok);
        }
        let voters = admin.add_member(&newcomer).await.map_err(operator::explain)?;
        printer.table(&["id", "address"], &rows(&voters));
        printer.document(&json!({ "changed": true, "members": document(&voters) }));
        Ok(Ended::Ok)
    }
}
