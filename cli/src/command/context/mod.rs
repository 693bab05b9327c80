//! `context`: the worlds that one knows by name.

mod add;
mod list;
mod remove;
mod show;
mod switch;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::contexts::{Context as Known, Surroundings};
use crate::exit::{Ended, Hinted};
use crate::printer::{Column, Listed, Printer};

/// Worlds by name: list, use, show, add, remove.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl context use prod")]
pub enum Context {
    List(list::List),
    Use(switch::Use),
    Show(show::Show),
    Add(add::Add),
    Remove(remove::Remove),
}

impl Context {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::List(command) => command.run(printer),
            Self::Use(command) => command.run(printer),
            Self::Show(command) => command.run(printer),
            Self::Add(command) => command.run(printer),
            Self::Remove(command) => command.run(printer).await,
        }
    }
}

/// Which file.
#[derive(Debug, Clone, Args)]
struct File {
    /// The file of contexts [env: CELLCTL_CONTEXTS; else cellctl/contexts.toml in the user's folder of settings].
    #[arg(long, value_name = "FILE")]
    contexts: Option<PathBuf>,
}

impl File {
    fn path(&self) -> Result<PathBuf> {
        let file = self.contexts.clone().or(Surroundings::read().file);
        file.ok_or_else(|| {
            let message = "there is no file of contexts: neither HOME nor XDG_CONFIG_HOME is set";
            Hinted::new(message, &["name the file with --contexts FILE"]).into()
        })
    }
}

/// A context as it is shown.
#[derive(Debug, Serialize)]
struct View {
    name: String,
    current: bool,
    world: String,
    identity: String,
    controllers: Vec<Process>,
    routers: Vec<Process>,
}

#[derive(Debug, Serialize)]
struct Process {
    name: String,
    address: String,
}

impl View {
    fn of(name: &str, known: &Known, current: Option<&String>) -> Self {
        let processes = |all: &std::collections::BTreeMap<String, String>| {
            let pairs = all.iter().map(|(name, address)| Process {
                name: name.clone(),
                address: address.clone(),
            });
            pairs.collect()
        };
        Self {
            name: name.to_owned(),
            current: current.is_some_and(|current| current == name),
            world: known.world.to_string(),
            identity: known.identity.display().to_string(),
            controllers: processes(&known.controllers),
            routers: processes(&known.routers),
        }
    }
}

impl Listed for View {
    const COLUMNS: &'static [Column] = &[
        Column::new(""),
        Column::new("context"),
        Column::new("world"),
        Column::new("controllers"),
        Column::wide("identity"),
        Column::wide("routers"),
    ];

    fn cells(&self) -> Vec<String> {
        let addresses = |all: &[Process]| {
            let addresses: Vec<&str> = all.iter().map(|process| process.address.as_str()).collect();
            addresses.join(" ")
        };
        vec![
            if self.current { "*" } else { "" }.to_owned(),
            self.name.clone(),
            self.world.chars().take(16).collect(),
            addresses(&self.controllers),
            self.identity.clone(),
            addresses(&self.routers),
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}
