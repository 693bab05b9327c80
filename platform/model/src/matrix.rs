//! The law as a table: jurisdiction x action x region x data class x purpose -> deny, permit, permit with consent,
//! and the rule that says so.
//!
//! The words of a question are [`Action`], [`Purpose`] and [`Point`]; [`Ruling`] is the answer. `cellctl` compiles the
//! table from the written law (`control-plane/residency`); controllers, nodes and routers only look things up here.
//! What a place must ask before it does something is in `gate`; two versions are compared in `compare`.
//!
//! Dense in effect: places with the same answers share one block, so that a look-up is two loads. What the table does
//! not know, it denies. Never here: the text of the law, its language, consent rows, clocks, I/O.

mod answer;
mod block;
mod build;
mod codec;
mod compare;
mod date;
mod gate;
mod names;
pub mod plain;
mod stamp;
mod words;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

pub use answer::{Answer, Point, RuleIndex, RuleName, Ruling};
pub use block::{Block, CELLS};
pub use build::{ARTICLE_BYTES_MAX, ID_BYTES_MAX, MatrixBuilder, MatrixFault};
pub use codec::{InvalidMatrix, MATRIX_BYTES_MAX};
pub use compare::{Change, Direction};
pub use date::LawDate;
pub use gate::{CLAIM_CLASSES, Crossing, Denied, Destination};
pub use stamp::{LawVersion, Sink, SinkKind, Stamp};
pub use words::{Action, Purpose};

use crate::class::DataClass;
use crate::place::{CountryCode, Jurisdiction, RegionId};
use names::Names;

/// Most jurisdictions of one law.
pub const JURISDICTIONS_MAX: usize = 64;
/// Most regions of one law.
pub const REGIONS_MAX: usize = 128;
/// Most rules that a matrix names; two laws' worth, for the time between two versions.
pub const RULES_MAX: usize = 8_192;
/// Most sinks of one law.
pub const SINKS_MAX: usize = 1_024;
/// Most catalogues that one law names.
pub const CATALOGUES_MAX: usize = 8;

/// A jurisdiction of one matrix, looked up once for many questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JurisdictionIndex(u8);

/// A region of one matrix, looked up once for many questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegionIndex(u8);

/// One version of the law, compiled. Made by [`MatrixBuilder`] or [`Matrix::from_bytes`]; never changes.
#[derive(Clone, PartialEq, Eq)]
pub struct Matrix {
    stamp: Stamp,
    jurisdictions: Names<Jurisdiction>,
    regions: Names<RegionId>,
    /// Of each region.
    region_countries: Vec<CountryCode>,
    rules: Vec<RuleName>,
    countries: BTreeMap<CountryCode, Jurisdiction>,
    sinks: BTreeMap<String, Sink>,
    /// Distinct ones, in the order in which the places first show them.
    blocks: Vec<Block>,
    /// Of each place (jurisdiction x region), its block.
    places: Vec<u16>,
    /// Of each jurisdiction, the regions (bits) where its homes may hold any copy.
    envelopes: Vec<u128>,
    /// How many purposes there were when it was compiled: what it says nothing of, it denies.
    purposes: usize,
}

impl Matrix {
    /// Which law this is.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// What the law says. Constant time, no allocation.
    pub fn ask(
        &self,
        jurisdiction: &Jurisdiction,
        action: Action,
        region: &RegionId,
        class: DataClass,
        purpose: Purpose,
    ) -> Ruling {
        let (Some(jurisdiction), Some(region)) = (self.jurisdiction(jurisdiction), self.region(region))
        else {
            return Ruling::UNKNOWN_PLACE;
        };
        self.ask_at(jurisdiction, action, region, class, purpose)
    }

    /// [`ask`](Self::ask) for a [`Point`].
    pub fn ruling(&self, point: &Point) -> Ruling {
        self.ask(
            &point.jurisdiction,
            point.action,
            &point.region,
            point.class,
            point.purpose,
        )
    }

    /// What the law says, for places looked up before. An index of another matrix may name another place; one that
    /// this matrix does not have is denied.
    pub fn ask_at(
        &self,
        jurisdiction: JurisdictionIndex,
        action: Action,
        region: RegionIndex,
        class: DataClass,
        purpose: Purpose,
    ) -> Ruling {
        match self.block_at(jurisdiction, region) {
            Some(block) => block.ruling(action, class, purpose),
            None => Ruling::UNKNOWN_PLACE,
        }
    }

    fn block_at(&self, jurisdiction: JurisdictionIndex, region: RegionIndex) -> Option<&Block> {
        let (region, width) = (usize::from(region.0), self.regions.len());
        let place = usize::from(jurisdiction.0) * width + region;
        let block = self.places.get(place).filter(|_| region < width)?;
        self.blocks.get(usize::from(*block))
    }

    pub fn jurisdiction(&self, jurisdiction: &Jurisdiction) -> Option<JurisdictionIndex> {
        self.jurisdictions
            .find(jurisdiction.as_str())
            .map(JurisdictionIndex)
    }

    pub fn region(&self, region: &RegionId) -> Option<RegionIndex> {
        self.regions.find(region.as_str()).map(RegionIndex)
    }

    /// In the order of their names.
    pub fn jurisdictions(&self) -> &[Jurisdiction] {
        self.jurisdictions.all()
    }

    /// In the order of their names.
    pub fn regions(&self) -> &[RegionId] {
        self.regions.all()
    }

    /// The country in which a region lies.
    pub fn country_of_region(&self, region: &RegionId) -> Option<CountryCode> {
        self.regions
            .find(region.as_str())
            .map(|index| self.region_countries[usize::from(index)])
    }

    /// To which jurisdiction the residents of each country belong.
    pub fn countries(&self) -> &BTreeMap<CountryCode, Jurisdiction> {
        &self.countries
    }

    /// Every place outside a shard's replicas to which bytes may go, by name.
    pub fn sinks(&self) -> &BTreeMap<String, Sink> {
        &self.sinks
    }

    /// Every rule that an answer may name, in the order of the law.
    pub fn rules(&self) -> &[RuleName] {
        &self.rules
    }

    /// The name of the rule that an answer names.
    pub fn rule(&self, index: RuleIndex) -> Option<&RuleName> {
        self.rules.get(index.as_usize())
    }

    /// Whether the law was written for the catalogue of data classes with this SHA-256. A node that stores by another
    /// one opens no shard and writes to no sink.
    pub fn names_catalogue(&self, digest: &[u8; 32]) -> bool {
        self.stamp.catalogues.contains(digest)
    }

    /// Bytes of memory that the answers take, names and rules not counted.
    pub fn table_bytes(&self) -> usize {
        size_of_val(self.blocks.as_slice()) + size_of_val(self.places.as_slice())
    }

    /// Number of answers, jurisdiction x action x region x class x purpose.
    pub fn points(&self) -> usize {
        self.places.len() * CELLS
    }
}

impl fmt::Debug for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matrix")
            .field("stamp", &self.stamp)
            .field("jurisdictions", &self.jurisdictions.len())
            .field("regions", &self.regions.len())
            .field("rules", &self.rules.len())
            .field("blocks", &self.blocks.len())
            .finish_non_exhaustive()
    }
}
