//! `region attest`: someone of compliance says where a region stands.

use anyhow::Result;
use clap::Args;
use platform_model::{CountryCode, RegionId};
use serde_json::json;

use crate::command::{As, Change, WorldFolder};
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::operator;

/// Says where a region stands. Nothing joins in a region of which nobody did.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl region attest eu-central --country DE --place 'Frankfurt, hall 3' --reason 'visited on 3 May'"
)]
pub struct Attest {
    /// The region, such as `eu-central`.
    region: RegionId,
    /// The country in which its data centres stand, two letters (ISO 3166-1).
    #[arg(long, value_name = "CC")]
    country: CountryCode,
    /// Where exactly.
    #[arg(long, value_name = "TEXT")]
    place: String,
    /// With whose certificate.
    #[arg(long = "as", value_enum, default_value_t = As::Compliance, value_name = "ROLE")]
    who: As,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

impl Attest {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let client = operator::trust(&self.world.dir, self.who.person())?;
        printer.progress(&format!(
            "region {} stands in {}: {}",
            self.region, self.country, self.place
        ));
        let mut decision = None;
        if self.change.dry_run {
            printer.progress("nothing was changed: --dry-run");
        } else {
            let done = client
                .attest_region(&self.region, self.country, &self.place, &self.change.reason)
                .await;
            let sequence = done.map_err(operator::explain)?.sequence;
            decision = Some(sequence);
            printer.say(&format!(
                "region {} is attested (decision {sequence})",
                self.region
            ));
        }
        printer.document(&json!({
            "region": self.region.to_string(),
            "country": self.country.to_string(),
            "place": self.place,
            "changed": decision.is_some(),
            "decision": decision,
        }));
        Ok(Ended::Ok)
    }
}
