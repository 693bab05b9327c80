//! `context list`: the contexts of the file; a star marks the one in use.

use anyhow::Result;
use clap::Args;

use super::{File, View};
use crate::contexts::Contexts;
use crate::exit::Ended;
use crate::printer::Printer;

/// Lists the contexts; a star marks the one in use.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl context list -o wide")]
pub struct List {
    #[command(flatten)]
    file: File,
}

impl List {
    pub fn run(&self, printer: &Printer) -> Result<Ended> {
        let contexts = Contexts::load(&self.file.path()?)?;
        let all = contexts.contexts.iter();
        let views = all.map(|(name, known)| View::of(name, known, contexts.current.as_ref()));
        printer.list(&views.collect::<Vec<_>>());
        Ok(Ended::Ok)
    }
}
