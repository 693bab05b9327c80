//! What the world knows of its law: the one in force, the newest that was approved, the one that waits for approval,
//! and who did what when.
//!
//! Without a law in force nothing is kept anywhere: homes and shards may be named, no copy is made. What a new version
//! forbids holds from its approval on; what it allows, from its day on, and never before everybody can have heard of
//! it. In between holds what both versions permit.

use std::sync::Arc;

use control_plane_ledger::Digest;
use platform_model::matrix::{LawVersion, Matrix};
use platform_model::{Generation, LawInForce};
use serde::{Deserialize, Serialize};

/// How old a table may be under which something new is kept, unless the world says otherwise.
pub const MATRIX_AGE_MAX_MS: u64 = 300_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LawBook {
    /// Grows with each change: the compare-and-set of a proposal.
    pub generation: Generation,
    pub matrix_age_max_ms: u64,
    pub in_force: Option<InForce>,
    /// The newest approved version, whole: what is in force, or comes into force on its day.
    pub approved: Option<ApprovedLaw>,
    pub proposed: Option<ProposedLaw>,
    /// Oldest first; bounded, the newest stay.
    pub history: Vec<Past>,
}

/// What holds now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// Counts what was ever in force, from 1.
    pub revision: u64,
    pub since_ms: u64,
    pub matrix: SharedMatrix,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedLaw {
    pub version: LawVersion,
    pub text: String,
    pub matrix: SharedMatrix,
    /// SHA-256 of the matrix: what an approver must have compiled himself.
    pub digest: Digest,
    /// His SPIFFE id.
    pub author: String,
    pub proposed_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedLaw {
    pub law: ProposedLaw,
    pub approver: String,
    pub approved_ms: u64,
    /// When all of it holds.
    pub holds_from_ms: u64,
    pub approval: Approval,
}

/// The approver's signature, kept for whoever doubts it later. Checked where it came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// X.509, DER: the signer's own, then what stands between it and the root.
    pub chain: Vec<Vec<u8>>,
    /// TLS `SignatureScheme`, RFC 8446.
    pub scheme: u16,
    pub signature: Vec<u8>,
}

/// A version that was proposed, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    pub version: LawVersion,
    /// SHA-256 of the text.
    pub document: Digest,
    pub digest: Digest,
    pub author: String,
    pub proposed_ms: u64,
    pub approver: Option<String>,
    pub approved_ms: u64,
    /// When it came wholly into force; 0: it did not.
    pub holds_from_ms: u64,
    pub fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Waits for an approval.
    Proposed,
    /// Holds in part, and wholly from its day on.
    Approved,
    InForce,
    /// Taken back before it held.
    Withdrawn,
    /// A later version holds, or was proposed in its place.
    Replaced,
}

/// A matrix that many hold and nobody changes; stored as its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedMatrix(pub Arc<Matrix>);

impl Fate {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Approved => "approved",
            Self::InForce => "in-force",
            Self::Withdrawn => "withdrawn",
            Self::Replaced => "replaced",
        }
    }
}

impl Default for LawBook {
    fn default() -> Self {
        Self {
            generation: Generation(0),
            matrix_age_max_ms: MATRIX_AGE_MAX_MS,
            in_force: None,
            approved: None,
            proposed: None,
            history: Vec::new(),
        }
    }
}

impl LawBook {
    /// The matrix in force.
    pub fn matrix(&self) -> Option<&Matrix> {
        self.in_force.as_ref().map(|law| law.matrix.0.as_ref())
    }

    /// The approved law that waits for its day.
    pub fn waiting(&self) -> Option<&ApprovedLaw> {
        let whole = |law: &&ApprovedLaw| self.matrix() != Some(law.law.matrix.0.as_ref());
        self.approved.as_ref().filter(whole)
    }

    /// Whether the day of the approved law has come at `now_ms`.
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.waiting().is_some_and(|law| law.holds_from_ms <= now_ms)
    }

    pub(crate) fn route(&self) -> Option<LawInForce> {
        self.in_force.as_ref().map(|law| LawInForce {
            revision: law.revision,
            matrix: Arc::clone(&law.matrix.0),
            matrix_age_max_ms: self.matrix_age_max_ms,
        })
    }
}

impl Serialize for SharedMatrix {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SharedMatrix {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Matrix::deserialize(deserializer).map(|matrix| Self(Arc::new(matrix)))
    }
}
