//! `event retry`, `event drop`: what becomes of one.

use anyhow::Result;
use clap::Args;
use platform_wire::events::Settle;
use serde_json::json;

use super::Parked;
use crate::ask::Change;
use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Has a parked event tried again: by its receiver, or told again by its source behind all that was told since. One that
/// is refused again stays parked.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl event retry 3f9a01bc22d45e10 --reason 'all nodes are upgraded'")]
pub struct Retry {
    #[command(flatten)]
    one: One,
}

/// Drops a parked event for ever: what it says never takes effect.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl event drop 3f9a01bc22d45e10 --reason 'its receiver never was'")]
pub struct Drop {
    #[command(flatten)]
    one: One,
}

#[derive(Debug, Args)]
struct One {
    /// Its id, as `cellctl event parked` says it.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    world: WorldArgs,
}

impl Retry {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        self.one.settle(false, printer).await
    }
}

impl Drop {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        self.one.settle(true, printer).await
    }
}

impl One {
    async fn settle(&self, drop: bool, printer: &Printer) -> Result<Ended> {
        let parked = Parked::ask(&self.world, printer).await?;
        let (place, event) = parked.find(&self.id)?;
        let what = if drop { "drop" } else { "try again" };
        printer.progress(&format!(
            "{what} {}/{} for {}: {}",
            event.domain, event.name, event.to, event.reason
        ));
        let sure = &self.change.sure;
        sure.ask(printer).await?;
        let settle = Settle {
            id: self.id.clone(),
            drop,
            reason: self.change.reason.clone(),
            dry_run: sure.dry_run,
        };
        let settled = parked
            .client
            .settle((&place.node, &place.region), &place.address, &settle);
        let settled = settled.await.map_err(operator::explain)?;
        if settled.settled {
            printer.say(&format!("{} is settled", self.id));
        } else {
            printer.say(&format!("{} stays parked: {}", self.id, settled.why));
        }
        printer.document(&json!({
            "id": self.id,
            "dropped": drop && settled.settled,
            "settled": settled.settled,
            "why": settled.why,
        }));
        let stays = !settled.settled && !sure.dry_run;
        Ok(if stays { Ended::Differs } else { Ended::Ok })
    }
}
