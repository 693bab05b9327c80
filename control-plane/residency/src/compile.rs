//! From rules to the matrix.
//!
//! Asking Cedar at each point would take a minute for 40 jurisdictions and 60 regions. But a rule is a formula over few
//! comparisons, and each comparison reads at most a few words: `context.class == DataClass::"health"` has nine answers,
//! not two million. So Cedar evaluates each distinct comparison once for every value of what it reads ([`leaves`]), and
//! rules are put together from those answers, all points of a place at a time ([`bits`], [`decide`]). Before the matrix
//! leaves, points spread over all of it are asked of Cedar itself; tests ask at every point.

mod bits;
mod decide;
mod leaves;

use std::collections::BTreeMap;

use platform_model::DataClass;
use platform_model::matrix::{Action, Matrix, MatrixBuilder, Point, Purpose, RuleName, Sink, Stamp};

use crate::fault::{Fault, FaultKind, Faults};
use crate::law::Law;
use crate::source::Digest;

pub(crate) use decide::{Findings, Reach, may_ever_apply};
pub(crate) use leaves::LeafCache;

/// Raised when the same law may compile to another matrix.
pub const COMPILER_VERSION: u16 = 1;

/// Points that every compilation asks of Cedar itself.
const CHECKED_POINTS: usize = 200;

/// The matrix of a law, and what its making showed.
#[derive(Debug, Clone)]
pub struct Compiled {
    pub matrix: Matrix,
    pub(crate) findings: Findings,
}

impl Compiled {
    /// SHA-256 of the bytes of the matrix, in which the digest of the text stands: what an approver signs.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.matrix.to_bytes())
    }
}

impl Law {
    /// # Errors
    /// The parts exceed a limit of the matrix, or the matrix does not answer as Cedar does (a fault of this program).
    pub fn compile(&self) -> Result<Compiled, Faults> {
        self.compile_with(&mut LeafCache::default())
    }

    /// Takes answers of comparisons from an earlier compilation over the same facts.
    pub(crate) fn compile_with(&self, cache: &mut LeafCache) -> Result<Compiled, Faults> {
        let mut deciding = decide::Deciding::of(self, cache);
        let (facts, builder) = (&self.facts, self.builder());
        let matrix = builder.build(|jurisdiction, region| {
            let place = (
                facts.jurisdictions.binary_search(jurisdiction),
                facts.regions.binary_search(region),
            );
            let (Ok(jurisdiction), Ok(region)) = place else {
                unreachable!("the builder has its places from the same document");
            };
            deciding.block(jurisdiction, region)
        });
        let matrix = matrix.map_err(|fault| Faults(vec![Fault::nowhere(FaultKind::Matrix(fault))]))?;
        let findings = deciding.findings();
        self.spot_check(&matrix)?;
        Ok(Compiled { matrix, findings })
    }

    pub(crate) fn builder(&self) -> MatrixBuilder {
        let document = &self.document;
        let countries = document.jurisdictions.iter().flat_map(|(jurisdiction, area)| {
            area.countries
                .iter()
                .map(|country| (*country, jurisdiction.clone()))
        });
        let sink = |(name, entry): (&String, &crate::document::SinkEntry)| {
            (
                name.clone(),
                Sink {
                    kind: entry.kind,
                    region: entry.region.clone(),
                },
            )
        };
        let rule = |rule: &crate::rules::Rule| RuleName {
            id: rule.id.clone(),
            article: rule.article.clone(),
        };
        MatrixBuilder {
            stamp: Stamp {
                version: document.version,
                date: document.date,
                document: self.bundle.digest().0,
                compiler: COMPILER_VERSION,
                catalogues: document.catalogues.iter().map(|digest| digest.0).collect(),
            },
            jurisdictions: document.jurisdictions.keys().cloned().collect(),
            regions: document
                .regions
                .iter()
                .map(|(name, region)| (name.clone(), region.country))
                .collect(),
            countries: countries.collect::<BTreeMap<_, _>>(),
            sinks: document.sinks.iter().map(sink).collect(),
            rules: self.rules.iter().map(rule).collect(),
        }
    }

    /// Asks Cedar itself at points spread over the whole matrix, each place's in turn.
    pub(crate) fn spot_check(&self, matrix: &Matrix) -> Result<(), Faults> {
        let points = matrix.points();
        // A step that has no factor in common with the lengths of the lists, so that all words come up.
        let lists = Action::ALL.len() * DataClass::ALL.len() * Purpose::ALL.len();
        let mut step = (points / CHECKED_POINTS).max(1);
        while common_factor(step, lists) != 1 {
            step += 1;
        }
        for number in (0..points).step_by(step) {
            self.check_point(matrix, &self.point(number))?;
        }
        Ok(())
    }

    pub(crate) fn check_point(&self, matrix: &Matrix, point: &Point) -> Result<(), Faults> {
        let (cedar, found) = (self.ask_cedar(point), matrix.ruling(point).answer);
        if cedar == found {
            return Ok(());
        }
        let (point, cedar, matrix) = (point.clone(), cedar.to_string(), found.to_string());
        Err(Faults(vec![Fault::nowhere(FaultKind::Disagreement {
            point,
            cedar,
            matrix,
        })]))
    }

    /// The points of the matrix, numbered.
    pub(crate) fn point(&self, number: usize) -> Point {
        let (rest, purpose) = (number / Purpose::ALL.len(), number % Purpose::ALL.len());
        let (rest, class) = (rest / DataClass::ALL.len(), rest % DataClass::ALL.len());
        let (rest, action) = (rest / Action::ALL.len(), rest % Action::ALL.len());
        let (jurisdiction, region) = (rest / self.facts.regions.len(), rest % self.facts.regions.len());
        Point {
            jurisdiction: self.facts.jurisdictions[jurisdiction].clone(),
            action: Action::ALL[action],
            region: self.facts.regions[region].clone(),
            class: DataClass::ALL[class],
            purpose: Purpose::ALL[purpose],
        }
    }
}

/// Euclid's.
fn common_factor(mut a: usize, mut b: usize) -> usize {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
