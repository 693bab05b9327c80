//! The plainest law: what belongs to a jurisdiction may be in its own regions and nowhere else. For tests and
//! measurements of what asks a matrix; a law that people live under is written and compiled.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Matrix;
use super::answer::{Answer, RuleIndex, RuleName, Ruling};
use super::block::Block;
use super::build::{MatrixBuilder, MatrixFault};
use super::compare::points;
use super::stamp::{LawVersion, Sink, Stamp};
use super::words::Action;
use crate::place::{CountryCode, Jurisdiction, RegionId};
use crate::table::LawInForce;

/// The rule by which everything is permitted at home.
pub const AT_HOME: &str = "at-home";
/// The rule by which a router may see requests wherever it stands; absent from a strict law.
pub const SEEN_ANYWHERE: &str = "seen-anywhere";
/// The rule that forbids what is abroad.
pub const STAYS: &str = "stays";

/// One jurisdiction and what is its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    pub jurisdiction: Jurisdiction,
    pub country: CountryCode,
    pub regions: Vec<RegionId>,
}

/// The law of these areas. `strict`: nobody abroad may even process a request.
///
/// # Errors
/// As [`MatrixBuilder::build`].
pub fn law(stamp: Stamp, areas: &[Area], strict: bool) -> Result<Matrix, MatrixFault> {
    law_with_sinks(stamp, areas, strict, BTreeMap::new())
}

/// As [`law`], with places outside of the shards.
///
/// # Errors
/// As [`MatrixBuilder::build`].
pub fn law_with_sinks(
    stamp: Stamp,
    areas: &[Area],
    strict: bool,
    sinks: BTreeMap<String, Sink>,
) -> Result<Matrix, MatrixFault> {
    let rule = |id: &str| RuleName {
        id: id.to_owned(),
        article: format!("Art. {id}"),
    };
    let regions = areas.iter().flat_map(|area| {
        let own = |region: &RegionId| (region.clone(), area.country);
        area.regions.iter().map(own)
    });
    let builder = MatrixBuilder {
        stamp,
        jurisdictions: areas.iter().map(|area| area.jurisdiction.clone()).collect(),
        regions: regions.collect(),
        countries: areas
            .iter()
            .map(|area| (area.country, area.jurisdiction.clone()))
            .collect(),
        sinks,
        rules: [AT_HOME, SEEN_ANYWHERE, STAYS].map(rule).to_vec(),
    };
    let own = |jurisdiction: &Jurisdiction, region: &RegionId| {
        let area = areas.iter().find(|area| area.jurisdiction == *jurisdiction);
        area.is_some_and(|area| area.regions.contains(region))
    };
    builder.build(|jurisdiction, region| block(own(jurisdiction, region), strict))
}

impl Area {
    /// From names: `("eu", "DE", &["eu-central"])`.
    ///
    /// # Panics
    /// For a name that is none.
    pub fn named((jurisdiction, country, regions): (&str, &str, &[&str])) -> Self {
        Self {
            jurisdiction: jurisdiction.parse().expect("a jurisdiction"),
            country: country.parse().expect("a country"),
            regions: regions
                .iter()
                .map(|region| region.parse().expect("a region"))
                .collect(),
        }
    }
}

/// A [`law`] in force since for ever, as its first revision, for one catalogue. For tests.
///
/// # Panics
/// For a name that is none, or more areas than a matrix takes.
pub fn in_force(areas: &[(&str, &str, &[&str])], catalogue: [u8; 32], strict: bool) -> LawInForce {
    in_force_with_sinks(areas, catalogue, strict, BTreeMap::new())
}

/// As [`in_force`], with places outside of the shards.
///
/// # Panics
/// As [`in_force`]; for a sink in a region of no area.
pub fn in_force_with_sinks(
    areas: &[(&str, &str, &[&str])],
    catalogue: [u8; 32],
    strict: bool,
    sinks: BTreeMap<String, Sink>,
) -> LawInForce {
    let stamp = Stamp {
        version: LawVersion(1),
        date: "2000-01-01".parse().expect("a day"),
        document: [7; 32],
        compiler: 1,
        catalogues: vec![catalogue],
    };
    let areas: Vec<Area> = areas.iter().copied().map(Area::named).collect();
    LawInForce {
        revision: 1,
        matrix: Arc::new(law_with_sinks(stamp, &areas, strict, sinks).expect("few areas")),
        matrix_age_max_ms: 1_000,
    }
}

fn block(at_home: bool, strict: bool) -> Block {
    let mut block = Block::default();
    for (action, class, purpose) in points() {
        let seen = action == Action::Process && !strict;
        let (answer, rule) = match (at_home, seen) {
            (true, _) => (Answer::Permit, 0),
            (false, true) => (Answer::Permit, 1),
            (false, false) => (Answer::Deny, 2),
        };
        let rule = RuleIndex::new(rule);
        block.set(action, class, purpose, Ruling { answer, rule });
    }
    block
}
