//! `region list`: each attested region, where it stands and who says so.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::command::WorldFolder;
use crate::exit::Ended;
use crate::printer::Printer;
use crate::world::{operator, people};

/// Lists the regions whose place someone attested.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl region list -o json")]
pub struct List {
    #[command(flatten)]
    pub(super) world: WorldFolder,
}

impl List {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        let client = operator::trust(&self.world.dir, people::OPERATOR)?;
        let regions = client.read().await.map_err(operator::explain)?.regions;
        let row = |r: &platform_wire::trust::AttestedRegion| {
            vec![
                r.region.to_string(),
                r.country.to_string(),
                r.place.clone(),
                r.by.clone(),
            ]
        };
        let rows: Vec<Vec<String>> = regions.iter().map(row).collect();
        printer.table(&["region", "country", "place", "attested by"], &rows);
        let documents: Vec<_> = regions
            .iter()
            .map(|r| {
                json!({
                    "region": r.region.to_string(),
                    "country": r.country.to_string(),
                    "place": r.place,
                    "by": r.by,
                    "attested_ms": r.attested_ms,
                })
            })
            .collect();
        printer.document(&documents);
        Ok(Ended::Ok)
    }
}
