//! `country list`: each country whose people the world takes.

use anyhow::Result;
use clap::Args;
use platform_model::Jurisdiction;
use serde::Serialize;

use crate::command::WorldArgs;
use crate::exit::Ended;
use crate::printer::{Column, Listed, Printer};
use crate::world::operator;

/// Lists the countries and the jurisdiction to which their residents belong.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl country list --jurisdiction eu -o name")]
pub struct List {
    /// Only those of this jurisdiction.
    #[arg(long, value_name = "JURISDICTION")]
    jurisdiction: Option<Jurisdiction>,
    #[command(flatten)]
    world: WorldArgs,
}

impl List {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let status = self.world.admin()?.status().await.map_err(operator::explain)?;
        let countries = status.table.countries.iter();
        let wanted =
            countries.filter(|(_, of)| self.jurisdiction.as_ref().is_none_or(|wanted| wanted == *of));
        let views = wanted.map(|(country, jurisdiction)| View {
            country: country.to_string(),
            jurisdiction: jurisdiction.to_string(),
        });
        printer.list(&views.collect::<Vec<_>>());
        Ok(Ended::Ok)
    }
}

#[derive(Debug, Serialize)]
struct View {
    country: String,
    jurisdiction: String,
}

impl Listed for View {
    const COLUMNS: &'static [Column] = &[Column::new("country"), Column::new("jurisdiction")];

    fn cells(&self) -> Vec<String> {
        vec![self.country.clone(), self.jurisdiction.clone()]
    }

    fn name(&self) -> String {
        self.country.clone()
    }
}
