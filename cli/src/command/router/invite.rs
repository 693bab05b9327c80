//! `router invite`: a join token for one router.

use anyhow::Result;
use clap::Args;
use platform_model::RegionId;
use platform_runtime::tls::SpiffeKind;

use crate::command::WorldFolder;
use crate::command::node::invite::Invitation;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::{Folder, Layout, trust};

/// Makes a join token with which one router gets its first certificate, once, for one key.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl router invite 2 --region eu-west --into router.token --reason 'more doors'"
)]
pub struct Invite {
    /// The router's name: lower-case letters, digits and hyphens.
    #[arg(value_parser = name)]
    router: String,
    /// Where it stands.
    #[arg(long, value_name = "REGION")]
    region: RegionId,
    #[command(flatten)]
    invitation: Invitation,
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

/// Names follow the rule of places.
fn name(text: &str) -> Result<String, platform_model::InvalidId> {
    RegionId::new(text).map(String::from)
}

impl Invite {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let layout = Layout::new(&self.world.dir);
        let world = Folder::look(&layout)?.world(&layout)?;
        let id = trust::id(&world, &self.region, SpiffeKind::Router(self.router.clone()));
        self.invitation.send(&self.world.dir, id, printer).await
    }
}
