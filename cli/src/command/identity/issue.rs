//! `identity issue`: a person's certificate, from the root. Asks no controller: none can make one.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use platform_model::RegionId;
use platform_runtime::tls::authority::Authority;
use serde_json::json;

use crate::command::As;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::trust;

/// Makes a person's certificate with the world's root, where that is kept.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl identity issue --root acme/root --role viewer --name kim --region eu-central --into viewer-kim"
)]
pub struct Issue {
    /// The folder with the root and its key.
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// What the person may ask for.
    #[arg(long, value_enum, value_name = "ROLE")]
    role: As,
    /// A name in lower-case letters, digits and hyphens; an opaque one if the ledger is not to tell who it is.
    #[arg(long, value_name = "NAME")]
    name: RegionId,
    /// Where the person works from.
    #[arg(long, value_name = "REGION")]
    region: RegionId,
    /// How long it is good.
    #[arg(long, default_value_t = trust::PERSON_DAYS, value_parser = clap::value_parser!(u32).range(1..=366), value_name = "DAYS")]
    days: u32,
    /// The folder for the files; it must not be there yet.
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
}

impl Issue {
    pub fn run(&self, printer: &Printer) -> Result<Ended> {
        if self.into.exists() {
            let message = format!("{} is there already", self.into.display());
            return Err(Hinted::new(message, &["name another folder with --into"]).into());
        }
        let authority =
            Authority::open(&self.root).context("the root is needed to make a person's certificate")?;
        let named = (self.role.person().role, self.name.as_str());
        let id = trust::make_person(&authority, named, &self.region, self.days, &self.into)?;
        printer.say(&format!(
            "{id}, good for {} days, is in {}",
            self.days,
            self.into.display()
        ));
        printer.document(&json!({ "id": id.to_string(), "days": self.days, "folder": self.into }));
        Ok(Ended::Ok)
    }
}
