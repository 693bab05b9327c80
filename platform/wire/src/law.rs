//! The law and the places of copies, as an operator's tool reads them; and what exactly is signed.
//!
//! The commands are on [`AdminClient`](crate::admin::AdminClient).

mod residency;

use platform_model::matrix::{InvalidMatrix, LawVersion, Matrix};
use platform_model::{Generation, InvalidId, LawInForce, WorldId};
use platform_runtime::tls::Signed;

use crate::convert::InvalidTable;
use crate::pb;

pub use residency::{EarlierHolder, REPORT_PURPOSE, Residency, SeenCopy, ShardCopy, SignedResidency, signed};

/// For what an approval is signed.
pub const APPROVAL_PURPOSE: &str = "approval of a law";
/// Most certificates of one chain.
const CHAIN_MAX: usize = 8;

/// The bytes that an approver signs: this version, compiled to this matrix (SHA-256), in this world.
pub fn approval_statement(world: &WorldId, version: LawVersion, digest: &[u8; 32]) -> Vec<u8> {
    [world.as_str().as_bytes(), &version.0.to_be_bytes(), digest].concat()
}

/// Everything that the controllers know of the law.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LawView {
    /// For the compare-and-set of a proposal.
    pub generation: Generation,
    pub in_force: Option<LawInForce>,
    /// Since when that holds, milliseconds since 1970.
    pub in_force_since_ms: u64,
    /// The newest approved version: what is in force, or will be on its day.
    pub approved: Option<LawRecord>,
    pub proposed: Option<LawRecord>,
    /// Oldest first.
    pub history: Vec<LawHistory>,
    pub matrix_age_max_ms: u64,
    /// The controllers' time.
    pub time_ms: u64,
}

/// One version, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LawRecord {
    pub version: LawVersion,
    /// The canonical text.
    pub text: String,
    pub matrix: Matrix,
    /// SHA-256 of the matrix.
    pub digest: [u8; 32],
    /// SPIFFE id.
    pub author: String,
    pub proposed_ms: u64,
    pub approved: Option<Approved>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// SPIFFE id.
    pub approver: String,
    pub approved_ms: u64,
    /// When it holds wholly.
    pub holds_from_ms: u64,
    /// Over [`approval_statement`].
    pub signature: Signed,
}

/// What became of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LawHistory {
    pub version: LawVersion,
    pub document: [u8; 32],
    pub digest: [u8; 32],
    pub author: String,
    pub proposed_ms: u64,
    pub approver: Option<String>,
    pub approved_ms: u64,
    /// When it came wholly into force; 0: it did not.
    pub holds_from_ms: u64,
    /// `proposed`, `approved`, `in-force`, `withdrawn` or `replaced`.
    pub outcome: String,
}

/// An answer about the law that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum InvalidLaw {
    #[error(transparent)]
    Table(#[from] InvalidTable),
    #[error(transparent)]
    Matrix(#[from] InvalidMatrix),
    #[error(transparent)]
    Id(#[from] InvalidId),
    #[error("{0} is not 32 bytes long")]
    Digest(&'static str),
    #[error("there is no `{0}`")]
    Missing(&'static str),
    #[error("the signature cannot be read")]
    Signature,
    #[error("the report cannot be read")]
    Report(#[from] prost::DecodeError),
}

impl LawView {
    /// The approved law that does not hold wholly yet.
    pub fn waiting(&self) -> Option<&LawRecord> {
        let in_force = self.in_force.as_ref().map(|law| law.matrix.as_ref());
        self.approved.as_ref().filter(|law| in_force != Some(&law.matrix))
    }
}

impl TryFrom<pb::LawReply> for LawView {
    type Error = InvalidLaw;

    fn try_from(wire: pb::LawReply) -> Result<Self, InvalidLaw> {
        Ok(Self {
            generation: Generation(wire.generation),
            in_force: wire.in_force.map(TryInto::try_into).transpose()?,
            in_force_since_ms: wire.in_force_since_ms,
            approved: wire.approved.map(TryInto::try_into).transpose()?,
            proposed: wire.proposed.map(TryInto::try_into).transpose()?,
            history: wire
                .history
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            matrix_age_max_ms: wire.matrix_age_max_ms,
            time_ms: wire.time_ms,
        })
    }
}

impl TryFrom<pb::LawRecord> for LawRecord {
    type Error = InvalidLaw;

    fn try_from(wire: pb::LawRecord) -> Result<Self, InvalidLaw> {
        let approved = match wire.approval {
            None => None,
            Some(signature) => Some(Approved {
                approver: wire.approver,
                approved_ms: wire.approved_ms,
                holds_from_ms: wire.holds_from_ms,
                signature: signature.try_into()?,
            }),
        };
        Ok(Self {
            version: LawVersion(wire.law_version),
            text: wire.text,
            matrix: Matrix::from_bytes(&wire.matrix)?,
            digest: digest("digest", &wire.digest)?,
            author: wire.author,
            proposed_ms: wire.proposed_ms,
            approved,
        })
    }
}

impl TryFrom<pb::LawHistory> for LawHistory {
    type Error = InvalidLaw;

    fn try_from(wire: pb::LawHistory) -> Result<Self, InvalidLaw> {
        Ok(Self {
            version: LawVersion(wire.law_version),
            document: digest("document", &wire.document)?,
            digest: digest("digest", &wire.digest)?,
            author: wire.author,
            proposed_ms: wire.proposed_ms,
            approver: Some(wire.approver).filter(|approver| !approver.is_empty()),
            approved_ms: wire.approved_ms,
            holds_from_ms: wire.holds_from_ms,
            outcome: wire.outcome,
        })
    }
}

impl From<Signed> for pb::Signed {
    fn from(signed: Signed) -> Self {
        Self {
            chain: signed.chain,
            scheme: u32::from(signed.scheme),
            signature: signed.signature,
        }
    }
}

impl TryFrom<pb::Signed> for Signed {
    type Error = InvalidLaw;

    fn try_from(wire: pb::Signed) -> Result<Self, InvalidLaw> {
        let scheme = u16::try_from(wire.scheme).map_err(|_| InvalidLaw::Signature)?;
        if wire.chain.is_empty() || wire.chain.len() > CHAIN_MAX {
            return Err(InvalidLaw::Signature);
        }
        Ok(Self {
            chain: wire.chain,
            scheme,
            signature: wire.signature,
        })
    }
}

/// 32 bytes from the wire.
///
/// # Errors
/// [`InvalidLaw::Digest`].
pub fn digest(what: &'static str, bytes: &[u8]) -> Result<[u8; 32], InvalidLaw> {
    bytes.try_into().map_err(|_| InvalidLaw::Digest(what))
}
