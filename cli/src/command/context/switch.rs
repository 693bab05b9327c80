//! `context use`: from now on this world is meant where none is named.

use anyhow::Result;
use clap::Args;

use super::{File, View};
use crate::contexts::Contexts;
use crate::exit::Ended;
use crate::printer::Printer;

/// Uses a context from now on, wherever none is named.
#[derive(Debug, Args)]
#[command(name = "use", after_help = "Example: cellctl context use prod")]
pub struct Use {
    /// Its name.
    #[arg(add = crate::command::known::contexts())]
    name: String,
    #[command(flatten)]
    file: File,
}

impl Use {
    pub fn run(&self, printer: &Printer) -> Result<Ended> {
        let file = self.file.path()?;
        let mut contexts = Contexts::load(&file)?;
        let known = contexts.get(&self.name)?.clone();
        if contexts.current.as_ref() == Some(&self.name) {
            printer.progress(&format!("{} is in use already: nothing was changed", self.name));
        } else {
            contexts.current = Some(self.name.clone());
            contexts.save(&file)?;
            printer.say(&format!("{} is in use", self.name));
        }
        printer.data(
            &View::of(&self.name, &known, contexts.current.as_ref()),
            [&self.name],
        );
        Ok(Ended::Ok)
    }
}
