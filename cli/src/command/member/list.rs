//! `member list`: the controllers and who leads.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::document;
use crate::command::WorldFolder;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Lists the controllers. Exit code 3 if none of them leads.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl member list")]
pub struct List {
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

impl List {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = operator::connect(&self.world.dir)?;
        let status = admin.status().await.map_err(operator::explain)?;
        let leader = status.leader.as_ref().map(|leader| leader.id);
        let mut rows = super::rows(&status.members);
        for (row, member) in rows.iter_mut().zip(&status.members) {
            row.push(
                if leader == Some(member.id) {
                    "leader"
                } else {
                    "follower"
                }
                .to_owned(),
            );
        }
        printer.table(&["id", "address", "role"], &rows);
        printer.document(&json!({ "leader": leader, "members": document(&status.members) }));
        Ok(if leader.is_some() {
            Ended::Ok
        } else {
            Ended::Differs
        })
    }
}
