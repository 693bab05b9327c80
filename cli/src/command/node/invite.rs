//! `node invite`: a join token for one node of one cell. `router invite` shares all but the name.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use platform_model::NodeId;
use platform_runtime::addresses;
use platform_runtime::clock::Clock;
use platform_runtime::config::HumanDuration;
use platform_runtime::tls::{SpiffeId, SpiffeKind};
use platform_wire::join::JoinToken;
use serde_json::json;

use crate::command::{As, Change, WorldFolder};
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::{Folder, Layout, disk, operator, seats, trust};

/// Makes a join token with which one node gets its first certificate, once, for one key.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl node invite eu-central-1/1 --into node.token --reason 'more room'")]
pub struct Invite {
    /// The node, such as `eu-central-1/1`; it stands in the region of its cell.
    node: NodeId,
    #[command(flatten)]
    invitation: Invitation,
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

/// What every invitation says beside who is invited.
#[derive(Debug, Clone, Args)]
pub struct Invitation {
    /// The file for the token; only its owner may read it.
    #[arg(long, value_name = "FILE")]
    into: PathBuf,
    /// How long the token waits to be used.
    #[arg(long, default_value = "1h", value_name = "DURATION")]
    expires: HumanDuration,
    /// With whose certificate.
    #[arg(long = "as", value_enum, default_value_t = As::Sre, value_name = "ROLE")]
    who: As,
    #[command(flatten)]
    change: Change,
}

impl Invite {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = operator::connect(&self.world.dir)?;
        let status = admin.status().await.map_err(operator::explain)?;
        let Some(cell) = status.table.cells.get(&self.node.cell) else {
            let message = format!("there is no cell {}", self.node.cell);
            return Err(Hinted::new(message, &["cellctl cell list"]).into());
        };
        let kind = SpiffeKind::Node(self.node.clone());
        let id = trust::id(&status.table.world, &cell.region, kind);
        self.invitation.send(&self.world.dir, id, printer).await
    }
}

impl Invitation {
    /// Makes the token, makes it known, writes it.
    ///
    /// # Errors
    /// When the controllers refuse it, or the file cannot be written: then nobody has the token.
    pub async fn send(&self, dir: &Path, id: SpiffeId, printer: &Printer) -> Result<Ended> {
        if self.into.exists() {
            let message = format!("{} is there already", self.into.display());
            return Err(Hinted::new(message, &["name another file with --into"]).into());
        }
        let client = operator::trust(dir, self.who.person())?;
        let layout = Layout::new(dir);
        let world = Folder::look(&layout)?.world(&layout)?;
        let life_ms = u64::try_from(self.expires.0.as_millis()).context("that long")?;
        let expires_ms = Clock::system().unix_ms().saturating_add(life_ms);
        let token = JoinToken::new(&world, id, expires_ms)?;
        printer.progress(&format!("{} may join within {}", token.id, self.expires));
        let mut decision = None;
        if self.change.dry_run {
            printer.progress("nothing was changed: --dry-run");
        } else {
            let done = client.create_join_token(&token, &self.change.reason).await;
            decision = Some(done.map_err(operator::explain)?.sequence);
            disk::write_private(&self.into, format!("{token}\n").as_bytes())?;
        }
        self.explain(&layout, &token, decision, printer);
        Ok(Ended::Ok)
    }

    fn explain(&self, layout: &Layout, token: &JoinToken, decision: Option<u64>, printer: &Printer) {
        let controllers = joining_at(layout);
        if let Some(decision) = decision {
            printer.say(&format!(
                "the token is in {} (decision {decision}, digest {})\n\nwhoever joins has in its config:\n",
                self.into.display(),
                token.digest()
            ));
            printer.say(&format!(
                "  [join]\n  token_file = \"{}\"\n  controllers = {controllers:?}",
                self.into.display()
            ));
        }
        printer.document(&json!({
            "id": token.id.to_string(),
            "token_file": self.into,
            "digest": token.digest().to_string(),
            "expires_ms": token.expires_ms,
            "controllers": controllers,
            "changed": decision.is_some(),
            "decision": decision,
        }));
    }
}

/// Where the controllers of a world on this machine let processes join.
pub fn joining_at(layout: &Layout) -> Vec<String> {
    let controllers = seats::seats().into_iter().filter(|seat| seat.is_controller());
    let known = controllers.filter_map(|seat| addresses::recall(&layout.data(&seat), "controld-join"));
    known.map(|address| address.to_string()).collect()
}
