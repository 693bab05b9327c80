//! Why the law answers as it does at a point.

use std::fmt;

use platform_model::matrix::{Answer, Point};
use platform_model::{CountryCode, Jurisdiction};

use crate::compile::Compiled;
use crate::document::{Attestation, MechanismSet};
use crate::law::Law;
use crate::rules::{Effect, Rule};

/// The answer at a point, the rule behind it, and the facts that rules could read.
#[derive(Debug, Clone)]
pub struct Explanation<'a> {
    pub point: Point,
    pub answer: Answer,
    /// The rule that decides; none: no rule permits it.
    pub rule: Option<&'a Rule>,
    /// Every other rule that applies at the point, with consent given.
    pub others: Vec<&'a Rule>,
    /// None if the law does not know the jurisdiction or the region.
    pub facts: Option<PlaceFacts<'a>>,
}

/// What is known of a region, seen from a jurisdiction.
#[derive(Debug, Clone)]
pub struct PlaceFacts<'a> {
    pub country: CountryCode,
    /// To which the region's country belongs.
    pub area: Option<&'a Jurisdiction>,
    pub attested: Option<&'a Attestation>,
    pub mechanisms: MechanismSet,
}

impl Law {
    /// Explains the answer of this law's matrix at a point.
    pub fn explain<'a>(&'a self, compiled: &Compiled, point: &Point) -> Explanation<'a> {
        let ruling = compiled.matrix.ruling(point);
        let rule = ruling.rule.and_then(|rule| self.rules.get(rule.as_usize()));
        let applying = self
            .facts
            .locate(point, true)
            .map(|at| self.engine.applying(&self.facts, &at));
        let applying = applying
            .map(|applying| [applying.forbids, applying.permits].concat())
            .unwrap_or_default();
        let others = applying.into_iter().map(|index| &self.rules[index]);
        Explanation {
            point: point.clone(),
            answer: ruling.answer,
            rule,
            others: others
                .filter(|other| rule.is_none_or(|rule| rule.id != other.id))
                .collect(),
            facts: self.place_facts(point),
        }
    }

    pub(crate) fn place_facts(&self, point: &Point) -> Option<PlaceFacts<'_>> {
        let region = self.document.regions.get(&point.region)?;
        self.document.jurisdictions.get(&point.jurisdiction)?;
        Some(PlaceFacts {
            country: region.country,
            area: self.document.jurisdiction_of(region.country),
            attested: region.attested.as_ref(),
            mechanisms: self.document.mechanisms(&point.jurisdiction, &point.region),
        })
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.point, self.answer)?;
        match self.rule {
            Some(rule) => {
                writeln!(
                    f,
                    "  rule     {} ({}, {})",
                    rule.id,
                    rule.effect.as_str(),
                    rule.position
                )?;
                writeln!(f, "  article  {}", rule.article)?;
                writeln!(f, "  reason   {}", rule.reason)?;
                writeln!(f, "  owner    {}", rule.owner)?;
            }
            None => writeln!(f, "  rule     none: no rule permits it, so it is denied")?,
        }
        for other in &self.others {
            let effect = if other.effect == Effect::Forbid {
                "also forbidden by"
            } else {
                "permitted by"
            };
            writeln!(f, "  {effect} {} ({})", other.id, other.article)?;
        }
        match &self.facts {
            Some(facts) => write!(f, "  {}", facts.text(&self.point)),
            None => write!(f, "  the law does not know this jurisdiction or region"),
        }
    }
}

impl PlaceFacts<'_> {
    fn text(&self, point: &Point) -> String {
        let area = self
            .area
            .map_or_else(|| "no jurisdiction".to_owned(), ToString::to_string);
        let attested = self.attested.map_or_else(
            || "attested by nobody".to_owned(),
            |attested| format!("attested by {} on {}", attested.by, attested.on),
        );
        let (region, country, mechanisms) = (&point.region, self.country, self.mechanisms);
        format!("region   {region} in {country} ({area}), {attested}; mechanisms: {mechanisms}")
    }
}
