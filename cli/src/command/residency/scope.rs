//! `residency scope`: whose data would be out of reach, or gone, with a cell, a node or a region.

use anyhow::Result;
use clap::Args;

use super::evidence::Evidence;
use crate::command::DeskArgs;
use crate::evidence::loss::{LossView, Lost, loss};
use crate::exit::{Ended, Hinted};
use crate::printer::{Printer, counted};

/// Shows which homes and shards would be lost, about how many people, and what has no other copy.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl residency scope --lost cell/eu-west-1")]
pub struct Scope {
    /// What is lost: `cell/CELL`, `node/NODE` or `region/REGION`.
    #[arg(long, value_name = "WHAT")]
    lost: Lost,
    #[command(flatten)]
    pub(super) world: DeskArgs,
}

impl Scope {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let evidence = Evidence::fetch(&self.world).await?;
        let report = &evidence.proved.report;
        if !self.lost.is_known(report) {
            let message = format!("no shard is meant for {}", self.lost);
            return Err(Hinted::new(message, &["cellctl cell list"]).into());
        }
        let view = loss(report, &self.lost);
        say(&view, printer);
        printer.document(&view);
        Ok(Ended::Ok)
    }
}

fn say(view: &LossView, printer: &Printer) {
    let shards = counted(view.shards.len(), "shard", "shards");
    printer.say(&format!("without {}: {shards}", view.lost));
    let header = ["home", "shards", "of", "people", "keys"];
    let rows = view.homes.iter().map(|home| {
        vec![
            home.home.clone(),
            home.shards_lost.to_string(),
            home.shards.to_string(),
            format!("about {} %", home.people_percent),
            if home.keys_lost { "lost" } else { "kept" }.to_owned(),
        ]
    });
    printer.table(&header, &rows.collect::<Vec<_>>());
    if !view.directories.is_empty() {
        let names = view.directories.join(" ");
        printer.say(&format!(
            "nobody registers while these directories are away: {names}"
        ));
    }
    let lonely = view.without_another_copy;
    printer.say(&format!(
        "no other copy: {lonely} of {shards}. Every shard has one copy today; standbys come with replication."
    ));
}
