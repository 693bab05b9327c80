//! `identity show`: what one's own certificate says.

use anyhow::Result;
use clap::Args;
use platform_runtime::clock::Clock;
use platform_runtime::tls::Identity;
use serde_json::json;

use crate::command::{As, WorldFolder};
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::{Folder, Layout};

/// Shows the certificate with which cellctl asks. Exit code 3 if it is not good now.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl identity show --as compliance")]
pub struct Show {
    /// Whose certificate.
    #[arg(long = "as", value_enum, default_value_t = As::Sre, value_name = "ROLE")]
    who: As,
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

impl Show {
    pub fn run(&self, printer: &Printer) -> Result<Ended> {
        let layout = Layout::new(&self.world.dir);
        let world = Folder::look(&layout)?.world(&layout)?;
        let folder = self.who.person().identity(&layout);
        let identity = Identity::load(&folder, &world)?;
        let (from_s, to_s) = identity.good_s();
        let now_s = Clock::system().unix_s();
        let is_good = (from_s..to_s).contains(&now_s);
        let left = platform_runtime::config::HumanDuration(std::time::Duration::from_secs(
            to_s.saturating_sub(now_s) / 3_600 * 3_600,
        ));
        let state = if is_good {
            format!("good for {left}")
        } else {
            "not good now".to_owned()
        };
        let row = vec![
            identity.spiffe_id().to_string(),
            state,
            folder.display().to_string(),
        ];
        printer.table(&["id", "certificate", "folder"], &[row]);
        printer.document(&json!({
            "id": identity.spiffe_id().to_string(),
            "good": is_good,
            "from_s": from_s,
            "to_s": to_s,
            "folder": folder,
        }));
        Ok(if is_good { Ended::Ok } else { Ended::Differs })
    }
}
