//! `node`: the processes of the cells.

pub mod invite;
mod list;
mod show;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Ended;
use crate::printer::Printer;

pub use list::NodeView;

/// The nodes: list, show, invite.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl node list -o wide")]
pub enum Node {
    List(list::List),
    Show(show::Show),
    Invite(invite::Invite),
}

impl Node {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::List(command) => command.run(printer).await,
            Self::Show(command) => command.run(printer).await,
            Self::Invite(command) => command.run(printer).await,
        }
    }
}
