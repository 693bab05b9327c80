//! `identity revoke`: nobody believes an identity any more.

use anyhow::{Context, Result};
use clap::Args;
use platform_model::RevokedIdentity;
use platform_runtime::clock::Clock;
use platform_runtime::config::HumanDuration;
use serde_json::json;

use crate::command::{As, Change, WorldFolder};
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::{Folder, Layout, operator};

/// Takes an identity out of the world: controllers, nodes and routers refuse it from their next table on, and break off
/// its connections.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl identity revoke region/eu-central/router/1 --reason 'its disk was stolen' --confirm region/eu-central/router/1"
)]
pub struct Revoke {
    /// Its SPIFFE id, or what follows the trust domain; with `#DIGEST` one key of it alone.
    identity: String,
    /// How long it stays revoked: past the end of its certificates.
    #[arg(long = "for", default_value = "366d", value_name = "DURATION")]
    life: HumanDuration,
    /// The identity once more: a process that is revoked serves nobody.
    #[arg(long, value_name = "IDENTITY")]
    confirm: Option<String>,
    /// With whose certificate.
    #[arg(long = "as", value_enum, default_value_t = As::Sre, value_name = "ROLE")]
    who: As,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

impl Revoke {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let layout = Layout::new(&self.world.dir);
        let world = Folder::look(&layout)?.world(&layout)?;
        let identity = super::read(&self.identity, &world)?;
        let client = operator::trust(&self.world.dir, self.who.person())?;
        printer.progress(&format!("{identity} is believed by nobody for {}", self.life));
        if identity.id.contains("/controller/") {
            printer.hint("cellctl member remove   first: a controller that nobody believes is a vote that nobody hears");
        }
        let mut decision = None;
        if self.change.dry_run {
            printer.progress("nothing was changed: --dry-run");
        } else {
            self.check_confirmed()?;
            let life_ms = u64::try_from(self.life.0.as_millis()).context("that long")?;
            let until_ms = Clock::system().unix_ms().saturating_add(life_ms);
            let done = client
                .revoke_identity(&identity, until_ms, &self.change.reason)
                .await;
            decision = Some(done.map_err(operator::explain)?.sequence);
        }
        print("revoked", &identity, decision, printer);
        Ok(Ended::Ok)
    }

    fn check_confirmed(&self) -> Result<()> {
        if self.confirm.as_ref() == Some(&self.identity) {
            return Ok(());
        }
        let again = format!(
            "cellctl identity revoke {0} --reason '{1}' --confirm {0}",
            self.identity, self.change.reason
        );
        let message = "this is severe and was not confirmed: nothing was done";
        Err(Hinted::new(message, &[&again]).into())
    }
}

/// What `revoke` and `restore` say in the end.
pub(super) fn print(done: &str, identity: &RevokedIdentity, decision: Option<u64>, printer: &Printer) {
    if let Some(decision) = decision {
        printer.say(&format!("{identity} is {done} (decision {decision})"));
    }
    printer.document(&json!({
        "identity": identity.to_string(),
        "changed": decision.is_some(),
        "decision": decision,
    }));
}
