//! Two versions of the law: what changed, whether it lets more or less happen, and what both permit.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::answer::{Point, RuleIndex, Ruling};
use super::block::Block;
use super::build::{MatrixBuilder, MatrixFault};
use super::words::{Action, Purpose};
use super::{CELLS, Matrix};
use crate::class::DataClass;
use crate::place::{CountryCode, Jurisdiction, RegionId};

/// A point whose answer is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub point: Point,
    pub from: Ruling,
    pub to: Ruling,
}

/// What a new version does to the answers. It says nothing of countries, sinks and catalogues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// No answer changes.
    Same,
    /// Lets less happen: may hold at once.
    Narrower,
    /// Lets more happen: waits for its day.
    Wider,
    /// Less here, more there.
    Both,
}

impl Matrix {
    /// Every point whose answer differs in `next`, also where one of both does not know the place. A point that is
    /// decided alike by another rule is no change.
    pub fn changes<'a>(&'a self, next: &'a Self) -> impl Iterator<Item = Change> + 'a {
        let places = places_of(self, next).into_iter();
        let differ = places.filter(move |place| !same_block(self, next, place));
        differ.flat_map(move |place| {
            points().filter_map(move |(action, class, purpose)| {
                let (jurisdiction, region) = place.clone();
                let point = Point {
                    jurisdiction,
                    action,
                    region,
                    class,
                    purpose,
                };
                let (from, to) = (self.ruling(&point), next.ruling(&point));
                (from.answer != to.answer).then_some(Change { point, from, to })
            })
        })
    }

    /// Whether `next` lets more or less happen.
    pub fn direction(&self, next: &Self) -> Direction {
        let (mut narrower, mut wider) = (false, false);
        for change in self.changes(next) {
            narrower |= change.to.answer < change.from.answer;
            wider |= change.to.answer > change.from.answer;
            if narrower && wider {
                return Direction::Both;
            }
        }
        match (narrower, wider) {
            (true, _) => Direction::Narrower,
            (_, true) => Direction::Wider,
            _ => Direction::Same,
        }
    }

    /// What both versions permit: `next`, but no answer lets more happen than it does here. This is the law between
    /// the approval of `next` and its day.
    ///
    /// Stamp, countries and sinks are those of `next`. Catalogues are those that both name; if there is none, those
    /// named here, since nothing is stored by a new catalogue before the new law holds.
    ///
    /// # Errors
    /// [`MatrixFault::TooMany`] if both together name more rules than a matrix can.
    pub fn meet(&self, next: &Self) -> Result<Self, MatrixFault> {
        let mut rules = next.rules.clone();
        let known: HashMap<_, _> = rules.iter().cloned().zip(0..).collect();
        let moved: Vec<usize> = self
            .rules
            .iter()
            .map(|rule| {
                known.get(rule).copied().unwrap_or_else(|| {
                    rules.push(rule.clone());
                    rules.len() - 1
                })
            })
            .collect();
        let mut stamp = next.stamp.clone();
        stamp.catalogues.retain(|digest| self.names_catalogue(digest));
        if stamp.catalogues.is_empty() {
            stamp.catalogues.clone_from(&self.stamp.catalogues);
        }
        let builder = MatrixBuilder {
            stamp,
            jurisdictions: next.jurisdictions().iter().cloned().collect(),
            regions: countries_of_regions(next),
            countries: next.countries.clone(),
            sinks: next.sinks.clone(),
            rules,
        };
        builder.check()?;
        builder.build(|jurisdiction, region| meet_of(self, next, jurisdiction, region, &moved))
    }
}

fn meet_of(
    old: &Matrix,
    next: &Matrix,
    jurisdiction: &Jurisdiction,
    region: &RegionId,
    moved: &[usize],
) -> Block {
    let mut block = Block::default();
    for (action, class, purpose) in points() {
        let before = old.ask(jurisdiction, action, region, class, purpose);
        let after = next.ask(jurisdiction, action, region, class, purpose);
        let ruling = if before.answer < after.answer {
            let rule = before
                .rule
                .and_then(|rule| RuleIndex::new(moved[rule.as_usize()]));
            Ruling {
                answer: before.answer,
                rule,
            }
        } else {
            after
        };
        block.set(action, class, purpose, ruling);
    }
    block
}

fn countries_of_regions(matrix: &Matrix) -> BTreeMap<RegionId, CountryCode> {
    let countries = matrix.region_countries.iter().copied();
    matrix.regions().iter().cloned().zip(countries).collect()
}

/// Every combination of action, class and purpose, in the order of the cells of a block.
pub(super) fn points() -> impl Iterator<Item = (Action, DataClass, Purpose)> {
    let (classes, purposes) = (DataClass::ALL.len(), Purpose::ALL.len());
    (0..CELLS).map(move |cell| {
        let (place, purpose) = (cell / purposes, cell % purposes);
        (
            Action::ALL[place / classes],
            DataClass::ALL[place % classes],
            Purpose::ALL[purpose],
        )
    })
}

fn places_of(one: &Matrix, other: &Matrix) -> Vec<(Jurisdiction, RegionId)> {
    let jurisdictions: BTreeSet<_> = one.jurisdictions().iter().chain(other.jurisdictions()).collect();
    let regions: BTreeSet<_> = one.regions().iter().chain(other.regions()).collect();
    let row = |jurisdiction: &Jurisdiction| {
        let pairs = regions
            .iter()
            .map(|region| (jurisdiction.clone(), (*region).clone()));
        pairs.collect::<Vec<_>>()
    };
    jurisdictions.into_iter().flat_map(row).collect()
}

/// Whether both have the same answers for a place, cell by cell and rule by rule; a quick way past most places.
fn same_block(one: &Matrix, other: &Matrix, place: &(Jurisdiction, RegionId)) -> bool {
    one.rules == other.rules && block_of(one, place) == block_of(other, place)
}

fn block_of<'a>(matrix: &'a Matrix, (jurisdiction, region): &(Jurisdiction, RegionId)) -> Option<&'a Block> {
    matrix.block_at(matrix.jurisdiction(jurisdiction)?, matrix.region(region)?)
}
