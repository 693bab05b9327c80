//! `member list`: the controllers and who leads.

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use super::MemberView;
use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::{Listed, Printer};
use crate::world::operator;

/// Lists the controllers. Exit code 3 if none of them leads.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl member list")]
pub struct List {
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Serialize)]
struct View {
    leader: Option<u64>,
    members: Vec<MemberView>,
}

impl List {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let status = self.world.admin()?.status().await.map_err(operator::explain)?;
        let view = View {
            leader: status.leader.as_ref().map(|leader| leader.id),
            members: MemberView::all(&status.members, status.leader.as_ref()),
        };
        printer.rows(&view.members);
        printer.data(&view, view.members.iter().map(Listed::name));
        Ok(if view.leader.is_some() {
            Ended::Ok
        } else {
            Ended::Differs
        })
    }
}
