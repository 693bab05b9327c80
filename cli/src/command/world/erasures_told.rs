//! `world erasures-told`: after a recovery, a person's word that the list of the erased is whole.

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::command::{Change, DeskArgs};
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// After a recovery: says that everybody is on the list again who was erased after the backup of the controllers' state. Until
/// then no shard is restored, for a restore would bring him back. Erase him once more first: `cellctl user erase`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl world erasures-told --reason 'compared with the archived ledger' --as compliance/ann"
)]
pub struct ErasuresTold {
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    world: DeskArgs,
}

#[derive(Debug, Serialize)]
struct ToldView {
    changed: bool,
    /// Number of the decision; none if nothing was decided.
    decision: Option<u64>,
}

impl ErasuresTold {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let desk = self.world.desk()?;
        let mut decision = None;
        if self.change.dry_run {
            printer.progress("nothing was changed: --dry-run");
        } else {
            let sent = desk.admin.tell_erasures(&self.change.reason).await;
            let number = sent.map_err(operator::explain)?.sequence;
            decision = (number > 0).then_some(number);
            printer.say("shards may be restored");
        }
        printer.document(&ToldView {
            changed: decision.is_some(),
            decision,
        });
        Ok(Ended::Ok)
    }
}
