//! `event show`: one of them.

use anyhow::Result;
use clap::Args;

use super::Parked;
use super::view::ParkedView;
use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::{Listed, Printer};

/// Shows a parked event: who told it, for whom, where it lies, why. Not what it says.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl event show 3f9a01bc22d45e10")]
pub struct Show {
    /// Its id, as `cellctl event parked` says it.
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    world: WorldArgs,
}

impl Show {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let parked = Parked::ask(&self.world, printer).await?;
        let (place, event) = parked.find(&self.id)?;
        let view = ParkedView::from(event);
        let titles = ParkedView::COLUMNS.iter().map(|column| column.title().to_owned());
        let rows = titles.zip(view.cells()).map(|(title, cell)| vec![title, cell]);
        let node = vec!["at node".to_owned(), place.node.to_string()];
        printer.table(&["what", "is"], &rows.chain([node]).collect::<Vec<_>>());
        printer.data(&view, [view.name()]);
        Ok(Ended::Ok)
    }
}
