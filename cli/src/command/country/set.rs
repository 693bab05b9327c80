//! `country set`: says to which jurisdiction residents of a country belong.

use anyhow::Result;
use clap::Args;
use platform_model::{CountryCode, Jurisdiction};

use crate::ask::{Change, on_dry_run};
use crate::command::WorldArgs;
use crate::command::changed::Changed;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Says to which jurisdiction residents of a country belong. A matter of law: it takes a compliance certificate.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl country set NO eu --reason 'EEA agreement'")]
pub struct Set {
    /// The country, as two capitals (ISO 3166-1).
    country: CountryCode,
    /// The jurisdiction; it must have a home.
    jurisdiction: Jurisdiction,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    world: WorldArgs,
}

impl Set {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let admin = self.world.admin()?;
        let status = admin.status().await.map_err(operator::explain)?;
        let from = status.table.countries.get(&self.country);
        let from = from.map_or_else(|| "none".to_owned(), ToString::to_string);
        printer.progress(&format!(
            "country {}: {from} -> {}",
            self.country, self.jurisdiction
        ));
        let subject = format!("country/{}", self.country);
        let mut changed = Changed::planned(subject, from, self.jurisdiction.as_str(), &self.change.sure);
        let admin = on_dry_run(admin, &self.change.sure);
        self.change.sure.ask(printer).await?;
        let done = admin
            .set_country(self.country, &self.jurisdiction, &self.change.reason)
            .await;
        changed.done(done)?;
        changed.print(
            printer,
            &format!("residents of {} belong to {}", self.country, self.jurisdiction),
        );
        Ok(Ended::Ok)
    }
}
