//! The record of a decision: each one names the one before by its hash, so none can be left out or changed unseen.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::command::{Author, Envelope};
use crate::refusal::Refusal;

/// A SHA-256.
pub type Hash = [u8; 32];

/// One decision or refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// From 1, without gaps.
    pub sequence: u64,
    /// Milliseconds since 1970, never before the decision before it.
    pub time_ms: u64,
    pub author: Author,
    pub reason: String,
    /// Name of the command.
    pub command: String,
    /// Of the envelope in its stored form.
    pub command_digest: Hash,
    /// `None`: accepted.
    pub refusal: Option<Refusal>,
    pub previous: Hash,
}

/// Where the record ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub sequence: u64,
    pub hash: Hash,
}

impl Decision {
    /// The decision that follows `head`.
    pub(crate) fn after(head: &Head, time_ms: u64, envelope: &Envelope, refusal: Option<Refusal>) -> Self {
        Self {
            sequence: head.sequence + 1,
            time_ms,
            author: envelope.author.clone(),
            reason: envelope.reason.clone(),
            command: envelope.command.name().to_owned(),
            command_digest: digest(envelope),
            refusal,
            previous: head.hash,
        }
    }

    /// What the next decision names.
    pub fn hash(&self) -> Hash {
        digest(self)
    }

    /// The head after this decision.
    pub(crate) fn head(&self) -> Head {
        Head {
            sequence: self.sequence,
            hash: self.hash(),
        }
    }
}

/// Fields in the order of their declaration and maps in the order of their keys: one value has one form.
fn digest(value: &impl Serialize) -> Hash {
    let bytes = serde_json::to_vec(value).expect("ids, numbers and texts always write");
    Sha256::digest(&bytes).into()
}
