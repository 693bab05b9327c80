//! `residency diff`: only what differs between what is intended, what is seen and what the law permits.

use anyhow::Result;
use clap::Args;

use super::evidence::{Evidence, alarm};
use crate::command::DeskArgs;
use crate::evidence::finding::findings;
use crate::exit::Ended;
use crate::printer::Printer;

/// Shows the differences alone. Exit code 3 if there is one.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl residency diff -o json")]
pub struct Diff {
    #[command(flatten)]
    pub(super) world: DeskArgs,
}

impl Diff {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let evidence = Evidence::fetch(&self.world).await?;
        let report = &evidence.proved.report;
        let found = findings(report, evidence.law_since_ms());
        let made = report.copies.iter().filter(|copy| copy.node.is_some()).count();
        let ended = alarm(&found, made, &self.world, printer);
        printer.document(&found);
        Ok(ended)
    }
}
