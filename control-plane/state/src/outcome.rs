//! What the proposer of a command is told.

use platform_model::Generation;
use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The state has changed.
    Accepted {
        /// Number of the decision.
        sequence: u64,
        /// Of the routing table, after it.
        generation: Generation,
    },
    /// It is so already: nothing was changed and nothing is on record. What repeats a command gets.
    Unchanged { generation: Generation },
    /// Nothing was changed; the refusal is on record.
    Refused { sequence: u64, refusal: Refusal },
}

impl Outcome {
    /// The refusal, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal),
            _ => None,
        }
    }
}
