//! `residency verify`: a kept report, proved again, without asking anybody.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::evidence::{alarm, say};
use crate::command::DeskArgs;
use crate::evidence::copy::ReportView;
use crate::evidence::report::{kept, proved};
use crate::exit::Ended;
use crate::printer::Printer;

/// Proves a report that `residency report --out` kept, and shows it. Exit code 1 if it proves nothing, 3 if it raises an
/// alarm.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl residency verify report.json")]
pub struct Verify {
    /// The file.
    file: PathBuf,
    #[command(flatten)]
    pub(super) world: DeskArgs,
}

impl Verify {
    pub fn run(&self, printer: &Printer) -> Result<Ended> {
        let signed = kept(&self.file)?;
        let desk = self.world.desk()?;
        let proved = proved(&desk.identity, &desk.world, &signed)?;
        printer.progress(&format!("signed by {}", proved.signer));
        // Since when its law held stands in no report: a node that judged by another is told.
        let view = ReportView::of(&proved.report, None, None);
        say(&view, printer);
        let made = view.copies.iter().filter(|copy| copy.node.is_some()).count();
        let ended = alarm(&view.findings, made, &self.world, printer);
        printer.document(&view);
        Ok(ended)
    }
}
