//! `node`: who joins the world as one.

pub mod invite;

use anyhow::Result;
use clap::Subcommand;

use crate::command::WorldFolder;
use crate::exit::Ended;
use crate::printer::Printer;

/// The nodes of cells: invite.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl node invite eu-central-1/1 --into node.token --reason 'more room'")]
pub enum Node {
    Invite(invite::Invite),
}

impl Node {
    pub fn folder(&self) -> &WorldFolder {
        match self {
            Self::Invite(command) => &command.world,
        }
    }

    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::Invite(command) => command.run(printer).await,
        }
    }
}
