//! `world status`: controllers, cells, homes, and whether every shard is served.

use anyhow::Result;
use clap::Args;
use platform_wire::admin::{Recovering, WorldStatus};
use serde::Serialize;

use crate::command::WorldArgs;
use crate::command::automation::AutomationView;
use crate::exit::Ended;
use crate::printer::{Printer, counted};
use crate::world::{operator, ready};

/// Shows controllers, cells and homes. Exit code 3 if some shard is not served.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl world status -o json")]
pub struct Status {
    #[command(flatten)]
    world: WorldArgs,
}

impl Status {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let status = self.world.admin()?.status().await.map_err(operator::explain)?;
        let view = View::of(&status);
        view.say(printer);
        printer.data(&view, [&view.world]);
        Ok(if view.serves { Ended::Ok } else { Ended::Differs })
    }
}

#[derive(Debug, Serialize)]
struct View {
    world: String,
    table: u64,
    answered_by: String,
    serves: bool,
    missing: Option<String>,
    /// `running`, or why it is paused.
    automation: AutomationView,
    /// Only while a recovered world does not know of every shard who holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovering: Option<RecoveringView>,
    controllers: Vec<Controller>,
    homes: Vec<Home>,
    shards: usize,
}

#[derive(Debug, Serialize)]
struct RecoveringView {
    /// Of which it is not known who holds them.
    shards: u32,
    /// Nodes that may know, and have not told.
    waits_for: Vec<String>,
    /// Nodes go by a later law than the one in force: one is to be proposed and approved anew.
    law_is_behind: bool,
    /// Why shards are not adopted of which everybody has told; a few of them.
    not_adopted: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Controller {
    id: u64,
    address: String,
    role: &'static str,
}

#[derive(Debug, Serialize)]
struct Home {
    home: String,
    host: String,
    shards: u16,
    cells: Vec<String>,
}

impl View {
    fn of(status: &WorldStatus) -> Self {
        let missing = ready::not_ready(status, &ready::StartedAfter::new());
        let leads = |id: u64| status.leader.as_ref().is_some_and(|leader| leader.id == id);
        let controllers = status.members.iter().map(|member| Controller {
            id: member.id,
            address: member.address.clone(),
            role: if leads(member.id) { "leader" } else { "follower" },
        });
        let homes = status.table.homes.iter().map(|(id, home)| Home {
            home: id.to_string(),
            host: home.host.clone(),
            shards: home.shard_count,
            cells: cells_of(status, id),
        });
        Self {
            world: status.table.world.to_string(),
            table: status.table.generation.0,
            answered_by: status.controller.clone(),
            serves: missing.is_none(),
            missing,
            automation: AutomationView::of(status.automation.as_ref()),
            recovering: status.recovering.as_ref().map(RecoveringView::of),
            controllers: controllers.collect(),
            homes: homes.collect(),
            shards: status.shards.len(),
        }
    }

    fn say(&self, printer: &Printer) {
        printer.say(&format!("world {}  table g{}\n", self.world, self.table));
        let member = |c: &Controller| vec![c.id.to_string(), c.address.clone(), c.role.to_owned()];
        let members: Vec<_> = self.controllers.iter().map(member).collect();
        printer.table(&["controller", "address", "role"], &members);
        printer.say("");
        let home = |home: &Home| {
            let (shards, cells) = (home.shards.to_string(), home.cells.join(" "));
            vec![home.home.clone(), home.host.clone(), shards, cells]
        };
        let homes: Vec<_> = self.homes.iter().map(home).collect();
        printer.table(&["home", "host", "shards", "cells"], &homes);
        printer.say(&format!("\nautomation {}", self.automation.told()));
        if let Some(recovering) = &self.recovering {
            printer.say(&recovering.told());
        }
        match &self.missing {
            None => printer.say(&format!(
                "all {} served",
                counted(self.shards, "shard is", "shards are")
            )),
            Some(why) => printer.say(&format!("the world does not serve: {why}")),
        }
    }
}

impl RecoveringView {
    fn of(recovering: &Recovering) -> Self {
        Self {
            shards: recovering.shards,
            waits_for: recovering.waits_for.iter().map(ToString::to_string).collect(),
            law_is_behind: recovering.law_is_behind,
            not_adopted: recovering.not_adopted.clone(),
        }
    }

    fn told(&self) -> String {
        if self.law_is_behind {
            return "recovered: nodes go by a later law; no table goes out before one is approved anew: cellctl policy apply".to_owned();
        }
        if !self.not_adopted.is_empty() {
            return format!(
                "recovered: what nodes told is not adopted:\n  {}",
                self.not_adopted.join("\n  ")
            );
        }
        let shards = usize::try_from(self.shards).unwrap_or(usize::MAX);
        let shards = counted(shards, "shard", "shards");
        let waits_for = self.waits_for.join(" ");
        format!("recovered: who holds {shards} is not known before these have told: {waits_for}")
    }
}

fn cells_of(status: &WorldStatus, home: &platform_model::HomeId) -> Vec<String> {
    let shards = status
        .shards
        .iter()
        .filter(|shard| shard.shard.home() == Some(home));
    let mut cells: Vec<String> = shards.map(|shard| shard.cell.to_string()).collect();
    cells.sort();
    cells.dedup();
    cells
}
