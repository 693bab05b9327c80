//! `context show`: one context, or the one in use.

use anyhow::Result;
use clap::Args;

use super::{File, View};
use crate::contexts::Contexts;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;

/// Shows a context: which world, where its controllers are, whose certificate.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl context show prod -o yaml")]
pub struct Show {
    /// Its name; the one in use if none is given.
    #[arg(add = crate::command::known::contexts())]
    name: Option<String>,
    #[command(flatten)]
    file: File,
}

impl Show {
    pub fn run(&self, printer: &Printer) -> Result<Ended> {
        let contexts = Contexts::load(&self.file.path()?)?;
        let Some(name) = self.name.as_ref().or(contexts.current.as_ref()) else {
            let hints = ["cellctl context list", "cellctl context use NAME"];
            return Err(Hinted::new("no context is in use", &hints).into());
        };
        let view = View::of(name, contexts.get(name)?, contexts.current.as_ref());
        printer.say(&lines(&view));
        printer.data(&view, [name]);
        Ok(Ended::Ok)
    }
}

fn lines(view: &View) -> String {
    let line = |name: &str, value: &str| format!("  {name:<12} {value}");
    let mut lines = vec![
        line("context", &view.name),
        line("world", &view.world),
        line("identity", &view.identity),
    ];
    for process in &view.controllers {
        lines.push(line(
            "controller",
            &format!("{} {}", process.name, process.address),
        ));
    }
    for process in &view.routers {
        lines.push(line("router", &format!("{} {}", process.name, process.address)));
    }
    lines.join("\n")
}
