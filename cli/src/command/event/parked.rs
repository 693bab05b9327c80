//! `event parked`: every event that was not taken.

use anyhow::Result;
use clap::Args;

use super::Parked;
use super::view::ParkedView;
use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::Printer;

/// Lists the events that were not taken, with the reason: those that their receivers could not take, and those that could
/// not be delivered and never left. What they say is shown to nobody.
#[derive(Debug, Args)]
#[command(name = "parked", after_help = "Example: cellctl event parked -o json")]
pub struct ParkedList {
    #[command(flatten)]
    world: WorldArgs,
}

impl ParkedList {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let parked = Parked::ask(&self.world, printer).await?;
        let events = parked.all.iter().flat_map(|(_, events)| events);
        printer.list(&events.map(ParkedView::from).collect::<Vec<_>>());
        if parked.more {
            printer.aside("a shard has more than are shown: settle some of them first");
        }
        Ok(Ended::Ok)
    }
}
