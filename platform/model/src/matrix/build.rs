//! From answers to a [`Matrix`]: checks the limits and references, and lets places with the same answers share.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::answer::{Answer, RuleName};
use super::block::Block;
use super::names::Names;
use super::stamp::{Sink, Stamp};
use super::words::{Action, Purpose};
use super::{CATALOGUES_MAX, JURISDICTIONS_MAX, Matrix, REGIONS_MAX, RULES_MAX, SINKS_MAX};
use crate::class::DataClass;
use crate::place::{CountryCode, Jurisdiction, RegionId};

/// Longest id of a rule or name of a sink, in bytes.
pub const ID_BYTES_MAX: usize = 64;
/// Longest name of an article, in bytes.
pub const ARTICLE_BYTES_MAX: usize = 256;
/// Actions under which a home holds copies.
const COPIES: [Action; 3] = [Action::StorePrimary, Action::StoreStandby, Action::StoreBackup];

/// Everything of a matrix but its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatrixBuilder {
    pub stamp: Stamp,
    pub jurisdictions: BTreeSet<Jurisdiction>,
    /// With the country in which each lies.
    pub regions: BTreeMap<RegionId, CountryCode>,
    pub countries: BTreeMap<CountryCode, Jurisdiction>,
    pub sinks: BTreeMap<String, Sink>,
    /// In the order of the law; answers name them by their place here.
    pub rules: Vec<RuleName>,
}

/// Parts that make no matrix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatrixFault {
    #[error("a matrix has at most {max} {what}, not {count}")]
    TooMany {
        what: &'static str,
        count: usize,
        max: usize,
    },
    #[error("a law names at least one catalogue of data classes")]
    NoCatalogue,
    #[error("{country} belongs to {jurisdiction}, which the matrix does not know")]
    UnknownJurisdiction {
        country: CountryCode,
        jurisdiction: Jurisdiction,
    },
    #[error("the sink {sink} is in {region}, which the matrix does not know")]
    UnknownRegion { sink: String, region: RegionId },
    #[error("{what} has {bytes} bytes; it must have between 1 and {max}")]
    Length {
        what: &'static str,
        bytes: usize,
        max: usize,
    },
    #[error("an answer names a rule past the list of {rules}")]
    UnknownRule { rules: usize },
}

impl MatrixBuilder {
    /// Asks for the block of each place, jurisdiction by jurisdiction, both in the order of their names.
    ///
    /// # Errors
    /// [`MatrixFault`]; nothing else is tried.
    pub fn build(
        self,
        mut block_of: impl FnMut(&Jurisdiction, &RegionId) -> Block,
    ) -> Result<Matrix, MatrixFault> {
        self.check()?;
        let mut matrix = Matrix {
            stamp: self.stamp,
            jurisdictions: Names::new(self.jurisdictions.into_iter().collect()),
            region_countries: self.regions.values().copied().collect(),
            regions: Names::new(self.regions.into_keys().collect()),
            rules: self.rules,
            countries: self.countries,
            sinks: self.sinks,
            blocks: Vec::new(),
            places: Vec::new(),
            envelopes: Vec::new(),
            purposes: Purpose::ALL.len(),
        };
        let mut known = HashMap::new();
        for jurisdiction in matrix.jurisdictions.all() {
            for region in matrix.regions.all() {
                let block = block_of(jurisdiction, region);
                let rules = matrix.rules.len();
                if Block::from_cells(*block.cells(), rules).is_none() {
                    return Err(MatrixFault::UnknownRule { rules });
                }
                let next = matrix.blocks.len();
                let index = *known.entry(block).or_insert_with_key(|block| {
                    matrix.blocks.push(block.clone());
                    u16::try_from(next).expect("at most 64 x 128 places")
                });
                matrix.places.push(index);
            }
        }
        matrix.envelopes = envelopes(&matrix);
        Ok(matrix)
    }

    pub(super) fn check(&self) -> Result<(), MatrixFault> {
        limit("jurisdictions", self.jurisdictions.len(), JURISDICTIONS_MAX)?;
        limit("regions", self.regions.len(), REGIONS_MAX)?;
        limit("rules", self.rules.len(), RULES_MAX)?;
        limit("sinks", self.sinks.len(), SINKS_MAX)?;
        limit("catalogues", self.stamp.catalogues.len(), CATALOGUES_MAX)?;
        if self.stamp.catalogues.is_empty() {
            return Err(MatrixFault::NoCatalogue);
        }
        for (country, jurisdiction) in &self.countries {
            if !self.jurisdictions.contains(jurisdiction) {
                let (country, jurisdiction) = (*country, jurisdiction.clone());
                return Err(MatrixFault::UnknownJurisdiction {
                    country,
                    jurisdiction,
                });
            }
        }
        for (name, sink) in &self.sinks {
            length("the name of a sink", name, ID_BYTES_MAX)?;
            if !self.regions.contains_key(&sink.region) {
                let (sink, region) = (name.clone(), sink.region.clone());
                return Err(MatrixFault::UnknownRegion { sink, region });
            }
        }
        for rule in &self.rules {
            length("the id of a rule", &rule.id, ID_BYTES_MAX)?;
            length("the article of a rule", &rule.article, ARTICLE_BYTES_MAX)?;
        }
        Ok(())
    }
}

fn limit(what: &'static str, count: usize, max: usize) -> Result<(), MatrixFault> {
    if count <= max {
        Ok(())
    } else {
        Err(MatrixFault::TooMany { what, count, max })
    }
}

fn length(what: &'static str, text: &str, max: usize) -> Result<(), MatrixFault> {
    let bytes = text.len();
    if (1..=max).contains(&bytes) {
        Ok(())
    } else {
        Err(MatrixFault::Length { what, bytes, max })
    }
}

/// Of each jurisdiction, the regions where a copy of a whole shard (all classes) may be.
fn envelopes(matrix: &Matrix) -> Vec<u128> {
    let holds: Vec<bool> = matrix.blocks.iter().map(holds_a_shard).collect();
    let width = matrix.regions.len().max(1);
    let regions = |places: &[u16]| {
        let bits = places
            .iter()
            .enumerate()
            .filter(|(_, block)| holds[usize::from(**block)]);
        bits.fold(0, |bits, (region, _)| bits | 1 << region)
    };
    matrix.places.chunks(width).map(regions).collect()
}

fn holds_a_shard(block: &Block) -> bool {
    let permits = |action, class| block.ruling(action, class, Purpose::Service).answer == Answer::Permit;
    COPIES
        .into_iter()
        .any(|action| DataClass::ALL.into_iter().all(|class| permits(action, class)))
}
