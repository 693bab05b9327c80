//! What is wrong with a law, and where.

use std::fmt;

use platform_model::matrix::{MatrixFault, Point};
use platform_model::{CountryCode, DataClass, Jurisdiction, RegionId};

use crate::position::Position;
use crate::source::SourceError;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// None where the fault is that something is missing.
    pub position: Option<Position>,
    pub kind: FaultKind,
}

/// A number of points of the matrix, by the first of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Points {
    pub first: Point,
    pub count: usize,
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => write!(f, "{}", self.first),
            count => write!(f, "{} and {} more", self.first, count - 1),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    // The files.
    #[error(transparent)]
    Source(SourceError),
    #[error("{0}")]
    NotToml(String),
    #[error("{what} names {name}, which the law does not know{}", did_you_mean(.nearest.as_ref()))]
    Unknown {
        what: String,
        name: String,
        nearest: Option<String>,
    },
    #[error("{0} belongs to two jurisdictions")]
    CountryTwice(CountryCode),
    #[error("a law has {what}: {count} of them, between {least} and {most}")]
    Count {
        what: &'static str,
        count: usize,
        least: usize,
        most: usize,
    },
    #[error("{what} has {bytes} bytes; it must have between 1 and {max}")]
    Length { what: String, bytes: usize, max: usize },

    // The rules, read one by one.
    #[error("{0}")]
    NotCedar(String),
    #[error("rule {rule}: {message}")]
    Invalid { rule: String, message: String },
    #[error("a template is no rule: it says nothing until its slots are filled")]
    Template,
    #[error("rule {rule} has no @{annotation}")]
    MissingAnnotation { rule: String, annotation: &'static str },
    #[error("rule {rule} has an annotation @{annotation}; a rule has @id, @article, @reason and @owner")]
    UnknownAnnotation { rule: String, annotation: String },
    #[error("`{0}` is no id of a rule: lower-case letters, digits and hyphens, 64 at most")]
    RuleId(String),
    #[error("two rules are called {rule}; the first is at {first}")]
    RuleTwice { rule: String, first: Position },
    #[error(
        "rule {rule} reads `{what}`; a rule reads principal, action, resource, resource.attested, context.class, context.purpose, context.mechanisms and context.consent, compared with what stands in the law"
    )]
    Reads { rule: String, what: String },
    #[error("a rule with too many parts or brackets within brackets: write it as several")]
    TooNested,

    // The rules, taken together.
    #[error("rule {rule} never applies: there is no point at which it says anything, whatever the facts")]
    NeverApplies { rule: String },
    #[error("rule {rule} contradicts rule {forbidden_by}: all that the one permits, the other forbids")]
    Contradicts { rule: String, forbidden_by: String },
    #[error("{points}: permitted only without consent, by rule {rule}")]
    OnlyWithoutConsent { rule: String, points: Points },
    #[error(
        "{points}: permitted only with consent, by rule {rule}; what keeps a copy may not depend on consent"
    )]
    ConditionalCopy { rule: String, points: Points },
    #[error("{points}: permitted by rule {rule}, but nobody attests that region")]
    Unattested { rule: String, points: Points },
    #[error("there is no region where {class} data of {jurisdiction} may have its primary copy")]
    NoHomeForClass {
        jurisdiction: Jurisdiction,
        class: DataClass,
    },
    #[error("there is no one region where all data of {0} may be stored and processed: no home")]
    NoHome(Jurisdiction),
    #[error("the authority of {jurisdiction} may not hold claims in {region}: {reason}")]
    Authority {
        jurisdiction: Jurisdiction,
        region: RegionId,
        reason: String,
    },
    #[error(transparent)]
    Matrix(MatrixFault),
    #[error(
        "Cedar answers {cedar}, the matrix {matrix}, at {point}: the compiler is wrong, nothing may be applied"
    )]
    Disagreement {
        point: Point,
        cedar: String,
        matrix: String,
    },
}

impl FaultKind {
    /// Its stable name, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Source(_) => "source",
            Self::NotToml(_) => "not-toml",
            Self::Unknown { .. } => "unknown-name",
            Self::CountryTwice(_) => "country-twice",
            Self::Count { .. } => "count",
            Self::Length { .. } => "length",
            Self::NotCedar(_) => "not-cedar",
            Self::Invalid { .. } => "invalid-rule",
            Self::Template => "template",
            Self::MissingAnnotation { .. } => "missing-annotation",
            Self::UnknownAnnotation { .. } => "unknown-annotation",
            Self::RuleId(_) => "rule-id",
            Self::RuleTwice { .. } => "rule-twice",
            Self::Reads { .. } => "reads-what-it-may-not",
            Self::TooNested => "too-nested",
            Self::NeverApplies { .. } => "never-applies",
            Self::Contradicts { .. } => "contradicts",
            Self::OnlyWithoutConsent { .. } => "only-without-consent",
            Self::ConditionalCopy { .. } => "conditional-copy",
            Self::Unattested { .. } => "unattested-region",
            Self::NoHomeForClass { .. } => "class-without-home",
            Self::NoHome(_) => "no-home",
            Self::Authority { .. } => "authority-may-not-hold",
            Self::Matrix(_) => "matrix",
            Self::Disagreement { .. } => "compiler-disagrees",
        }
    }
}

fn did_you_mean(name: Option<&String>) -> String {
    name.map(|name| format!("; did you mean {name}?"))
        .unwrap_or_default()
}

impl Fault {
    pub(crate) fn at(position: Position, kind: FaultKind) -> Self {
        Self {
            position: Some(position),
            kind,
        }
    }

    pub(crate) fn nowhere(kind: FaultKind) -> Self {
        Self { position: None, kind }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.position {
            Some(position) => write!(f, "{position}: {}", self.kind),
            None => write!(f, "{}", self.kind),
        }
    }
}

/// Everything that is wrong, in the order of the law; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Fault::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Faults {}

impl From<SourceError> for Faults {
    fn from(error: SourceError) -> Self {
        Self(vec![Fault::nowhere(FaultKind::Source(error))])
    }
}
