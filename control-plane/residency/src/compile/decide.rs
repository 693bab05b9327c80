//! Puts rules together from the answers of their comparisons, and decides each point of a place.
//!
//! A forbid stands above every permit; where neither applies, it is denied. Of several rules that decide alike, the
//! first of the law is named.

use std::sync::Arc;

use platform_model::matrix::{Answer, Block, CELLS, Point, RuleIndex, Ruling};

use super::bits::{Bits, Spot};
use super::leaves::{LeafCache, Table};
use crate::document::MechanismSet;
use crate::facts::Facts;
use crate::fault::Points;
use crate::law::Law;
use crate::rules::{Effect, Formula};

/// A formula whose comparisons are answered.
enum Answered {
    Const(bool),
    Table(Arc<Table>),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    If(Box<(Self, Self, Self)>),
}

/// What the making of a matrix showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Of each rule of the law.
    pub reach: Vec<Reach>,
    /// Permitted without consent and not with it: the rule that permits, and where.
    pub only_without_consent: Vec<(usize, Points)>,
    /// Permitted with consent only, where that may not be.
    pub conditional_copies: Vec<(usize, Points)>,
    /// Permitted in a region that nobody attests.
    pub unattested: Vec<(usize, Points)>,
}

/// How far a rule reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Points at which the rule applies, consent counted twice.
    pub applies: usize,
    /// Of a permit: those of them that no rule forbids.
    pub stands: usize,
    /// Of a permit: the first rule that forbids some of it.
    pub forbidden_by: Option<usize>,
}

pub(super) struct Deciding<'a> {
    facts: &'a Facts,
    rules: Vec<(Effect, Answered)>,
    findings: Findings,
}

impl<'a> Deciding<'a> {
    pub fn of(law: &'a Law, cache: &mut LeafCache) -> Self {
        let facts = &law.facts;
        let rules = law
            .rules
            .iter()
            .map(|rule| (rule.effect, Answered::of(&rule.formula, facts, cache)));
        let reach = vec![Reach::default(); law.rules.len()];
        Self {
            facts,
            rules: rules.collect(),
            findings: Findings {
                reach,
                ..Findings::default()
            },
        }
    }

    pub fn findings(self) -> Findings {
        self.findings
    }

    pub fn block(&mut self, jurisdiction: usize, region: usize) -> Block {
        let applies: Vec<Bits> = self
            .rules
            .iter()
            .map(|(_, rule)| rule.at(jurisdiction, region))
            .collect();
        let permits = First::of(&applies, &self.rules, Effect::Permit);
        let forbids = First::of(&applies, &self.rules, Effect::Forbid);
        self.measure(&applies, &forbids);
        let mut block = Block::default();
        for cell in 0..CELLS {
            let (without, with) = (cell * 2, cell * 2 + 1);
            let permitted = |bit: usize| permits.rule[bit].filter(|_| forbids.rule[bit].is_none());
            let (answer, rule) = match (permitted(without), permitted(with)) {
                (Some(rule), Some(_)) => (Answer::Permit, Some(rule)),
                (None, Some(rule)) => (Answer::PermitWithConsent(Spot::of(with).purpose), Some(rule)),
                (Some(rule), None) => {
                    let point = self.point(jurisdiction, region, cell);
                    note(&mut self.findings.only_without_consent, rule, point);
                    (Answer::Deny, forbids.rule[with])
                }
                (None, None) => (Answer::Deny, forbids.rule[with]),
            };
            if let Some(rule) = rule.filter(|_| answer != Answer::Deny) {
                self.judge(rule, answer, jurisdiction, region, cell);
            }
            let spot = Spot::of(with);
            let rule = rule.and_then(RuleIndex::new);
            block.set(spot.action, spot.class, spot.purpose, Ruling { answer, rule });
        }
        block
    }

    fn judge(&mut self, rule: usize, answer: Answer, jurisdiction: usize, region: usize, cell: usize) {
        let keeps = Spot::of(cell * 2).action.keeps();
        if keeps && answer != Answer::Permit {
            let point = self.point(jurisdiction, region, cell);
            note(&mut self.findings.conditional_copies, rule, point);
        }
        if !self.facts.is_attested(region) {
            let point = self.point(jurisdiction, region, cell);
            note(&mut self.findings.unattested, rule, point);
        }
    }

