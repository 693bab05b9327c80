//! `identity restore`: takes a revocation back.

use anyhow::Result;
use clap::Args;

use super::revoke::print;
use crate::command::{As, Change, WorldFolder};
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::{Folder, Layout, operator};

/// Takes a revocation back: the identity is believed again.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl identity restore region/eu-central/router/1 --reason 'it was the wrong one'"
)]
pub struct Restore {
    /// As `identity list` shows it, or what follows the trust domain.
    identity: String,
    /// With whose certificate.
    #[arg(long = "as", value_enum, default_value_t = As::Sre, value_name = "ROLE")]
    who: As,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

impl Restore {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let layout = Layout::new(&self.world.dir);
        let world = Folder::look(&layout)?.world(&layout)?;
        let identity = super::read(&self.identity, &world)?;
        let client = operator::trust(&self.world.dir, self.who.person())?;
        printer.progress(&format!("{identity} is believed again"));
        let mut decision = None;
        if self.change.dry_run {
            printer.progress("nothing was changed: --dry-run");
        } else {
            let done = client.restore_identity(&identity, &self.change.reason).await;
            decision = Some(done.map_err(operator::explain)?.sequence);
        }
        print("restored", &identity, decision, printer);
        Ok(Ended::Ok)
    }
}
