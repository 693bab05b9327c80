//! `demo`: the command line of the demo; what it does is in `crate::demo`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::demo::{self, Sabotage};
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::Binaries;

/// Starts a world, brings people and real workouts into it, and shows that it holds what it promises.
///
/// Builds what it lacks, runs everything on this machine in a folder of its own, and cleans up. Ends with exit code 1
/// where anything is not so.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl demo --files ~/workouts --keep")]
pub struct Demo {
    /// Uploads the files of this folder (.fit, .gpx, .tcx, .gz) instead of those that come with the parsers.
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
    /// Leaves the world up and says what to try next.
    #[arg(long)]
    keep: bool,
    /// Plants a fault, to show that the demo notices: it must end with exit code 1.
    #[arg(long, value_enum, value_name = "NAME")]
    sabotage: Option<Sabotage>,
    /// Takes the servers that lie beside cellctl as they are, instead of building them.
    #[arg(long, conflicts_with = "sabotage")]
    no_build: bool,
}

impl Demo {
    pub async fn run(self, printer: &Printer) -> Result<Ended> {
        let binaries = match (self.sabotage, self.no_build) {
            (Some(_), _) => Binaries::Failpoints,
            (None, true) => Binaries::AsTheyAre,
            (None, false) => Binaries::Normal,
        };
        let options = demo::Options {
            binaries,
            files: self.files,
            keep: self.keep,
            sabotage: self.sabotage,
        };
        demo::run(&options, printer).await
    }
}
