//! `router`: who joins the world as one.

mod invite;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Ended;
use crate::printer::Printer;

/// The routers: invite.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Example: cellctl router invite 2 --region eu-west --into router.token --reason 'more doors'"
)]
pub enum Router {
    Invite(invite::Invite),
}

impl Router {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::Invite(command) => command.run(printer).await,
        }
    }
}
