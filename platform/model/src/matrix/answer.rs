//! A question to the law, and its answer.

use std::fmt;

use super::words::{Action, Purpose};
use crate::class::DataClass;
use crate::place::{Jurisdiction, RegionId};

/// One question: may this be done there with such data of such people, for that purpose?
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Point {
    /// The jurisdiction of the person whose data it is.
    pub jurisdiction: Jurisdiction,
    pub action: Action,
    /// Where it would happen.
    pub region: RegionId,
    pub class: DataClass,
    pub purpose: Purpose,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            jurisdiction,
            action,
            region,
            class,
            purpose,
        } = self;
        write!(
            f,
            "`{action}` of {class} data of {jurisdiction} in {region} for {purpose}"
        )
    }
}

/// Ordered by how much it lets happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    Deny,
    /// Only while the person's consent to that purpose stands; their own shard knows.
    PermitWithConsent(Purpose),
    Permit,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deny => f.write_str("deny"),
            Self::PermitWithConsent(purpose) => write!(f, "permit with consent to {purpose}"),
            Self::Permit => f.write_str("permit"),
        }
    }
}

/// Names a rule of one matrix: [`Matrix::rule`](super::Matrix::rule).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleIndex(pub(super) u16);

impl RuleIndex {
    pub fn as_usize(self) -> usize {
        usize::from(self.0)
    }
}

/// What whoever is refused is told.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleName {
    /// The annotation `@id`: `eu-copies-stay`.
    pub id: String,
    /// The annotation `@article`: `GDPR Art. 44`.
    pub article: String,
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.article)
    }
}

/// The answer, and the rule that decided it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ruling {
    pub answer: Answer,
    /// None: no rule permits it, which denies it.
    pub rule: Option<RuleIndex>,
}

impl Ruling {
    /// A place that the law does not know.
    pub const UNKNOWN_PLACE: Self = Self {
        answer: Answer::Deny,
        rule: None,
    };

    /// Permitted whether or not there is consent.
    pub fn is_permitted(self) -> bool {
        self.answer == Answer::Permit
    }
}
