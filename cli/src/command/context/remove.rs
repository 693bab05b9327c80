//! `context remove`: a name is forgotten; the world and the certificate stay as they are.

use anyhow::Result;
use clap::Args;

use super::{File, View};
use crate::ask::Sure;
use crate::contexts::Contexts;
use crate::exit::Ended;
use crate::printer::Printer;

/// Forgets a context. The world and the certificate stay as they are.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl context remove staging")]
pub struct Remove {
    /// Its name.
    #[arg(add = crate::command::known::contexts())]
    name: String,
    #[command(flatten)]
    sure: Sure,
    #[command(flatten)]
    file: File,
}

impl Remove {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let file = self.file.path()?;
        let mut contexts = Contexts::load(&file)?;
        let view = View::of(&self.name, contexts.get(&self.name)?, contexts.current.as_ref());
        if self.sure.dry_run {
            printer.progress("nothing was written: --dry-run");
        } else {
            self.sure.ask(printer).await?;
            contexts.contexts.remove(&self.name);
            contexts.current.take_if(|current| *current == self.name);
            contexts.save(&file)?;
            printer.say(&format!("context {} is forgotten", self.name));
        }
        printer.data(&view, [&self.name]);
        Ok(Ended::Ok)
    }
}
