//! The rules: Cedar policies that say who permits or forbids what, and why.
//!
//! A rule reads a closed list of things (see `formula`), so that the answer of the law is a function of
//! jurisdiction, action, region, class, purpose and one open bit, the consent.

pub(crate) mod annotations;
pub(crate) mod formula;
pub(crate) mod literals;
mod nesting;
pub(crate) mod read;
pub(crate) mod schema;

use cedar_policy::pst;

use crate::position::Position;
pub(crate) use formula::Formula;

/// What a rule does where it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    Permit,
    /// Stands above every permit.
    Forbid,
}

/// One rule of the law.
#[derive(Debug, Clone)]
pub struct Rule {
    pub id: String,
    /// The article of law that it models.
    pub article: String,
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    pub effect: Effect,
    pub position: Position,
    /// As written, annotations included.
    pub text: String,
    pub(crate) body: pst::Template,
    pub(crate) formula: Formula,
}

impl Effect {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Forbid => "forbid",
        }
    }
}

impl Rule {
    /// A Cedar policy that is this rule, named by its place in the law.
    pub(crate) fn policy(&self, index: usize) -> cedar_policy::Policy {
        let body = self.body.clone().with_id(pst::PolicyID(index.to_string().into()));
        let policy = pst::StaticPolicy::try_from(body).expect("templates were refused when the law was read");
        cedar_policy::Policy::from_pst(policy.into()).expect("it came from Cedar's own parser")
    }
}
