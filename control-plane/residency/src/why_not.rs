//! The smallest change that would make something legal. It says what would have to be so, not that it should be.
//!
//! Every combination of facts that could be other (the region attested, mechanisms added) is asked of Cedar; what then
//! still stands in the way are rules to lift and a permit to write. The combination with the fewest changes is named;
//! of equal ones, that which changes facts before that which changes the law.

use std::fmt;

use platform_model::matrix::{Answer, Point};

use crate::compile::Compiled;
use crate::document::{Mechanism, MechanismSet};
use crate::facts::Facts;
use crate::law::Law;
use crate::rules::Rule;

/// What stands between a point and `permit`.
#[derive(Debug, Clone)]
pub enum WhyNot<'a> {
    /// Nothing does.
    Permitted { rule: &'a Rule },
    /// Only the person's consent.
    NeedsConsent { rule: &'a Rule },
    /// The law does not know the jurisdiction or the region; it would have to stand in it first.
    UnknownPlace,
    /// All of these together.
    Needs { remedies: Vec<Remedy<'a>>, then: Answer },
}

/// One change.
#[derive(Debug, Clone)]
pub enum Remedy<'a> {
    /// Somebody attests where the region is.
    Attest,
    /// A ground for the transfer, for this jurisdiction and region.
    Mechanism(Mechanism),
    /// A rule that permits it; this is the narrowest.
    Permit { text: String },
    /// The rule no longer forbids it.
    Lift(&'a Rule),
}

impl Remedy<'_> {
    /// Orders changes of equal number: facts first, then new rules, then rules of law lifted.
    fn weight(&self) -> usize {
        match self {
            Self::Attest => 0,
            Self::Mechanism(_) => 1,
            Self::Permit { .. } => 2,
            Self::Lift(_) => 3,
        }
    }
}

impl Law {
    pub fn why_not<'a>(&'a self, compiled: &Compiled, point: &Point) -> WhyNot<'a> {
        let ruling = compiled.matrix.ruling(point);
        let Some(at) = self.facts.locate(point, true) else {
            return WhyNot::UnknownPlace;
        };
        match (
            ruling.answer,
            ruling.rule.map(|rule| &self.rules[rule.as_usize()]),
        ) {
            (Answer::Permit, Some(rule)) => WhyNot::Permitted { rule },
            (Answer::PermitWithConsent(_), Some(rule)) => WhyNot::NeedsConsent { rule },
            _ => {
                let missing = !self.facts.is_attested(at.region);
                let attesting: &[bool] = if missing { &[false, true] } else { &[false] };
                let added = MechanismSet::all_sets()
                    .filter(|set| set.iter().all(|kind| !at.mechanisms.contains(kind)));
                let tried = added.flat_map(|added| attesting.iter().map(move |attest| (*attest, added)));
                let ways = tried.map(|(attest, added)| self.way(point, attest, added));
                let (remedies, then) = ways
                    .min_by_key(|(remedies, _)| {
                        (remedies.len(), remedies.iter().map(Remedy::weight).sum::<usize>())
                    })
                    .expect("the facts as they are are one combination");
                WhyNot::Needs { remedies, then }
            }
        }
    }

    /// What else is needed once some facts are other.
    fn way(&self, point: &Point, attest: bool, added: MechanismSet) -> (Vec<Remedy<'_>>, Answer) {
        let facts = self.facts_if(point, attest, added);
        let at = |consent| facts.locate(point, consent).expect("it was located before");
        let [without, with] = [false, true].map(|consent| self.engine.applying(&facts, &at(consent)));
        let attested = attest.then_some(Remedy::Attest);
        let mut remedies: Vec<Remedy<'_>> = attested
            .into_iter()
            .chain(added.iter().map(Remedy::Mechanism))
            .collect();
        // What keeps a copy may not depend on consent, so it has to hold without.
        let keeps = point.action.keeps();
        let (permits, forbids) = if keeps {
            (&without.permits, &without.forbids)
        } else {
            (&with.permits, &with.forbids)
        };
        if permits.is_empty() {
            remedies.push(Remedy::Permit {
                text: narrowest_permit(point),
            });
        }
        remedies.extend(forbids.iter().map(|rule| Remedy::Lift(&self.rules[*rule])));
        let lifted = |forbids: &[usize]| forbids.iter().all(|rule| with.forbids.contains(rule));
        let free = (permits.is_empty() || !without.permits.is_empty()) && lifted(&without.forbids);
        let then = if keeps || free {
            Answer::Permit
        } else {
            Answer::PermitWithConsent(point.purpose)
        };
        (remedies, then)
    }

    fn facts_if(&self, point: &Point, attest: bool, added: MechanismSet) -> Facts {
        let mut facts = self.facts.clone();
        let at = facts.locate(point, true).expect("it was located before");
        facts.add_mechanisms(at.jurisdiction, at.region, added);
        if attest {
            facts.attest(at.region);
        }
        facts
    }
}

fn narrowest_permit(point: &Point) -> String {
    let Point {
        jurisdiction,
        action,
        region,
        class,
        purpose,
    } = point;
    format!(
        "permit (\n  principal == Jurisdiction::\"{jurisdiction}\",\n  action == Action::\"{action}\",\n  \
         resource == Region::\"{region}\"\n) when {{\n  context.class == DataClass::\"{class}\" &&\n  \
         context.purpose == Purpose::\"{purpose}\"\n}};"
    )
}

impl fmt::Display for WhyNot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permitted { rule } => write!(f, "it is permitted, by rule {} ({})", rule.id, rule.article),
            Self::NeedsConsent { rule } => {
                write!(
                    f,
                    "only the person's consent is needed, by rule {} ({})",
                    rule.id, rule.article
                )
            }
            Self::UnknownPlace => f.write_str("the law does not know this jurisdiction or region"),
            Self::Needs { remedies, then } => {
                write!(f, "the smallest change, after which the answer is {then}:")?;
                remedies.iter().try_for_each(|remedy| write!(f, "\n- {remedy}"))
            }
        }
    }
}

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attest => f.write_str("somebody attests where the region is"),
            Self::Mechanism(kind) => write!(f, "a mechanism `{kind}` carries the data there"),
            Self::Permit { text } => write!(f, "a rule permits it:\n  {}", text.replace('\n', "\n  ")),
            Self::Lift(rule) => write!(f, "rule {} ({}) no longer forbids it", rule.id, rule.article),
        }
    }
}
