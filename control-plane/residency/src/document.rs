//! `law.toml`: everything of a law that is not a rule.
//!
//! What it names is checked here: no region, jurisdiction or country stands in a law that the law does not know.

mod check;
mod mechanism;
mod raw;

use std::collections::{BTreeMap, BTreeSet};

use platform_model::matrix::{LawDate, LawVersion, SinkKind};
use platform_model::{CountryCode, Jurisdiction, RegionId};

pub(crate) use check::nearest;
pub use mechanism::{Mechanism, MechanismSet};
pub(crate) use raw::not_toml;

use crate::fault::Fault;
use crate::source::{Bundle, Digest, LAW_FILE};

/// Most bytes of a text in the law that people read.
pub const TEXT_BYTES_MAX: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub version: LawVersion,
    /// What widens holds from this day at the earliest.
    pub date: LawDate,
    pub title: String,
    /// SHA-256 of each catalogue of data classes for which the law was written.
    pub catalogues: Vec<Digest>,
    pub regions: BTreeMap<RegionId, Region>,
    pub jurisdictions: BTreeMap<Jurisdiction, Area>,
    pub grants: Vec<Grant>,
    pub sinks: BTreeMap<String, SinkEntry>,
}

/// A place with data centres.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    pub country: CountryCode,
    /// Who has seen that the machines are where the country says. Without it nothing may be there.
    pub attested: Option<Attestation>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    pub by: String,
    pub on: LawDate,
}

/// A legal area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    pub name: String,
    /// Whose residents belong to it.
    pub countries: BTreeSet<CountryCode>,
    /// Where its authority keeps the directory of claims.
    pub authority: BTreeSet<RegionId>,
}

/// A ground in law on which data of people of a jurisdiction may go to regions abroad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub kind: Mechanism,
    pub jurisdiction: Jurisdiction,
    pub regions: BTreeSet<RegionId>,
    pub article: String,
    /// Where the paper lies that shows it.
    pub evidence: String,
}

/// A place outside a shard's replicas to which bytes go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkEntry {
    pub kind: SinkKind,
    pub region: RegionId,
    /// Who runs it.
    pub operator: String,
}

impl Document {
    /// # Errors
    /// Every fault that can be told apart.
    pub(crate) fn read(bundle: &Bundle) -> Result<Self, Vec<Fault>> {
        let text = bundle.file(LAW_FILE).expect("every bundle has one");
        let raw = raw::read(text)?;
        check::document(text, raw)
    }

    /// To which jurisdiction the residents of a country belong.
    pub fn jurisdiction_of(&self, country: CountryCode) -> Option<&Jurisdiction> {
        let mut areas = self.jurisdictions.iter();
        areas
            .find(|(_, area)| area.countries.contains(&country))
            .map(|(jurisdiction, _)| jurisdiction)
    }

    /// The mechanisms that carry data of a jurisdiction into a region.
    pub fn mechanisms(&self, jurisdiction: &Jurisdiction, region: &RegionId) -> MechanismSet {
        let here = |grant: &&Grant| grant.jurisdiction == *jurisdiction && grant.regions.contains(region);
        self.grants.iter().filter(here).map(|grant| grant.kind).collect()
    }

    /// Every country that the law names: those of jurisdictions and those of regions.
    pub(crate) fn countries(&self) -> BTreeSet<CountryCode> {
        let of_areas = self
            .jurisdictions
            .values()
            .flat_map(|area| area.countries.iter().copied());
        of_areas
            .chain(self.regions.values().map(|region| region.country))
            .collect()
    }
}
