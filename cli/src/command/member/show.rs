//! `member show`: one controller, asked by itself.

use anyhow::Result;
use clap::Args;
use platform_runtime::clock::Clock;
use platform_wire::admin::{AdminClient, WorldStatus};
use serde::Serialize;

use crate::command::WorldArgs;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::operator;

/// Shows what one controller knows by itself: whom it follows and how far it is.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl member show 2")]
pub struct Show {
    /// Its Raft id.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    id: u64,
    #[command(flatten)]
    world: WorldArgs,
}

#[derive(Serialize)]
struct View {
    id: u64,
    name: String,
    address: String,
    leads: bool,
    follows: Option<u64>,
    table: u64,
    position: Option<u64>,
    world_made: bool,
}

impl View {
    fn of(status: WorldStatus, address: String) -> Self {
        let follows = status.leader.as_ref().map(|leader| leader.id);
        Self {
            id: status.controller_id,
            leads: follows == Some(status.controller_id),
            follows: follows.filter(|id| *id != status.controller_id),
            name: status.controller,
            address,
            table: status.table.generation.0,
            position: status.insight.map(|insight| insight.position),
            world_made: status.world_made,
        }
    }

    fn lines(&self) -> String {
        let follows = match (self.leads, self.follows) {
            (true, _) => "leads".to_owned(),
            (false, Some(id)) => format!("follows {id}"),
            (false, None) => "knows no leader".to_owned(),
        };
        let position = self
            .position
            .map_or_else(|| "-".to_owned(), |position| position.to_string());
        let lines = [
            ("controller", self.id.to_string()),
            ("name", self.name.clone()),
            ("address", self.address.clone()),
            ("role", follows),
            ("table", format!("g{}", self.table)),
            ("position", position),
        ];
        let line = |(name, value): (&str, String)| format!("  {name:<10} {value}");
        lines.map(line).join("\n")
    }
}

impl Show {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let target = self.world.target()?;
        let status = target.admin()?.status().await.map_err(operator::explain)?;
        let Some(member) = status.members.iter().find(|member| member.id == self.id) else {
            let message = format!("there is no controller {}", self.id);
            return Err(Hinted::new(message, &["cellctl member list"]).into());
        };
        let address = member.address.clone();
        let alone = AdminClient::connect(vec![address.clone()], target.identity()?, Clock::system())?;
        let own = alone.insight(false).await.map_err(operator::explain)?;
        let view = View::of(own, address);
        printer.say(&view.lines());
        printer.data(&view, [self.id]);
        Ok(if view.leads || view.follows.is_some() {
            Ended::Ok
        } else {
            Ended::Differs
        })
    }
}
