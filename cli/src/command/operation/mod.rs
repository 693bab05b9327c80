//! `operation`: long work on shards, from its start to its end.

mod change;
pub mod follow;
mod list;
#[cfg(test)]
pub mod sample;
mod show;
pub mod started;
pub mod view;
mod watch;
pub mod words;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Ended;
use crate::printer::Printer;

/// Long work on shards: list, show, watch, pause, resume, cancel, reverse, finish.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example: cellctl operation list\n         cellctl operation watch 7")]
pub enum Operation {
    List(list::List),
    Show(show::Show),
    Watch(watch::Watch),
    Pause(change::Pause),
    Resume(change::Resume),
    Cancel(change::Cancel),
    Reverse(change::Reverse),
    Finish(change::Finish),
}

impl Operation {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        match self {
            Self::List(command) => command.run(printer).await,
            Self::Show(command) => command.run(printer).await,
            Self::Watch(command) => command.run(printer).await,
            Self::Pause(command) => command.run(printer).await,
            Self::Resume(command) => command.run(printer).await,
            Self::Cancel(command) => command.run(printer).await,
            Self::Reverse(command) => command.run(printer).await,
            Self::Finish(command) => command.run(printer).await,
        }
    }
}
