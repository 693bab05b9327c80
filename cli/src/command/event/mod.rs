//! `event`: events between people that were not taken.

mod parked;
mod settle;
mod show;
mod view;

use anyhow::{Context, Result};
use clap::Subcommand;
use platform_model::{NodeId, RegionId};
use platform_wire::events::{ParkedClient, ParkedEvent};

use crate::command::WorldArgs;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::operator;

/// Events that were not taken: list, show, try again, drop.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Example: cellctl event parked\n         cellctl event retry 3f9a01bc22d45e10 --reason 'all nodes are upgraded'"
)]
pub enum Event {
    Parked(parked::ParkedList),
    Show(show::Show),
    Retry(settle::Retry),
    Drop(settle::Drop),
}

impl Event {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::Parked(command) => command.run(printer).await,
            Self::Show(command) => command.run(printer).await,
            Self::Retry(command) => command.run(printer).await,
            Self::Drop(command) => command.run(printer).await,
        }
    }
}

/// A node, and how it is reached.
struct Place {
    node: NodeId,
    region: RegionId,
    address: String,
}

/// What every node says of the parked events of the shards that it serves.
struct Parked {
    client: ParkedClient,
    all: Vec<(Place, Vec<ParkedEvent>)>,
    /// A shard has more than it tells.
    more: bool,
}

impl Parked {
    /// Asks every node that serves something; one that does not answer is said aside.
    ///
    /// # Errors
    /// When the controllers do not say which nodes there are, or none of them answers.
    async fn ask(world: &WorldArgs, printer: &Printer) -> Result<Self> {
        let target = world.target()?;
        let client = ParkedClient::new(target.identity()?);
        let status = target.admin()?.status().await.map_err(operator::explain)?;
        let table = status.table;
        let (mut all, mut more, mut silent) = (Vec::new(), false, 0);
        for (node, known) in &table.nodes {
            let cell = table.cells.get(&node.cell).context("a node of no cell")?;
            let place = Place {
                node: node.clone(),
                region: cell.region.clone(),
                address: known.address.clone(),
            };
            match client.list((node, &cell.region), &known.address).await {
                Ok((events, has_more)) => {
                    more |= has_more;
                    all.push((place, events));
                }
                Err(error) => {
                    silent += 1;
                    printer.aside(&format!("node {node} gives no answer: {error}"));
                }
            }
        }
        if all.is_empty() && silent > 0 {
            return Err(Hinted::new("no node gives an answer", &["cellctl node list"]).into());
        }
        Ok(Self { client, all, more })
    }

    fn find(&self, id: &str) -> Result<(&Place, &ParkedEvent)> {
        let mut found = self.all.iter().flat_map(|(place, events)| {
            let events = events.iter().filter(|event| event.id == id);
            events.map(move |event| (place, event))
        });
        found.next().ok_or_else(|| {
            let message = format!("no event `{id}` is parked");
            Hinted::new(message, &["cellctl event parked"]).into()
        })
    }
}
