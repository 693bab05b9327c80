//! Cedar's own answer at one point: slow, and what the matrix is measured against.

use cedar_policy::{Authorizer, Decision, PolicySet};
use platform_model::matrix::{Answer, Point};

use crate::facts::{Coordinates, Facts};
use crate::law::Law;
use crate::rules::{Effect, Rule};

/// The rules as Cedar takes them, each named by its place in the law.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    all: PolicySet,
    permits: PolicySet,
    forbids: PolicySet,
}

/// Rules that apply at a point, by their place in the law, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applying {
    pub permits: Vec<usize>,
    pub forbids: Vec<usize>,
}

impl Engine {
    pub fn of(rules: &[Rule]) -> Self {
        let set = |effect: Option<Effect>| {
            let rules = rules.iter().enumerate();
            let rules = rules.filter(|(_, rule)| effect.is_none_or(|effect| rule.effect == effect));
            PolicySet::from_policies(rules.map(|(index, rule)| rule.policy(index)))
                .expect("places in the law are different names")
        };
        Self {
            all: set(None),
            permits: set(Some(Effect::Permit)),
            forbids: set(Some(Effect::Forbid)),
        }
    }

    /// Whether Cedar allows it: all rules together.
    pub fn allows(&self, facts: &Facts, at: &Coordinates) -> bool {
        let response = Authorizer::new().is_authorized(&facts.request(at), &self.all, facts.entities());
        let errors = response.diagnostics().errors().count();
        assert_eq!(errors, 0, "what may stand in a rule cannot fail");
        response.decision() == Decision::Allow
    }

    /// Which rules say something at a point, also those that do not decide it.
    pub fn applying(&self, facts: &Facts, at: &Coordinates) -> Applying {
        let request = facts.request(at);
        let reasons = |set| {
            let response = Authorizer::new().is_authorized(&request, set, facts.entities());
            let number = |id: &cedar_policy::PolicyId| id.to_string().parse::<usize>();
            let numbers = response
                .diagnostics()
                .reason()
                .map(number)
                .collect::<Result<Vec<_>, _>>();
            let mut numbers = numbers.expect("rules are named by their place");
            numbers.sort_unstable();
            numbers
        };
        Applying {
            permits: reasons(&self.permits),
            forbids: reasons(&self.forbids),
        }
    }
}

impl Law {
    /// What Cedar answers at a point, with and without consent, put into the words of the matrix. A point that is
    /// permitted only without consent is denied, as it is in the matrix: such a law is refused by [`lint`](Self::lint).
    pub fn ask_cedar(&self, point: &Point) -> Answer {
        let allows = |consent| {
            let at = self.facts.locate(point, consent);
            at.is_some_and(|at| self.engine.allows(&self.facts, &at))
        };
        match (allows(false), allows(true)) {
            (true, true) => Answer::Permit,
            (false, true) => Answer::PermitWithConsent(point.purpose),
            (_, false) => Answer::Deny,
        }
    }
}
