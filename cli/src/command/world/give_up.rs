//! `world give-up`: a node that will never tell what it knows of a world that was recovered.

use anyhow::Result;
use clap::Args;
use platform_model::NodeId;
use serde::Serialize;

use crate::ask;
use crate::command::WorldArgs;
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
    node: NodeId,
    /// The node once more. On a terminal one is asked for it.
    #[arg(long, value_name = "NODE")]
    confirm: Option<String>,
    /// Why; stands in the record of the decision.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Debug, Serialize)]
struct GivenUp {
    node: String,
    /// Number of the decision; 0: it was given up already.
    decision: u64,
}

impl GiveUp {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = self.world.admin()?;
        let name = self.node.to_string();
        let again = format!("the same command with --confirm {name}");
        ask::severe(&name, self.confirm.as_deref(), &again, printer).await?;
        let done = admin.give_node_up(&self.node, &self.reason).await;
        let done = done.map_err(operator::explain)?;
        let view = GivenUp {
            node: name,
            decision: done.sequence,
        };
        printer.say(&format!("{} is waited for no more", view.node));
        printer.document(&view);
        Ok(Ended::Ok)
    }
}
