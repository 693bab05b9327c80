//! What a new law would do to a running world: copies that become illegal, copies that wait and may then be made, homes
//! and countries that take nobody new, homes whose data could go nowhere.

use std::collections::BTreeSet;

use platform_model::matrix::{Action, Matrix};
use platform_model::{HomeId, RegionId};
use platform_wire::admin::WorldStatus;
use serde::Serialize;

/// A copy that the new law forbids where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    pub shard: String,
    pub cell: String,
    pub region: String,
    pub why: String,
    /// The law in force forbids it, too.
    pub already: bool,
}

/// Everything that changes but answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Effect {
    pub violations: Vec<Violation>,
    /// Shards without a primary that may get one.
    pub placed: Vec<String>,
    /// Homes that take people now, and no longer.
    pub homes_closed: Vec<String>,
    /// Homes that take nobody now, and will.
    pub homes_opened: Vec<String>,
    /// Countries whose residents may register now, and no longer.
    pub countries_closed: Vec<String>,
    pub countries_opened: Vec<String>,
    /// Homes that would have no region for their primaries: the controllers refuse such a law.
    pub stranded: Vec<String>,
    /// The new law names no catalogue of data classes that the law in force names.
    pub catalogue_dropped: bool,
}

impl Effect {
    /// From what is in force, if anything is, to `next`.
    pub fn of(now: Option<&Matrix>, next: &Matrix, status: &WorldStatus) -> Self {
        let homes: Vec<&HomeId> = status.table.homes.keys().collect();
        let open = |matrix: Option<&Matrix>| -> BTreeSet<String> {
            let open = homes
                .iter()
                .filter(|home| matrix.is_some_and(|matrix| is_open(matrix, home)));
            open.map(ToString::to_string).collect()
        };
        let countries = |matrix: Option<&Matrix>| served(matrix, &homes);
        let (homes_now, homes_then) = (open(now), open(Some(next)));
        let (countries_now, countries_then) = (countries(now), countries(Some(next)));
        let less = |from: &BTreeSet<String>, to: &BTreeSet<String>| from.difference(to).cloned().collect();
        let stranded = homes.iter().filter(|home| is_stranded(next, home));
        Self {
            violations: violations(now, next, status),
            placed: placed(now, next, status),
            homes_closed: less(&homes_now, &homes_then),
            homes_opened: less(&homes_then, &homes_now),
            countries_closed: less(&countries_now, &countries_then),
            countries_opened: less(&countries_then, &countries_now),
            stranded: stranded.map(ToString::to_string).collect(),
            catalogue_dropped: now.is_some_and(|now| {
                let mut named = now.stamp().catalogues.iter();
                !named.any(|catalogue| next.names_catalogue(catalogue))
            }),
        }
    }
}

fn region_of<'a>(status: &'a WorldStatus, cell: &platform_model::CellId) -> Option<&'a RegionId> {
    status.table.cells.get(cell).map(|cell| &cell.region)
}

fn violations(now: Option<&Matrix>, next: &Matrix, status: &WorldStatus) -> Vec<Violation> {
    let mut violations = Vec::new();
    for record in status.shards.iter().filter(|record| record.primary.is_some()) {
        let Some(region) = region_of(status, &record.cell) else {
            continue;
        };
        if let Err(denied) = next.may_serve(&record.shard, region) {
            violations.push(Violation {
                shard: record.shard.to_string(),
                cell: record.cell.to_string(),
                region: region.to_string(),
                why: denied.to_string(),
                already: now.is_some_and(|now| now.may_serve(&record.shard, region).is_err()),
            });
        }
    }
    violations
}

fn placed(now: Option<&Matrix>, next: &Matrix, status: &WorldStatus) -> Vec<String> {
    let waits = status.shards.iter().filter(|record| record.primary.is_none());
    let may = |matrix: &Matrix, record: &platform_wire::admin::ShardRecord| {
        region_of(status, &record.cell).is_some_and(|region| matrix.may_serve(&record.shard, region).is_ok())
    };
    waits
        .filter(|record| may(next, record) && !now.is_some_and(|now| may(now, record)))
        .map(|record| record.shard.to_string())
        .collect()
}

/// Whether a home may take people: their data is kept and seen where the home is.
fn is_open(matrix: &Matrix, home: &HomeId) -> bool {
    let HomeId { jurisdiction, region } = home;
    let keeps = matrix.may_keep_shard(Action::StorePrimary, jurisdiction, region);
    keeps.is_ok() && matrix.may_process(jurisdiction, region).is_ok()
}

/// Countries whose jurisdiction has a home that is open.
fn served(matrix: Option<&Matrix>, homes: &[&HomeId]) -> BTreeSet<String> {
    let Some(matrix) = matrix else {
        return BTreeSet::new();
    };
    let open = homes.iter().filter(|home| is_open(matrix, home));
    let jurisdictions: BTreeSet<_> = open.map(|home| &home.jurisdiction).collect();
    let countries = matrix.countries().iter();
    countries
        .filter(|(_, jurisdiction)| jurisdictions.contains(jurisdiction))
        .map(|(country, _)| country.to_string())
        .collect()
}

fn is_stranded(next: &Matrix, home: &HomeId) -> bool {
    let may = |region: &RegionId| {
        next.may_keep_shard(Action::StorePrimary, &home.jurisdiction, region)
            .is_ok()
    };
    !next.regions().iter().any(may)
}
