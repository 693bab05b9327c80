//! `break-glass close`: ends a window early.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::command::{As, Change, WorldFolder};
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Ends a window before its time.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl break-glass close 3 --reason 'done'")]
pub struct Close {
    /// Its number.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    number: u64,
    /// With whose certificate.
    #[arg(long = "as", value_enum, default_value_t = As::Sre, value_name = "ROLE")]
    who: As,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

impl Close {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let client = operator::trust(&self.world.dir, self.who.person())?;
        printer.progress(&format!("window {} ends", self.number));
        let mut decision = None;
        if self.change.dry_run {
            printer.progress("nothing was changed: --dry-run");
        } else {
            let done = client.close_break_glass(self.number, &self.change.reason).await;
            let sequence = done.map_err(operator::explain)?.sequence;
            decision = Some(sequence);
            printer.say(&format!("window {} is closed (decision {sequence})", self.number));
        }
        printer.document(&json!({
            "number": self.number,
            "changed": decision.is_some(),
            "decision": decision,
        }));
        Ok(Ended::Ok)
    }
}
