//! Runs about one promise: `chaos run --scenario NAME`. Each has people of its own, who do what the promise is about, or
//! faults of its own.

mod claims;
mod events;
mod events_people;
mod recover;
mod relocate;
mod relocate_blows;
mod relocate_homes;
mod relocate_judge;
mod relocate_names;
mod relocate_people;
mod relocate_seen;
mod relocate_watchers;
mod restore;
mod restore_people;
mod restore_search;
mod shared_store;
mod shared_store_counts;
mod shared_store_document;
mod shared_store_mixed;
mod shared_store_server;
mod shown;
mod strikes;
mod struck;

use anyhow::Result;
use clap::ValueEnum;
use cli_world::Progress;
use platform_report::Document;

use crate::run::Options;

/// What a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// What people show each other over homes takes effect exactly once and in order.
    Events,
    /// An address that two want at once, in two cells, is one person's; one that nobody finished to claim is free again.
    Claims,
    /// Who changes home while he uses it has one home, and all that was acknowledged.
    Relocate,
    /// A cell is lost for good under load and goes on from its backups; who was erased stays erased.
    Restore,
    /// All controllers are lost for good under load, and the world goes on from a backup of their state.
    Recover,
    /// Nodes of one cell share a store, and take over from each other.
    SharedStore,
}

impl Scenario {
    /// As it is written on the command line.
    pub fn name(self) -> String {
        let value = self.to_possible_value().expect("no scenario is hidden");
        value.get_name().to_owned()
    }

    /// # Errors
    /// When the run could not be made: it says nothing of the platform then.
    pub async fn run(self, options: &Options, progress: &dyn Progress) -> Result<Document> {
        match self {
            Self::Events => events::run(options, progress).await,
            Self::Claims => claims::run(options, progress).await,
            Self::Relocate => relocate::run(options, progress).await,
            Self::Restore => restore::run(options, progress).await,
            Self::Recover => recover::run(options, progress).await,
            Self::SharedStore => shared_store::run(options, progress).await,
        }
    }
}
