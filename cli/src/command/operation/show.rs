//! `operation show`: one operation: its steps, how far it is, what it waits for, what may be asked of it.

use anyhow::Result;
use clap::Args;

use super::follow::unread;
use super::view::OperationView;
use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::Printer;

/// Shows one operation: its steps, how far it is, and what it waits for. Exit code 3 while it waits for something.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl operation show 7")]
pub struct Show {
    /// Its number.
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    id: u64,
    #[command(flatten)]
    world: WorldArgs,
}

impl Show {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let found = self.world.admin()?.operation(self.id).await;
        let operation = found.map_err(|error| unread(error, self.id))?;
        let view = OperationView::of(&operation);
        view.page(printer);
        printer.data(&view, [self.id]);
        view.hint(printer);
        Ok(if operation.blockers.is_empty() {
            Ended::Ok
        } else {
            Ended::Differs
        })
    }
}
