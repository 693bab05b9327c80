//! `world give-up`: a node that will never tell what it knows of a world that was recovered.

use anyhow::Result;
use clap::Args;
use platform_model::NodeId;
use serde::Serialize;

use crate::ask;
use crate::command::{Change, WorldArgs};
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// After a recovery: gives up what a node may know that will never answer. Severe: if it knows of a newer primary of a shard
/// than all others, and comes back, that shard has gone on without what was written there.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl world give-up eu-west-1/0 --confirm eu-west-1/0 --reason 'burnt with the region'"
)]
pub struct GiveUp {
    /// The node that will never answer; `cellctl world status` names those that are waited for.
    #[arg(add = crate::command::known::nodes())]
    node: NodeId,
    /// The node once more. On a terminal one is asked for it.
    #[arg(long, value_name = "NODE")]
    confirm: Option<String>,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Debug, Serialize)]
struct GivenUp {
    node: String,
    /// Whether it was waited for.
    waited_for: bool,
    changed: bool,
    /// Number of the decision; none if nothing was decided.
    decision: Option<u64>,
}

impl GiveUp {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = self.world.admin()?;
        let status = admin.status().await.map_err(operator::explain)?;
        let waits_for = status.recovering.map(|recovering| recovering.waits_for);
        let mut view = GivenUp {
            node: self.node.to_string(),
            waited_for: waits_for.is_some_and(|nodes| nodes.contains(&self.node)),
            changed: false,
            decision: None,
        };
        if self.change.dry_run {
            printer.progress("nothing was changed: --dry-run");
        } else {
            let name = &view.node;
            let again = format!("the same command with --confirm {name}");
            ask::severe(name, self.confirm.as_deref(), &again, printer).await?;
            let done = admin.give_node_up(&self.node, &self.change.reason).await;
            let done = done.map_err(operator::explain)?;
            printer.say(&format!("{name} is waited for no more"));
            view.changed = done.sequence > 0;
            view.decision = view.changed.then_some(done.sequence);
        }
        printer.document(&view);
        Ok(Ended::Ok)
    }
}
