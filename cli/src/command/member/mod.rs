//! `member`: the controllers themselves.

mod add;
mod list;
mod remove;

use anyhow::Result;
use clap::Subcommand;
use platform_wire::admin::Member as Controller;
use serde_json::{Value, json};

use crate::command::WorldFolder;
use crate::exit::Ended;
use crate::printer::Printer;

/// The controllers: list, add, remove.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl member list")]
pub enum Member {
    List(list::List),
    Add(add::Add),
    Remove(remove::Remove),
}

impl Member {
    pub fn folder(&self) -> &WorldFolder {
        match self {
            Self::List(command) => &command.world,
            Self::Add(command) => &command.world,
            Self::Remove(command) => &command.world,
        }
    }

    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::List(command) => command.run(printer).await,
            Self::Add(command) => command.run(printer).await,
            Self::Remove(command) => command.run(printer).await,
        }
    }
}

fn rows(members: &[Controller]) -> Vec<Vec<String>> {
    members
        .iter()
        .map(|member| vec![member.id.to_string(), member.address.clone()])
        .collect()
}

fn document(members: &[Controller]) -> Value {
    members
        .iter()
        .map(|member| json!({ "id": member.id, "address": member.address }))
        .collect()
}
