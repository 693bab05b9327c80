//! What each comparison answers, asked of Cedar once for every value of what it reads.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::pst::{
    ActionConstraint, Clause, Effect, PolicyID, PrincipalConstraint, ResourceConstraint, StaticPolicy,
    Template,
};
use cedar_policy::{Authorizer, Decision, Policy, PolicySet};
use platform_model::DataClass;
use platform_model::matrix::{Action, Purpose};

use super::bits::{BITS, Bits, Spot};
use crate::document::MechanismSet;
use crate::facts::{Coordinates, Facts};
use crate::rules::formula::{Leaf, Reads};

/// Answers of comparisons over the same facts, by their text.
#[derive(Debug, Default)]
pub(crate) struct LeafCache(HashMap<String, Arc<Table>>);

/// The answers of one comparison.
#[derive(Debug)]
pub(crate) struct Table {
    /// Distinct ones: a comparison that reads no place has one row.
    rows: Vec<Bits>,
    /// Of each place (jurisdiction x region), its row.
    row_of_place: Vec<usize>,
    regions: usize,
}

/// What the answers at a place depend on; an index that is not read is 0.
type Key = (usize, usize, MechanismSet);

impl LeafCache {
    pub fn table(&mut self, facts: &Facts, leaf: &Leaf) -> Arc<Table> {
        if let Some(table) = self.0.get(&leaf.text) {
            return Arc::clone(table);
        }
        let table = Arc::new(Table::of(facts, leaf));
        self.0.insert(leaf.text.clone(), Arc::clone(&table));
        table
    }
}

impl Table {
    fn of(facts: &Facts, leaf: &Leaf) -> Self {
        let (rule, regions) = (rule_of(leaf), facts.regions.len());
        let mut known: HashMap<Key, usize> = HashMap::new();
        let mut table = Self {
            rows: Vec::new(),
            row_of_place: Vec::new(),
            regions,
        };
        for place in 0..facts.jurisdictions.len() * regions {
            let key = key(facts, leaf.reads, place / regions, place % regions);
            let row = *known.entry(key).or_insert_with(|| {
                table.rows.push(answers(facts, &rule, leaf.reads, key));
                table.rows.len() - 1
            });
            table.row_of_place.push(row);
        }
        table
    }

    /// The points of a place at which the comparison is true.
    pub fn at(&self, jurisdiction: usize, region: usize) -> &Bits {
        &self.rows[self.row_of_place[jurisdiction * self.regions + region]]
    }
}

fn key(facts: &Facts, reads: Reads, jurisdiction: usize, region: usize) -> Key {
    let read = |what, index| if reads.any(what) { index } else { 0 };
    let mechanisms = facts.mechanisms_at(jurisdiction, region);
    let mechanisms = if reads.any(Reads::MECHANISMS) {
        mechanisms
    } else {
        MechanismSet::default()
    };
    (
        read(Reads::JURISDICTION, jurisdiction),
        read(Reads::REGION, region),
        mechanisms,
    )
}

/// `permit (principal, action, resource) when { LEAF };`
fn rule_of(leaf: &Leaf) -> PolicySet {
    let (principal, resource) = (PrincipalConstraint::Any, ResourceConstraint::Any);
    let id = PolicyID("leaf".into());
    let rule = Template::new(id, Effect::Permit, principal, ActionConstraint::Any, resource)
        .try_with_clauses([Clause::When(Arc::clone(&leaf.expr))])
        .expect("a comparison has no slot");
    let rule = StaticPolicy::try_from(rule).expect("a comparison has no slot");
    let rule = Policy::from_pst(rule.into()).expect("a comparison came from Cedar's own parser");
    PolicySet::from_policies([rule]).expect("one name")
}

/// All points of a row. Points that differ only in what is not read are asked once.
fn answers(facts: &Facts, rule: &PolicySet, reads: Reads, key: Key) -> Bits {
    let (jurisdiction, region, mechanisms) = key;
    let spots = Reads::ACTION | Reads::CLASS | Reads::PURPOSE | Reads::CONSENT;
    let ask = |action, class, purpose, consent| {
        let at = Coordinates {
            jurisdiction,
            region,
            action,
            class,
            purpose,
            mechanisms,
            consent,
        };
        asked(facts, rule, &at)
    };
    if !reads.any(spots) {
        let is_true = ask(Action::ALL[0], DataClass::ALL[0], Purpose::ALL[0], false);
        return if is_true { Bits::ALL } else { Bits::NONE };
    }
    let mut known: HashMap<(Action, DataClass, Purpose, bool), bool> = HashMap::new();
    let mut bits = Bits::NONE;
    for bit in 0..BITS {
        let spot = Spot::of(bit);
        let action = if reads.any(Reads::ACTION) {
            spot.action
        } else {
            Action::ALL[0]
        };
        let class = if reads.any(Reads::CLASS) {
            spot.class
        } else {
            DataClass::ALL[0]
        };
        let purpose = if reads.any(Reads::PURPOSE) {
            spot.purpose
        } else {
            Purpose::ALL[0]
        };
        let consent = reads.any(Reads::CONSENT) && spot.consent;
        let is_true = *known
            .entry((action, class, purpose, consent))
            .or_insert_with(|| ask(action, class, purpose, consent));
        if is_true {
            bits.set(bit);
        }
    }
    bits
}

fn asked(facts: &Facts, rule: &PolicySet, at: &Coordinates) -> bool {
    let response = Authorizer::new().is_authorized(&facts.request(at), rule, facts.entities());
    assert_eq!(
        response.diagnostics().errors().count(),
        0,
        "a comparison of the grammar cannot fail"
    );
    response.decision() == Decision::Allow
}
