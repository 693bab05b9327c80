//! `world status`: controllers, cells, homes, and whether every shard is served.

use anyhow::Result;
use clap::Args;
use platform_wire::admin::WorldStatus;
use serde_json::{Value, json};

use crate::command::WorldFolder;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::{operator, ready};

/// Shows controllers, cells and homes. Exit code 3 if some shard is not served.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl world status -o json")]
pub struct Status {
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

impl Status {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = operator::connect(&self.world.dir)?;
        let status = admin.status().await.map_err(operator::explain)?;
        let missing = ready::not_ready(&status, &ready::StartedAfter::new());
        say(&status, missing.as_deref(), printer);
        printer.document(&document(&status, missing.as_deref()));
        Ok(if missing.is_none() {
            Ended::Ok
        } else {
            Ended::Differs
        })
    }
}

fn say(status: &WorldStatus, missing: Option<&str>, printer: &Printer) {
    printer.say(&format!(
        "world {}  table {}\n",
        status.table.world, status.table.generation
    ));
    let members: Vec<Vec<String>> = members(status).into_iter().map(Vec::from).collect();
    printer.table(&["controller", "address", "role"], &members);
    printer.say("");
    printer.table(&["home", "host", "shards", "cells"], &homes(status));
    printer.say("");
    match missing {
        None => printer.say(&format!("all {} shards are served", status.shards.len())),
        Some(why) => printer.say(&format!("the world does not serve: {why}")),
    }
}

/// Id, address and role of each controller.
fn members(status: &WorldStatus) -> Vec<[String; 3]> {
    let leads = |id: u64| status.leader.as_ref().is_some_and(|leader| leader.id == id);
    let role = |id| if leads(id) { "leader" } else { "follower" };
    status
        .members
        .iter()
        .map(|m| [m.id.to_string(), m.address.clone(), role(m.id).to_owned()])
        .collect()
}

fn homes(status: &WorldStatus) -> Vec<Vec<String>> {
    let row = |(id, home): (&platform_model::HomeId, &platform_model::Home)| {
        let shards = status
            .shards
            .iter()
            .filter(|shard| shard.shard.home() == Some(id));
        let mut cells: Vec<String> = shards.map(|shard| shard.cell.to_string()).collect();
        cells.sort();
        cells.dedup();
        vec![
            id.to_string(),
            home.host.clone(),
            home.shard_count.to_string(),
            cells.join(" "),
        ]
    };
    status.table.homes.iter().map(row).collect()
}

fn document(status: &WorldStatus, missing: Option<&str>) -> Value {
    let member = |[id, address, role]: [String; 3]| json!({ "id": id.parse::<u64>().ok(), "address": address, "role": role });
    let home = |row: Vec<String>| json!({ "home": row[0], "host": row[1], "shards": row[2].parse::<u16>().ok(), "cells": row[3] });
    json!({
        "world": status.table.world.to_string(),
        "table": status.table.generation.0,
        "answered_by": status.controller,
        "serves": missing.is_none(),
        "missing": missing,
        "controllers": members(status).into_iter().map(member).collect::<Vec<_>>(),
        "homes": homes(status).into_iter().map(home).collect::<Vec<_>>(),
        "shards": status.shards.len(),
    })
}
