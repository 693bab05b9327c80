//! `user relocation`: how one stands, and its cancel.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::there::There;
use crate::command::DeskArgs;
use crate::command::backup::explain;
use crate::evidence::user::UserPlace;
use crate::exit::Ended;
use crate::printer::Printer;

/// A person's relocation: show, cancel.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Example: cellctl user relocation show eu/eu-central/0197a4a0-0000-7000-8000-000000000001"
)]
pub enum Relocation {
    Show(Show),
    Cancel(Cancel),
}

/// Shows how a person's relocation stands, at the home where the person lives or has lived.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl user relocation show eu/eu-central/0197a4a0-0000-7000-8000-000000000001"
)]
pub struct Show {
    /// Home and id.
    #[arg(value_name = "HOME/UUID")]
    user: UserPlace,
    #[command(flatten)]
    world: DeskArgs,
}

/// Cancels a person's relocation: up to the commit in the directory. The person stays, and what has come to the other home goes.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl user relocation cancel eu/eu-central/0197a4a0-0000-7000-8000-000000000001 --as compliance/ann --reason 'withdrawn'"
)]
pub struct Cancel {
    /// Home and id.
    #[arg(value_name = "HOME/UUID")]
    user: UserPlace,
    /// Why; never a name.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Says what is under way, and does nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    world: DeskArgs,
}

impl Relocation {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::Show(command) => command.run(printer).await,
            Self::Cancel(command) => command.run(printer).await,
        }
    }
}

impl Show {
    async fn run(&self, printer: &Printer) -> Result<Ended> {
        let there = There::find(&self.world, &self.user).await?;
        let told = there.client.show(&self.user.home, self.user.user).await;
        printer.document(&there.view(&self.user, told.map_err(explain)?));
        Ok(Ended::Ok)
    }
}

impl Cancel {
    async fn run(&self, printer: &Printer) -> Result<Ended> {
        let there = There::find(&self.world, &self.user).await?;
        let (home, user) = (&self.user.home, self.user.user);
        let told = if self.dry_run {
            printer.progress("nothing was changed: --dry-run");
            there.client.show(home, user).await
        } else {
            there.client.cancel(home, user, &self.reason).await
        };
        let told = told.map_err(explain)?;
        if !self.dry_run {
            printer.say(&format!("the relocation of {user} is to be cancelled"));
        }
        printer.document(&there.view(&self.user, told));
        Ok(Ended::Ok)
    }
}