    /// Adds what the rules reach at one place.
    fn measure(&mut self, applies: &[Bits], forbids: &First) {
        for (index, (bits, (effect, _))) in applies.iter().zip(&self.rules).enumerate() {
            if bits.is_empty() {
                continue;
            }
            let reach = &mut self.findings.reach[index];
            reach.applies += bits.len();
            if *effect == Effect::Permit {
                reach.stands += bits.without(&forbids.all).len();
                let forbidden = || {
                    bits.and(&forbids.all)
                        .iter()
                        .next()
                        .and_then(|bit| forbids.rule[bit])
                };
                reach.forbidden_by = reach.forbidden_by.or_else(forbidden);
            }
        }
    }

    fn point(&self, jurisdiction: usize, region: usize, cell: usize) -> Point {
        let Spot {
            action,
            class,
            purpose,
            ..
        } = Spot::of(cell * 2);
        let jurisdiction = self.facts.jurisdictions[jurisdiction].clone();
        Point {
            jurisdiction,
            action,
            region: self.facts.regions[region].clone(),
            class,
            purpose,
        }
    }
}

fn note(list: &mut Vec<(usize, Points)>, rule: usize, point: Point) {
    match list.iter_mut().find(|(known, _)| *known == rule) {
        Some((_, points)) => points.count += 1,
        None => list.push((
            rule,
            Points {
                first: point,
                count: 1,
            },
        )),
    }
}

/// Whether a rule would apply anywhere if the facts were other: regions attested or not, whatever mechanisms.
pub(crate) fn may_ever_apply(facts: &Facts, formula: &Formula) -> bool {
    let uniform = MechanismSet::all_sets().flat_map(|set| [false, true].map(|attested| (set, attested)));
    uniform.into_iter().any(|(mechanisms, attested)| {
        let facts = facts.everywhere(attested, mechanisms);
        let rule = Answered::of(formula, &facts, &mut LeafCache::default());
        let (jurisdictions, regions) = (facts.jurisdictions.len(), facts.regions.len());
        (0..jurisdictions * regions).any(|place| !rule.at(place / regions, place % regions).is_empty())
    })
}

/// At each point of a place, the first rule of one effect that applies.
struct First {
    all: Bits,
    rule: Vec<Option<usize>>,
}

impl First {
    fn of(applies: &[Bits], rules: &[(Effect, Answered)], effect: Effect) -> Self {
        let mut first = Self {
            all: Bits::NONE,
            rule: vec![None; super::bits::BITS],
        };
        for (index, (bits, (of, _))) in applies.iter().zip(rules).enumerate() {
            if *of == effect && !bits.is_empty() {
                bits.without(&first.all)
                    .iter()
                    .for_each(|bit| first.rule[bit] = Some(index));
                first.all = first.all.or(bits);
            }
        }
        first
    }
}

impl Answered {
    fn of(formula: &Formula, facts: &Facts, cache: &mut LeafCache) -> Self {
        let mut inner = |formula: &Formula| Box::new(Self::of(formula, facts, cache));
        match formula {
            Formula::Const(value) => Self::Const(*value),
            Formula::Leaf(leaf) => Self::Table(cache.table(facts, leaf)),
            Formula::Not(formula) => Self::Not(inner(formula)),
            Formula::And(left, right) => Self::And(inner(left), inner(right)),
            Formula::Or(left, right) => Self::Or(inner(left), inner(right)),
            Formula::If(parts) => {
                let (cond, then, other) = (inner(&parts.0), inner(&parts.1), inner(&parts.2));
                Self::If(Box::new((*cond, *then, *other)))
            }
        }
    }

    fn at(&self, jurisdiction: usize, region: usize) -> Bits {
        let inner = |formula: &Self| formula.at(jurisdiction, region);
        match self {
            Self::Const(true) => Bits::ALL,
            Self::Const(false) => Bits::NONE,
            Self::Table(table) => *table.at(jurisdiction, region),
            Self::Not(formula) => inner(formula).not(),
            Self::And(left, right) => {
                let left = inner(left);
                if left.is_empty() {
                    left
                } else {
                    left.and(&inner(right))
                }
            }
            Self::Or(left, right) => inner(left).or(&inner(right)),
            Self::If(parts) => {
                let cond = inner(&parts.0);
                cond.and(&inner(&parts.1)).or(&inner(&parts.2).without(&cond))
            }
        }
    }
}
